"""minifacenet: FaceNet rebuilt by hand in NumPy and Numba.

The names below are the short public list. They are imported when first used, so that
`import minifacenet` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "Faces": "preprocessing.faces",
    "read_faces": "preprocessing.read_folder",
    "read_photos": "preprocessing.read_folder",
    "read_photo": "preprocessing.photo",
    "Detector": "preprocessing.detector",
    "aligned_crop": "preprocessing.square_crops",
    "CropSettings": "preprocessing.choose_and_cut",
    "align_folder": "preprocessing.align_folder",
    "Architecture": "embedding.architectures",
    "FaceNet": "embedding.architectures",
    "Embedder": "embedding.embedder",
    "load_model": "embedding.checkpoint",
    "save_model": "embedding.checkpoint",
    "FaceClassifier": "classification.classifier",
    "Gallery": "classification.gallery",
    "People": "classification.people",
    "enrol": "classification.enrolment",
    "recognise": "classification.recognition",
    "Thresholds": "classification.thresholds",
    "cluster": "classification.clustering",
    "pair_distances": "classification.verification",
    "verify": "classification.verification_scores",
    "TrainConfig": "training.settings",
    "train": "training.loop",
    "Observer": "training.observer",
    "RunConfig": "experiment.settings",
    "run": "experiment.run",
}
__all__ = ["__version__", *sorted(_HOME)]

if TYPE_CHECKING:  # what a type checker and an editor see
    from .classification.classifier import FaceClassifier as FaceClassifier
    from .classification.clustering import cluster as cluster
    from .classification.enrolment import enrol as enrol
    from .classification.gallery import Gallery as Gallery
    from .classification.people import People as People
    from .classification.recognition import recognise as recognise
    from .classification.thresholds import Thresholds as Thresholds
    from .classification.verification import pair_distances as pair_distances
    from .classification.verification_scores import verify as verify
    from .embedding.architectures import Architecture as Architecture
    from .embedding.architectures import FaceNet as FaceNet
    from .embedding.checkpoint import load_model as load_model
    from .embedding.checkpoint import save_model as save_model
    from .embedding.embedder import Embedder as Embedder
    from .experiment.run import run as run
    from .experiment.settings import RunConfig as RunConfig
    from .preprocessing.align_folder import align_folder as align_folder
    from .preprocessing.choose_and_cut import CropSettings as CropSettings
    from .preprocessing.detector import Detector as Detector
    from .preprocessing.faces import Faces as Faces
    from .preprocessing.photo import read_photo as read_photo
    from .preprocessing.read_folder import read_faces as read_faces
    from .preprocessing.read_folder import read_photos as read_photos
    from .preprocessing.square_crops import aligned_crop as aligned_crop
    from .training.loop import train as train
    from .training.observer import Observer as Observer
    from .training.settings import TrainConfig as TrainConfig
else:  # hidden from them: they would take any name for one that is here

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
