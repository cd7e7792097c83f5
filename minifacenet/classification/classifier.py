"""Recognition: whose face is this? A linear support vector machine on the embeddings.

For every person p one hyperplane splits p's photos from everybody else's ("one against the rest"):

    score_p(e) = w_p · e + b_p,        name(e) = argmax_p score_p(e)

The SVM chooses w_p and b_p for a wide margin with few photos on the wrong side,

    minimise  1/2 ||w_p||² + C sum_i max(0, 1 - t_i score_p(e_i))²,   t_i = +1 for p, -1 otherwise.

A linear split is enough because the network did the hard part: people are already compact groups
on the sphere. The scores are the only source of the name, so a name and its score never disagree
(with fitted probabilities they can).
"""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import LinearSVC
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data


class FaceClassifier(ClassifierMixin, BaseEstimator):
    """Names for embeddings by a linear one-against-the-rest SVM.

    Parameters
    ----------
    C : float, default=1.0
        How much a photo on the wrong side costs. Unit vectors need no search: with 5 photos a
        person, 0.1 to 10 name clear faces alike, and far larger values follow single bad photos.
    random_state : int, RandomState or None, default=0
        Order in which the solver visits the photos. A fixed default: two fits are equal.

    Attributes
    ----------
    classes_ : ndarray of shape (P,)
        The people, sorted.
    coef_ : ndarray of shape (P, D), or (1, D) for two people
        The directions w_p. Two people need one hyperplane, positive on the side of `classes_[1]`.
    intercept_ : ndarray of shape (P,), or (1,) for two people
        The offsets b_p.
    n_features_in_ : int
        D, the length of an embedding.
    """

    def __init__(self, C: float = 1.0, random_state: int | np.random.RandomState | None = 0):
        self.C = C
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the people.

        Parameters
        ----------
        X : ndarray of shape (N, D)
            Embeddings.
        y : ndarray of shape (N,)
            Whose each is, as strings or integers.

        Raises
        ------
        ValueError
            If there is only one person, or if X and y are not finite arrays of matching shapes.
        """
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"got one class only, {self.classes_.tolist()[0]!r}: nobody to tell apart. "
                "Verify instead: compare distances with a threshold (verification.py)"
            )
        svm = LinearSVC(C=self.C, random_state=self.random_state, max_iter=10_000).fit(X, y)
        self.coef_, self.intercept_ = svm.coef_, svm.intercept_
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Scores of every person for every embedding.

        Parameters
        ----------
        X : ndarray of shape (N, D)
            Embeddings.

        Returns
        -------
        ndarray of shape (N, P), or (N,) for two people
            Larger means more likely; the columns follow `classes_`. For two people the score of
            `classes_[1]`, and that of `classes_[0]` is its negative.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ValueError
            If X is not a finite array of D columns.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        scores = X @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The person of the highest score: ndarray of shape (N,) with entries of `classes_`."""
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best]
