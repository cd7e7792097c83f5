"""Writing files so that a reader, or a crash, never meets half a file; telling contents apart."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path to write to; when the block ends well, that file takes the place of `path`.

    The bytes are on the disk before the name changes, so a kill at any moment leaves the old file
    or the new one, whole. The folder is made if it is missing. The path lies in a temporary folder
    beside `path`: whatever else a library writes there goes with it.
    """
    path = Path(path)
    folder = path.with_name(f".{path.stem}-{uuid4().hex[:8]}.tmp")
    folder.mkdir(parents=True)
    temporary = folder / path.name
    try:
        temporary.touch()
        mode = (
            temporary.stat().st_mode
        )  # as the user's files are; some libraries write private ones
        yield temporary
        temporary.chmod(mode)
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: str | Path) -> None:
    """Remove what a killed process left half-written in `folder`."""
    for path in Path(folder).glob(".*.tmp"):
        if re.fullmatch(r"\..+-[0-9a-f]{8}\.tmp", path.name) and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """UTF-8 text, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value) -> None:
    """Indented JSON, atomically; NaN and infinity are refused, since JSON has neither."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(path: str | Path, header: Iterable[str], rows: Iterable[Iterable]) -> None:
    """A table with a header line, UTF-8, atomically."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def digest(*parts: str | np.ndarray) -> str:
    """16 hex digits of the SHA-256 of texts and arrays: one bit of one part changes them.

    An array counts with its dtype and shape; its layout in memory and the machine's byte order do
    not count.
    """
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            data = part.encode()
            total.update(f"text {len(data)}:".encode())
        else:
            data = np.asarray(part, part.dtype.newbyteorder("<"), order="C")
            total.update(f"array {data.dtype.str} {data.shape}:".encode())
        total.update(data)
    return total.hexdigest()[:16]
