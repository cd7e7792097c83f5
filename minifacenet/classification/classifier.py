"""Recognition: whose face is this? A linear support vector machine on the embeddings.

For every person p one hyperplane splits p's photos from everybody else's ("one against the rest"):

    score_p(e) = w_p · e + b_p,        name(e) = argmax_p score_p(e)

The SVM chooses w_p and b_p for a wide margin with few photos on the wrong side,

    minimise  1/2 ||w_p||² + C sum_i v_i max(0, 1 - t_i score_p(e_i))²,   t_i = +1 for p, else -1.

The weight v_i is 1 for everybody else's photos, and for p's own ones the mean number of photos of a
person over p's (between two people, each one's own): who has one photo counts as much as who has
twenty. Where all have as many it is 1.

A linear split is enough because the network did the hard part: people are already compact groups
on the sphere. The scores are the only source of the name, so a name and its score never disagree
(with fitted probabilities they can).

An SVM always names somebody, a stranger too. So there is a gate: with m_p the direction of the mean
of p's photos,

    name(e) = p   if  ||e - m_p||² <= threshold,   else 'unknown'

Fitting an SVM takes a time that grows with the square of the number of people. Above `MOST_FOR_SVM`
there is none, and a face gets the name of the nearest m_p, through the same gate: as good (see
`FaceClassifier`), and quick to fit and to ask.

The threshold must come from people whom neither the network nor the SVM has seen (`thresholds.py`).
Where the model knows how crowded it is around each person, each has a gate of their own
(`crowding.py`): the threshold and an allowance.
"""

from dataclasses import dataclass
from numbers import Real
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.svm import LinearSVC
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..files.words import shortened
from .crowding import Crowding, personal_gates
from .labels import one_photo_each_is_enough, with_room_for_strangers
from .mean_directions import mean_directions
from .nearest import Nearest

UNKNOWN = "unknown"
# One fit with two photos each takes 5 s of a core with 1,000 people, 21 s with 2,000, and some
# minutes with LFW's 5,749; to enrol and to measure takes eleven fits.
MOST_FOR_SVM = 1000


@dataclass(frozen=True)
class Answers:
    """The answers for N faces: whom they show, and how far away; arrays of shape (N,).

    Attributes
    ----------
    person, runner_up : ndarray of int64
        The highest and the second score (without an SVM: the nearest and the second), as indices
        into `classes_`; with one person the runner-up is -1.
    distance, runner_up_distance : ndarray of float64
        Squared L2, 0 to 4, to the two people's mean directions; NaN without a runner-up.
    known : ndarray of bool
        Whether `distance` passes the gate.
    threshold : ndarray of float64
        The largest distance at which `person` is named, 0 to 4; infinity without a gate.
    normalised : ndarray of float64
        `distance` less the person's allowance, which may be negative: a gate for all is measured
        on it (`gate_threshold`). Without allowances it is `distance`.
    """

    person: np.ndarray
    runner_up: np.ndarray
    distance: np.ndarray
    runner_up_distance: np.ndarray
    known: np.ndarray
    threshold: np.ndarray
    normalised: np.ndarray


def check_threshold(value: object, name: str = "threshold") -> None:
    """Raise ValueError unless `value` is from 0 to 4, like squared distances of unit vectors."""
    in_range = isinstance(value, Real) and not value < 0 and value <= 4  # holds for a huge int, too
    if isinstance(value, bool) or not in_range:
        raise ValueError(
            f"{name} is a squared L2 distance, a number from 0 to 4, got {shortened(value)}"
        )


class FaceClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that names embeddings: a linear one-against-the-rest SVM with a gate.

    Parameters
    ----------
    C : float, default=1.0
        How much a photo on the wrong side costs. Unit vectors need no search: with 5 photos per
        person, 0.1 to 10 name clear faces alike, and far larger values follow single bad photos.
    threshold : float or None, default=None
        Largest squared L2 distance, 0 to 4, from a face to the person that it is named after. None:
        everybody gets a name.
    crowding : Crowding or None, default=None
        Gives each person a gate of their own, by how crowded it is around them. None: one for all.
    svm : bool or None, default=None
        Whether an SVM chooses the name, or the nearest mean direction. None: an SVM for up to 1,000
        people.
    random_state : int, RandomState or None, default=0
        Order in which the solver visits the photos. The default is fixed: two fits are equal.

    Attributes
    ----------
    classes_ : ndarray of shape (P,)
        The people, sorted.
    coef_ : ndarray of shape (P, D), or (1, D) for two people, (0, D) for one or without an SVM
        The directions w_p. Two people need one hyperplane, positive on the side of `classes_[1]`.
    intercept_ : ndarray of shape (P,), or (1,) for two people, (0,) for one or without an SVM
        The offsets b_p.
    centroids_ : ndarray of shape (P, D)
        The directions m_p, unit vectors.
    allowances_ : ndarray of shape (P,)
        How much wider than `threshold` each person's gate is; 0 without `crowding`.
    n_features_in_ : int
        D, the length of an embedding.
    """

    def __init__(
        self,
        C: float = 1.0,
        threshold: float | None = None,
        random_state: int | np.random.RandomState | None = 0,
        crowding: Crowding | None = None,
        svm: bool | None = None,
    ):
        self.C = C
        self.threshold = threshold
        self.random_state = random_state
        self.crowding = crowding
        self.svm = svm

    @property
    def named_by(self) -> str:
        """How names are found, 'svm' or 'mean'; after :meth:`fit`."""
        return "svm" if len(self.coef_) else "mean"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the people.

        Parameters
        ----------
        X : ndarray of shape (N, D)
            Embeddings.
        y : ndarray of shape (N,)
            The person of each, as strings or whole numbers; unsigned ones become int64, which has
            room for the -1 of a stranger. A single person needs a `threshold`: then the gate alone
            decides, which is verification.

        Raises
        ------
        ValueError
            If there is only one person and no threshold, if the threshold is not a number from 0
            to 4, if somebody is called 'unknown' or the people are True and False, if X and y are
            not finite arrays of matching shapes, or if `crowding` is that of another network.
        """
        self._gate()
        if getattr(getattr(y, "dtype", None), "kind", "") == "T":  # scikit-learn knows U and O
            y = np.asarray(y).astype(object)
        vectors, names = validate_data(self, X, y)
        with one_photo_each_is_enough():
            return self._fit(vectors, with_room_for_strangers(names))

    def _fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        check_classification_targets(y)
        self.classes_, person = np.unique(y, return_inverse=True)
        if self.threshold is not None and self._unknown() in self.classes_:
            raise ValueError(f"nobody can be called {self._unknown()!r}: it stands for strangers")
        if len(self.classes_) < 2 and self.threshold is None:
            raise ValueError(
                f"got one class only, {self.classes_.tolist()[0]!r}: nobody to tell apart. Give a "
                "threshold, and it is verified whether a face is theirs"
            )
        self.centroids_ = mean_directions(X, person)
        self.allowances_ = np.zeros(len(self.centroids_))
        if self.crowding is not None:
            self.allowances_ = self.crowding.allowances(self.centroids_)
        people = len(self.classes_)
        if people == 1 or not (people <= MOST_FOR_SVM if self.svm is None else self.svm):
            self.coef_, self.intercept_ = np.empty((0, X.shape[1])), np.empty(0)
            return self
        svm = LinearSVC(
            C=self.C, class_weight="balanced", random_state=self.random_state, max_iter=10_000
        )
        with one_photo_each_is_enough():
            svm.fit(X, y)
        self.coef_, self.intercept_ = svm.coef_, svm.intercept_
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the score of every person for every embedding.

        Parameters
        ----------
        X : ndarray of shape (N, D)
            Embeddings.

        Returns
        -------
        ndarray of shape (N, P), or (N,) for two people
            Larger means more likely; the columns follow `classes_`. For two people it is the score
            of `classes_[1]`; that of `classes_[0]` is its negative. One person gets (N, 1) zeros.
            Without an SVM it is e · m_p, larger where the mean is nearer; for two people half the
            difference of both.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        ValueError
            If X is not a finite array of D columns.
        """
        check_is_fitted(self)
        return self._scores(validate_data(self, X, reset=False))

    def _scores(self, vectors: np.ndarray) -> np.ndarray:
        if len(self.classes_) == 1:
            return np.zeros((len(vectors), 1))
        if self.named_by == "mean":
            scores = vectors @ self.centroids_.T
            return (scores[:, 1] - scores[:, 0]) / 2 if len(self.classes_) == 2 else scores
        scores = vectors @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def answers(self, X: ArrayLike) -> Answers:
        """Return name, distance and runner-up of every embedding; X and errors are as above."""
        check_is_fitted(self)
        vectors = validate_data(self, X, reset=False)
        by = self._nearest if self.named_by == "mean" else self._scored
        order, distances = by(vectors)
        gates = self.gates()[order[:, 0]]
        alone = len(self.classes_) == 1
        nobody, nowhere = np.full(len(vectors), -1), np.full(len(vectors), np.nan)
        return Answers(
            person=order[:, 0],
            runner_up=nobody if alone else order[:, 1],
            distance=distances[:, 0],
            runner_up_distance=nowhere if alone else distances[:, 1],
            known=distances[:, 0] <= gates,
            threshold=gates,
            normalised=distances[:, 0] - self.allowances_[order[:, 0]],
        )

    def _scored(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the people of the two highest scores, and the distances to them, both (N, 2)."""
        scores = self._scores(X)  # X is checked, and a table has lost its names by now
        if scores.ndim == 1:
            scores = np.stack([-scores, scores], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :2]
        # In float64: a threshold just below a distance would round up to it in float32.
        X = X.astype(np.float64)
        distances = [((X - self.centroids_[best]) ** 2).sum(axis=1) for best in order.T]
        return order, np.stack(distances, axis=1)

    def _nearest(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the two nearest people, or the only one, and the distances to them."""
        means = Nearest(self.centroids_.astype(np.float64))
        return means.search(X.astype(np.float64), min(2, len(self.classes_)))

    def gates(self) -> np.ndarray:
        """Return the largest distance at which each person is named, ndarray of shape (P,); after
        :meth:`fit`. Infinity without a threshold."""
        gate = self._gate()
        if self.threshold is None:
            return np.full(len(self.classes_), gate)
        return personal_gates(gate, self.allowances_)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the person of the highest score, ndarray of shape (N,) with entries of `classes_`;
        a face beyond the gate gets 'unknown', or -1 where the people are numbers."""
        answers = self.answers(X)
        names = self.classes_[answers.person]
        return names if answers.known.all() else np.where(answers.known, names, self._unknown())

    def _unknown(self) -> str | int:
        return -1 if np.issubdtype(self.classes_.dtype, np.number) else UNKNOWN

    def _gate(self) -> float:
        if self.threshold is None:
            return np.inf
        check_threshold(self.threshold)
        return self.threshold
