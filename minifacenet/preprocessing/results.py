"""Results are no photos: they are not written among them, and nobody takes them for a person.

Commands draw pictures. A folder of results among the folders of people would be one person more
for the next command, and in another place after each run.
"""

import json
from pathlib import Path

from ..files.links import real_path

_MODELS = ("model.safetensors", "state.safetensors", "people.safetensors")
_TABLES = {  # file -> sets of keys; it is ours if it has all keys of one
    "config.json": ({"architecture", "training", "held_out"},),
    "metrics.json": ({"closed", "open", "versions"},),
    "verification.json": ({"pairs_same", "auc"}, {"overall_pairs_same", "folds"}),
    "align.json": ({"format", "photos", "crop"},),
    "pack.json": ({"format", "photos", "table"},),
    "lfw.json": ({"overall_pairs_same", "list", "model"},),
}
_SEEDS = "benchmark.csv"  # which begins with:
_COLUMNS = "seed,protocol,method,measure,value"
_LARGEST = 2**20  # bytes; our tables have some kilobytes


def refuse_among(out: Path, photos: Path) -> None:
    """Refuse a place for results that is the folder of photos, or lies in it, links included.

    Raises
    ------
    ValueError
    """
    if not photos.exists():
        return  # reading the photos reports that
    for way in (out.absolute(), real_path(out)):
        if any(place.exists() and place.samefile(photos) for place in (way, *way.parents)):
            raise ValueError(
                f"{out} lies among the photos: choose a folder outside of {photos}, or what is "
                "written there is taken for photos the next time"
            )


def result_in(folder: Path) -> str | None:
    """Return the name of a file that shows that `folder` holds our results; None without one."""
    names = (*_MODELS, *_TABLES, _SEEDS)
    return next((name for name in names if is_ours(folder / name)), None)


def is_ours(path: Path) -> bool:
    """Return whether `path` is a model or a table of results that minifacenet wrote."""
    try:
        if not path.is_file():
            return False
        if path.name in _MODELS:
            from ..files.arrays import (
                load_metadata,  # with Numba, which reading photos does not need
            )

            load_metadata(path)
            return True
        if path.stat().st_size > _LARGEST:
            return False
        text = path.read_text(encoding="utf-8")
        if path.name == _SEEDS:
            return text.startswith(_COLUMNS)
        stored = json.loads(text)
    except (ValueError, OSError, RecursionError):
        return False
    return isinstance(stored, dict) and any(keys <= stored.keys() for keys in _TABLES[path.name])
