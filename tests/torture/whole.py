"""Is a file whole? Each kind by what its own readers say."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from minifacenet.files.arrays import load_arrays


def _read_image(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def _read_table(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    rows = [*csv.reader(text.splitlines())]
    if not text.endswith("\n") or len({len(row) for row in rows}) != 1:
        raise ValueError("a row is not whole")


def _read_page(path: Path) -> None:
    if not path.read_text(encoding="utf-8").rstrip().endswith("</html>"):
        raise ValueError("no end of the page")


READERS: dict[str, Callable[[Path], object]] = {
    ".safetensors": load_arrays,
    ".npy": lambda path: np.load(path, allow_pickle=False),
    ".csv": _read_table,
    ".html": _read_page,
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".png": _read_image,
    ".jpg": _read_image,
}


def half_written(place: Path, whole: dict[str, bytes]) -> list[str]:
    """Return the files in sight that no reader takes, and that are not as in `whole`.

    What is called unfinished says so by its name.
    """
    wrong = []
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        hidden = any(part.startswith(".minifacenet") for part in name.split("/"))
        if hidden or path.is_dir() or path.stem == "unfinished" or path.name.endswith(".lock"):
            continue
        if path.read_bytes() == whole.get(name):
            continue
        try:
            READERS.get(path.suffix, load_arrays)(path)
        except Exception as error:
            wrong.append(f"{name} ({error})")
    return wrong
