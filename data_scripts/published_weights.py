"""What the get_*.py of published networks share: arrays under our names go in, a model comes out.

The model is a file like that of any training of ours, with licence, origin and thresholds in it.
Its digest says that its weights are the published ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from minifacenet.data_scripts.fetching import DataError, Outdated, Spoilt
from minifacenet.data_scripts.pretrained import licence_text
from minifacenet.embedding.architectures import FaceNet
from minifacenet.embedding.checkpoint import add_to_model, load_model, save_model
from minifacenet.embedding.published import PUBLISHED
from minifacenet.files.arrays import fill, load_metadata

THRESHOLDS = Path(__file__).parent / "thresholds"


def write_model(
    name: str, arrays: dict[str, np.ndarray], out: Path, credit: str, copyright: str = ""
) -> None:
    """Write the published network `name` with these arrays, by the names of our parameters.

    `credit` says whose work it is, `copyright` what its licence names, and the licence comes along.

    Raises
    ------
    CheckpointError
        They are not the network's.
    DataError
        They fit the network, but they are not the published ones.
    """
    known = PUBLISHED[name]
    model = FaceNet.blank(known.architecture, known.cut)
    fill(out, model.network.parameters(), arrays)
    _compare(name, model, DataError, out)
    more: dict[str, object] = {
        "origin": known.origin,
        "licence": known.licence,
        "licence_text": licence_text(known.licence, copyright),
        "credit": credit,
    }
    if thresholds := measured(name):
        more["thresholds"] = thresholds
    save_model(out, model, {"published": name}, **more)


def measured(name: str) -> dict | None:
    """The thresholds that travel with a network; None if nobody could measure them."""
    path = THRESHOLDS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def check_model(name: str, path: Path) -> None:
    """Raise where the file holds anything but this network; Spoilt where it once did, and Outdated
    where only the thresholds are those of another version."""
    model = load_model(path)
    if model.architecture != PUBLISHED[name].architecture:
        raise DataError(f"{path} holds {model.architecture.name}, not the published {name}")
    _compare(name, model, Spoilt, path)
    if load_metadata(path).get("thresholds") != measured(name):
        raise Outdated(f"{path} holds other thresholds than this version of minifacenet measured")


def renew_thresholds(name: str, path: Path) -> None:
    """Put the thresholds of this version into a file that `check_model` calls Outdated."""
    add_to_model(path, "thresholds", measured(name))


def _compare(name: str, model: FaceNet, error: type[Exception], path: Path) -> None:
    wanted, found = PUBLISHED[name].digest, model.digest
    if wanted is not None and found != wanted:
        raise error(
            f"{path} holds other weights than those of {name} (digest {found}, not {wanted})"
        )


def in_our_layout(array: np.ndarray) -> np.ndarray:
    """Turn the weights of a convolution, OIHW, to HWIO, and a matrix to inputs x outputs."""
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
