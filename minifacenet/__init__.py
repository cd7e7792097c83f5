"""minifacenet: FaceNet rebuilt by hand in NumPy and Numba.

The names below are the short public list. They are imported when first used, so that
`import minifacenet` stays fast.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOME = {
    "Architecture": "embedding.architectures",
    "FaceNet": "embedding.architectures",
    "TrainConfig": "training.settings",
    "train": "training.loop",
    "Embedder": "embedding.embedder",
    "load_model": "embedding.checkpoint",
    "save_model": "embedding.checkpoint",
    "FaceClassifier": "classification.classifier",
    "People": "classification.people",
    "Thresholds": "classification.thresholds",
    "cluster": "classification.clustering",
    "verify": "classification.verification_scores",
    "read_faces": "preprocessing.read_folder",
    "read_photos": "preprocessing.read_folder",
}
__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return __all__
