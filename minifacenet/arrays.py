"""Arrays on disk: a safetensors file whose metadata is one JSON text.

Nothing is pickled, so loading a file that somebody sent you runs none of their code. A file is
written whole or not at all.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from .files import replacing
from .nn.layer import Parameter

ENTRY = "minifacenet"


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
    # One entry: safetensors writes several in random order, and equal models would differ as files.
    with replacing(path) as temporary:
        try:
            save_file(whole, temporary, {ENTRY: json.dumps(metadata)})
        except SafetensorError as error:
            raise OSError(str(error)) from None  # `replacing` says for which file


def load_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Arrays and metadata of a file that `save_arrays` wrote."""
    with _opened(path) as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return arrays, _metadata(path, file)


def load_metadata(path: str | Path) -> dict:
    """The metadata alone."""
    with _opened(path) as file:
        return _metadata(path, file)


@contextmanager
def _opened(path):
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such model file")
    try:
        with safe_open(path, framework="numpy") as file:  # closed, and so unmapped, at the end
            yield file
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error})") from None


def _metadata(path, file) -> dict:
    texts = file.metadata() or {}
    if ENTRY not in texts:
        raise CheckpointError(f"{path}: not written by minifacenet, its metadata is {texts}")
    try:
        return json.loads(texts[ENTRY])
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path}: damaged, its metadata is no JSON ({error})") from None


def fill(path: str | Path, parameters: dict[str, Parameter], arrays: dict[str, np.ndarray]) -> None:
    """Put the arrays of the file `path` into the parameters of the same names.

    Raises
    ------
    CheckpointError
        Names, shapes or dtypes differ, or an array holds NaN or infinity.
    """
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
            w[:] = array  # device arrays know no `...`
