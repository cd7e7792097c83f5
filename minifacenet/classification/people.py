"""The people whom one can be asked for: a folder with everything that naming a photo takes.

    PEOPLE/
        model.safetensors    a copy of the network
        people.safetensors   the classifier on its embeddings

They belong together: distances of one network mean nothing to another. So the classifier's file
holds the digest of its network, and a folder whose two files do not fit is refused.

Nothing is pickled and nothing is fitted again: what is stored are the arrays that `FaceClassifier`
answers from, so an answer stays the same with another version of scikit-learn.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__
from ..arrays import CheckpointError, load_arrays, save_arrays
from ..embedding.checkpoint import model_file
from ..embedding.embedder import Embedder
from ..files import replacing
from ..preprocessing.person_names import person_name
from .classifier import FaceClassifier

FORMAT = 1
FILE = "people.safetensors"


@dataclass(frozen=True)
class People:
    """A network, the people enrolled on it, and where the gate's threshold comes from.

    `photos` is the number of photos that each of `classifier.classes_` was enrolled with.
    """

    embedder: Embedder
    classifier: FaceClassifier
    photos: tuple[int, ...]
    source: str

    def save(self, out: str | Path, model: str | Path) -> None:
        """Write both files into the folder `out`; `model` is the network's file or run."""
        model, out = model_file(model), Path(out)
        copy = out / "model.safetensors"
        if model.resolve() != copy.resolve():
            with replacing(copy) as temporary:
                shutil.copyfile(model, temporary)
        it = self.classifier
        arrays = {name: getattr(it, f"{name}_") for name in ("coef", "intercept", "centroids")}
        save_arrays(
            out / FILE,
            arrays,
            {
                "people_format": FORMAT,
                "version": __version__,
                "people": it.classes_.tolist(),
                "photos": list(self.photos),
                "C": it.C,
                "threshold": it.threshold,
                "source": self.source,
                "model": self.embedder.digest,
                "flip": self.embedder.flip,
                "preprocessing": self.embedder.preprocessing,
            },
        )

    @classmethod
    def load(cls, out: str | Path) -> People:
        """The people in the folder `out`.

        Raises
        ------
        CheckpointError
            A file is missing, damaged or of a newer format, or the two do not belong together.
        """
        out = Path(out)
        if out.name == FILE:
            out = out.parent
        path = out / FILE
        if not path.is_file():
            raise CheckpointError(
                f"'{out}' holds no people (no {FILE}): minifacenet classify fit makes such a folder"
            )
        arrays, stored = load_arrays(path)
        if stored.get("people_format") != FORMAT:
            raise CheckpointError(
                f"{path}: format {stored.get('people_format')!r} of people, but minifacenet "
                f"{__version__} reads {FORMAT}"
            )
        try:
            embedder = Embedder(out, flip=stored["flip"])
            classifier = _classifier(path, stored, arrays)
            belongs = stored["model"] == embedder.digest
            same = stored["preprocessing"] == embedder.preprocessing
            people = cls(embedder, classifier, tuple(stored["photos"]), stored["source"])
        except (KeyError, TypeError, IndexError) as error:
            raise CheckpointError(f"{path}: {error} is missing from it: fit it again") from None
        if not belongs:
            raise CheckpointError(
                f"{path} was fitted on network {stored['model']}, but {out / 'model.safetensors'} "
                f"is {embedder.digest}: fit it again"
            )
        if not same:
            raise CheckpointError(
                f"{path} was fitted on photos as {stored['preprocessing']!r}, but this version "
                f"prepares them as {embedder.preprocessing!r}: fit it again"
            )
        return people


def _classifier(path: Path, stored: dict, arrays: dict[str, np.ndarray]) -> FaceClassifier:
    classifier = FaceClassifier(C=stored["C"], threshold=stored["threshold"])
    names = (person_name(name) if isinstance(name, str) else name for name in stored["people"])
    classifier.classes_ = np.array(list(names))
    classifier.centroids_ = arrays["centroids"]
    classifier.coef_, classifier.intercept_ = arrays["coef"], arrays["intercept"]
    people, dim = classifier.centroids_.shape
    rows = {1: 0, 2: 1}.get(people, people)
    if len(classifier.classes_) != people or classifier.coef_.shape != (rows, dim):
        raise CheckpointError(
            f"{path}: {len(classifier.classes_)} names for {people} people, with an SVM of shape "
            f"{classifier.coef_.shape}: the file is damaged, fit it again"
        )
    classifier.n_features_in_ = dim
    return classifier
