"""Models on disk, `model.safetensors`: the weights, and what is needed to build and feed them.

Nothing is pickled, so loading a file that somebody sent you runs none of their code. A file is
written whole or not at all. See `training.state` for trainings under way.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import __version__
from ..files.arrays import (
    CheckpointError,
    Layout,
    check_layout,
    fill,
    load_arrays,
    open_arrays,
    save_arrays,
)
from ..files.stored import settings_of
from ..files.words import shortened
from ..nn.device.backend import to_device
from ..preprocessing.crop_note import are_words
from .architectures import Architecture, FaceNet
from .batches import SCALING
from .published import published_file

FORMAT = 1


def save_model(
    path: str | Path, model: FaceNet, training: dict | None = None, **more: object
) -> None:
    """Save the weights of a model, with all that is needed to build and feed it again.

    `training` is any JSON-able account of how the weights came about (configuration, seed, data);
    `more` is stored beside it, such as thresholds or a licence.
    """
    arrays = {name: to_device(p.data, "cpu") for name, p in model.network.parameters().items()}
    save_arrays(path, arrays, {**header(model), "training": training or {}, **more})


def model_file(path: str | Path) -> Path:
    """Return the file of a model: `path` itself, the one in a run's folder, or a published one.

    Errors are those of `published_file`, for a name that is no file and no folder.
    """
    path = Path(path)
    if path.is_dir():
        return path / "model.safetensors"
    known = None if path.exists() else published_file(str(path))
    return path if known is None else known


def load_model(path: str | Path) -> FaceNet:
    """Load a saved model: from its file, a run's folder, or by the name of a published network.

    The header is checked against the arrays before memory is taken for them.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, of a newer format or another scaling of pixels, or its weights
        do not fit the network that it names.
    """
    path = model_file(path)
    with open_arrays(path) as file:
        cut = check_header(path, file.metadata)
        try:
            architecture = settings_of(Architecture, file.metadata["architecture"], "architecture")
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{path}: no network can be built from "
                f"{shortened(file.metadata.get('architecture'))} ({error})"
            ) from None
        model = blank_model(path, architecture, cut, file.layout)
        arrays = file.read()
    check_variances(path, arrays)
    fill(path, model.network.parameters(), arrays)
    return model


def check_variances(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Raise CheckpointError for a batch norm's variance below 0, whose square root is NaN."""
    for name, array in arrays.items():
        if name.endswith("running_variance") and (array < 0).any():
            raise CheckpointError(f"{path}: damaged, {name} holds a variance below 0")


def blank_model(path: str | Path, architecture: Architecture, cut: str, layout: Layout) -> FaceNet:
    """Return an empty network for the arrays of the file `path`, after checking their layout."""
    try:
        model = FaceNet.blank(architecture, cut)
    except (ValueError, OverflowError, MemoryError) as error:
        raise CheckpointError(
            f"{path}: no network can be built from {shortened(architecture)} ({error})"
        ) from None
    check_layout(path, weights_of(model), layout)
    return model


def weights_of(model: FaceNet) -> Layout:
    parameters = model.network.parameters().items()
    return {name: (np.dtype(p.dtype), tuple(p.shape)) for name, p in parameters}


def add_to_model(path: str | Path, name: str, value: object) -> None:
    """Store something JSON-able under `name` with a saved model, such as its thresholds."""
    arrays, metadata = load_arrays(path)
    save_arrays(path, arrays, {**metadata, name: value})


def header(model: FaceNet) -> dict:
    return {
        "format": FORMAT,
        "version": __version__,
        "architecture": model.architecture.as_dict(),
        "preprocessing": model.preprocessing,
    }


def check_header(path: str | Path, metadata: dict) -> str:
    """Return how its training's faces were cut; a CheckpointError if we cannot prepare such."""
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format {shortened(metadata.get('format'))}, but minifacenet {__version__} "
            f"reads {FORMAT}"
        )
    preprocessing = metadata.get("preprocessing")
    cut, _, scaling = str(preprocessing).rpartition("; ")
    if not are_words(cut) or scaling != SCALING:
        raise CheckpointError(
            f"{path}: trained on photos as {shortened(preprocessing)}, "
            f"but this version prepares them as '...; {SCALING}'"
        )
    return cut
