"""The gallery of enrolled people: a folder with everything that naming a photo takes.

    PEOPLE/
        model.safetensors    a copy of the network
        people.safetensors   the classifier on its embeddings

They belong together: distances of one network mean nothing to another. So the classifier's file
holds the digest of its network, and a folder whose two files do not fit is refused.

Nothing is pickled and nothing is fitted again: the file stores the arrays that `FaceClassifier`
answers from, so an answer stays the same with another version of scikit-learn.
"""

from __future__ import annotations

import filecmp
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__
from ..embedding.checkpoint import model_file
from ..embedding.embedder import Embedder
from ..files.arrays import CheckpointError, load_arrays, save_arrays
from ..files.atomic import replacing
from ..files.stored import MOST, is_count, is_number
from ..files.words import shortened
from ..preprocessing.person_names import LONGEST, is_person_name, person_name
from .classifier import UNKNOWN, FaceClassifier
from .thresholds import is_distance

FORMAT = 2
ONE_GATE = 1  # an earlier format, without allowances
WITHOUT_SVM = 3  # so many people that none was fitted
FILE = "people.safetensors"
ROUNDING = 1e-3
ARRAYS = ("coef", "intercept", "centroids", "allowances")


@dataclass(frozen=True)
class People:
    """A gallery: a network, the people enrolled on it, and the source of the gate's threshold.

    `photos` is the number of photos that each of `classifier.classes_` was enrolled with.
    """

    embedder: Embedder
    classifier: FaceClassifier
    photos: tuple[int, ...]
    source: str

    def save(self, out: str | Path, model: str | Path) -> None:
        """Write both files into the folder `out`; `model` is the network's file or run.

        Raises
        ------
        ValueError
            The classifier's names of people are not all texts, or one cannot be a name.
        """
        if not all(map(is_person_name, self.classifier.classes_.tolist())):
            raise ValueError(
                f"people are stored by their names, got {shortened(self.classifier.classes_)}: "
                f"fit the classifier on texts, of up to {LONGEST} characters"
            )
        model, out = model_file(model), Path(out)
        copy = out / "model.safetensors"
        if model.resolve() != copy.resolve():
            with replacing(copy) as temporary:
                shutil.copyfile(model, temporary)
        it = self.classifier
        arrays = {name: getattr(it, f"{name}_") for name in ARRAYS}
        without_svm = it.named_by == "mean" and len(it.classes_) > 1
        save_arrays(
            out / FILE,
            arrays,
            {
                "people_format": WITHOUT_SVM if without_svm else FORMAT,
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
        """Load the people in the folder `out`.

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
        written = stored.get("people_format")
        if written not in (ONE_GATE, FORMAT, WITHOUT_SVM):
            raise CheckpointError(
                f"{path}: format {shortened(written)} of people, but minifacenet {__version__} "
                f"reads {ONE_GATE} to {WITHOUT_SVM}"
            )
        _check_stored(path, stored)
        if written == ONE_GATE:
            arrays["allowances"] = np.zeros(len(stored["people"]))
        embedder = Embedder(out, flip=stored["flip"])
        if stored["model"] != embedder.digest:
            raise CheckpointError(
                f"{path} was fitted on network {shortened(stored['model'])[1:-1]}, but "
                f"{out / 'model.safetensors'} is {embedder.digest}: fit it again"
            )
        if stored["preprocessing"] != embedder.preprocessing:
            raise CheckpointError(
                f"{path} was fitted on photos as {shortened(stored['preprocessing'])}, but this "
                f"version prepares them as {embedder.preprocessing!r}: fit it again"
            )
        classifier = _classifier(path, stored, arrays, embedder.architecture.dim)
        return cls(embedder, classifier, tuple(stored["photos"]), stored["source"])


def holds_another_model(out: Path, model: Path) -> bool:
    """Return whether the folder `out` holds a network that differs in any byte from `model`.

    One that a killed `save` has left is the same, and no reason to refuse the next.
    """
    copy, model = out / "model.safetensors", model_file(model)
    return copy.exists() and model.exists() and not filecmp.cmp(copy, model, shallow=False)


def _is_a_list(value, of) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(of, value))


def _is_some(value) -> bool:
    return is_count(value, 1, MOST)


def _is_text(value) -> bool:
    return isinstance(value, str)


# The entries of the metadata, each with its check.
STORED = {
    "people": ("a list of names", lambda value: _is_a_list(value, is_person_name)),
    "photos": ("a list of counts", lambda value: _is_a_list(value, _is_some)),
    "C": ("a number above 0", lambda value: is_number(value, 1e-300, 1e300)),
    "threshold": ("a distance from 0 to 4", lambda value: value is None or is_distance(value)),
    "source": ("a text", _is_text),
    "model": ("a digest", _is_text),
    "flip": ("true or false", lambda value: isinstance(value, bool)),
    "preprocessing": ("a text", _is_text),
}


def _check_stored(path: Path, stored: dict) -> None:
    for name, (what, is_right) in STORED.items():
        if name not in stored:
            raise CheckpointError(f"{path}: {name!r} is missing from it: fit it again")
        if not is_right(stored[name]):
            raise CheckpointError(
                f"{path}: damaged, its {name} should be {what}, and is "
                f"{shortened(stored[name])}: fit it again"
            )
    names = stored["people"]
    if len(set(map(person_name, names))) != len(names):
        raise CheckpointError(f"{path}: damaged, it holds a name twice: fit it again")
    if UNKNOWN in names and stored["threshold"] is not None:
        raise CheckpointError(f"{path}: damaged, somebody in it is called {UNKNOWN!r}")


def _classifier(
    path: Path, stored: dict, arrays: dict[str, np.ndarray], dim: int
) -> FaceClassifier:
    """Return the classifier on embeddings of length `dim`."""
    names, photos = stored["people"], stored["photos"]
    svm = None if stored["people_format"] != WITHOUT_SVM else False
    rows = {1: 0, 2: 1}.get(len(names), len(names)) if svm is None else 0
    needed = {
        "centroids": (len(names), dim),
        "coef": (rows, dim),
        "intercept": (rows,),
        "allowances": (len(names),),
    }
    found = {name: array.shape for name, array in arrays.items()}
    real = all(array.dtype in (np.float32, np.float64) for array in arrays.values())
    if found != needed or len(photos) != len(names) or not real:
        raise CheckpointError(
            f"{path}: {len(names)} names, photos of {len(photos)}, and arrays of "
            f"{shortened(found)} where floats of {needed} belong: the file is damaged, fit it again"
        )
    if np.abs(arrays["allowances"]).max() > 4:
        raise CheckpointError(f"{path}: damaged, an allowance is no distance: fit it again")
    # Their length is 1, or less where a person's embeddings cancel each other out.
    if np.linalg.norm(arrays["centroids"].astype(np.float64), axis=1).max() > 1 + ROUNDING:
        raise CheckpointError(f"{path}: damaged, a mean direction is longer than 1: fit it again")
    classifier = FaceClassifier(C=stored["C"], threshold=stored["threshold"], svm=svm)
    classifier.classes_ = np.array([person_name(name) for name in names])
    classifier.n_features_in_ = dim
    for name, array in arrays.items():
        setattr(classifier, f"{name}_", array)
    return classifier
