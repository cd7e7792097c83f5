"""A whole network beside an engine that knows no backward: `bench --against onnxruntime`, ...

How the comparison is kept fair, whoever the engine is:

- **The same network.** Both compute the one that `Embedder` computes: batch norms are folded into
  the convolutions on both sides, weights are ours, all is float32. The vectors are compared before
  anything is timed.
- **The same input.** It lies in each side's own order beforehand. dlib takes bytes only; beside it
  ours begins with the same bytes.
- **The same threads.** Each engine is told how many, and not to spin while it waits, as far as it
  can be told; `about` says what it was told.
- **The same clock**, see `clock.py`: on one thread the processor time of the *process*. An engine
  may compute on a pool's thread even if it is told to take one, and the caller's own clock would
  miss that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..embedding.architectures import FaceNet
from ..embedding.batches import embed, to_input
from .clock import Call, Timing, time_row
from .network import check_agreement
from .sides import FORWARD, INSTALL, PEERS


@dataclass(frozen=True)
class Engine:
    """A network made ready by somebody else for one batch of photos.

    Attributes
    ----------
    peer : str
        Its name in `sides.PEERS`.
    about : str
        Name, version, what it was told of threads and precision.
    runs : mapping of callables
        By memory layout, or by the engine's own name if it has only one: each computes the batch.
    vectors : callable
        Makes unit vectors (N, dim) of what a run returns; it is not timed.
    takes_bytes : bool
        Whether a run begins with bytes instead of scaled numbers.
    """

    peer: str
    about: str
    runs: Mapping[str, Callable[[], Any]]
    vectors: Callable[[Any], np.ndarray] = field(default_factory=lambda: np.asarray)
    takes_bytes: bool = False


MakeEngine = Callable[[FaceNet, np.ndarray], Engine]  # of a model and photos, uint8 (N, H, W, C)

# Where each engine is made, and the packages that it needs.
MAKERS = {
    "torch": ("against_torch", "torch_engine", ["torch"]),
    "onnxruntime": ("against_onnx", "onnxruntime_engine", ["onnx", "onnxruntime"]),
    "openvino": ("against_onnx", "openvino_engine", ["onnx", "openvino"]),
    "dlib": ("against_dlib", "dlib_engine", ["dlib", "face_recognition_models"]),
    "opencv": ("against_opencv", "opencv_engine", ["cv2", "onnx"]),
}


def engine_maker(name: str) -> MakeEngine:
    """Return the function that makes the engine of this name.

    Raises
    ------
    ValueError
        There is no such engine, or it is not installed.
    """
    if name not in MAKERS:
        raise ValueError(f"there is no yardstick {name!r}: take {', '.join(MAKERS)}")
    module, function, packages = MAKERS[name]
    check_installed(name, packages)
    return getattr(import_module(f".{module}", __package__), function)


def check_installed(name: str, packages: Iterable[str]) -> None:
    """Raise ValueError with the way to install a yardstick, if one of its packages is missing."""
    for package in packages:
        if find_spec(package) is None:
            raise ValueError(
                f"{PEERS[name]}, the yardstick, is not installed in this environment (there is no "
                f"package {package}): {INSTALL[name]}"
            )


def random_faces(model: FaceNet, count: int) -> np.ndarray:
    """Return random photos for the model, uint8 (count, H, W, C): noise takes as long as faces."""
    shape = (count, *model.architecture.input_shape)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def time_forward(
    model: FaceNet, photos: np.ndarray, engine: Engine | None = None, rounds: int = 5
) -> Timing:
    """Time the network for inference on these photos, in turns with the engine.

    Raises
    ------
    ValueError
        The two sides do not compute the same.
    """
    network, x = model.for_inference(), to_input(photos)
    run: Callable[[], np.ndarray] = lambda: network.forward(x)  # noqa: E731
    if engine is not None:
        if engine.takes_bytes:
            run = lambda: embed(network, photos)  # noqa: E731
        theirs = {name: (engine.vectors(own()), None) for name, own in engine.runs.items()}
        check_agreement("the network", (run(), None), theirs)
    count = 2 * len(photos) * model.network.multiply_adds(model.architecture.input_shape)
    return time_row(
        "total",
        {FORWARD: count},
        {FORWARD: Call(run)},
        {name: {FORWARD: Call(own)} for name, own in (engine.runs if engine else {}).items()},
        rounds,
        peer=engine.peer if engine else "torch",
    )
