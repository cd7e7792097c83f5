"""Models on disk: arrays in a safetensors file, and what they mean as JSON in its header.

Nothing is pickled, so loading a file that somebody sent you runs none of their code. A file is
written whole or not at all.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from .. import __version__
from ..files import replacing
from .architectures import Architecture, FaceNet

FORMAT = 1
PREPROCESSING = "centre square; pixel / 127.5 - 1"  # what batches.to_input expects and does


class CheckpointError(ValueError):
    """A model file that cannot be used, with the reason."""


def save_arrays(path: str | Path, arrays: dict[str, np.ndarray], metadata: dict) -> None:
    """Write arrays and JSON-able metadata, atomically.

    Raises
    ------
    CheckpointError
        An array holds NaN or infinity: what was there before stays.
    """
    bad = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if bad:
        raise CheckpointError(f"{path}: not saved, NaN or infinity in {', '.join(bad)}")
    # safetensors would write a transposed array's memory as it lies, without a word.
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    texts = {key: json.dumps(value) for key, value in metadata.items()}
    with replacing(path) as temporary:
        save_file(whole, temporary, texts)


def load_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Arrays and metadata of a file that `save_arrays` wrote."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such model file")
    try:
        with safe_open(path, framework="numpy") as file:  # closed, and so unmapped, at the end
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            texts = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error})") from None
    try:
        return arrays, {key: json.loads(text) for key, text in texts.items()}
    except json.JSONDecodeError:
        raise CheckpointError(
            f"{path}: not written by minifacenet, its metadata is {texts}"
        ) from None


def save_model(path: str | Path, model: FaceNet, training: dict | None = None) -> None:
    """The weights of a model, with all that is needed to build and feed it again.

    `training` is any JSON-able account of how the weights came about (configuration, seed, data).
    """
    arrays = {name: p.data for name, p in model.network.parameters().items()}
    metadata = {
        "format": FORMAT,
        "minifacenet": __version__,
        "architecture": model.architecture.as_dict(),
        "preprocessing": PREPROCESSING,
        "training": training or {},
    }
    save_arrays(path, arrays, metadata)


def load_model(path: str | Path) -> FaceNet:
    """A saved model: from its file, or from the folder of a run that holds `model.safetensors`.

    Raises
    ------
    CheckpointError
        Missing or damaged file, newer format, other preprocessing, or weights that do not fit the
        network they claim to be of.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    arrays, metadata = load_arrays(path)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format {metadata.get('format')!r}, but minifacenet {__version__} reads "
            f"{FORMAT}"
        )
    if metadata.get("preprocessing") != PREPROCESSING:
        raise CheckpointError(
            f"{path}: trained on photos as {metadata.get('preprocessing')!r}, "
            f"but this version prepares them as {PREPROCESSING!r}"
        )
    try:
        model = FaceNet.new(Architecture(**metadata["architecture"]))
    except (KeyError, TypeError, ValueError, MemoryError) as error:
        raise CheckpointError(
            f"{path}: no network can be built from {metadata.get('architecture')!r} ({error})"
        ) from None
    _fill(path, model.network.parameters(), arrays)
    return model


def _fill(path, parameters, arrays) -> None:
    if parameters.keys() != arrays.keys():
        missing, extra = parameters.keys() - arrays.keys(), arrays.keys() - parameters.keys()
        raise CheckpointError(f"{path}: missing {sorted(missing)}, unexpected {sorted(extra)}")
    for name, parameter in parameters.items():
        array = arrays[name]
        if array.shape != parameter.data.shape or array.dtype != parameter.data.dtype:
            raise CheckpointError(
                f"{path}: {name} is {array.dtype} {array.shape}, "
                f"the network needs {parameter.data.dtype} {parameter.data.shape}"
            )
        if not np.isfinite(array).all():
            raise CheckpointError(f"{path}: {name} holds NaN or infinity")
        with parameter.edit() as w:
            w[...] = array
