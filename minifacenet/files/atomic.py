"""Write files so that a reader, or a crash, never meets half a file; tell contents apart.

A file under way lies in a hidden folder beside the place where it will go, and is moved there when
it is whole. A kill leaves the hidden folder behind. Its lock tells a later `sweep` whether somebody
is at work in it: the operating system frees locks of a process that is gone, however it went.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np

from .locks import free, is_lock, take

# The second form is an older one, which holds the name of the file that was being written.
_UNFINISHED = re.compile(r"\.minifacenet-[0-9a-f]{8}\.tmp|\.(?P<name>.+)-[0-9a-f]{8}\.tmp")
_DAY = 86_400  # seconds


class WriteError(OSError):
    """The error for a file that cannot be written, with the reason in words."""

    reason: str


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Give a path to write to; when the block ends well, that file takes the place of `path`.

    The bytes are on the disk before the name changes, so a kill at any moment leaves the old file
    or the new one, whole. The folder is made if it is missing.

    Raises
    ------
    OSError
        The error names `path` and the reason, whichever file it was that could not be written.
    """
    path = Path(path)
    with workplace(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode  # that of users' files; libraries may write private ones
        yield temporary
        temporary.chmod(mode)
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)


@contextmanager
def workplace(path: str | os.PathLike) -> Iterator[Path]:
    """Give a place to make what will be moved to `path`: its name, in a hidden folder beside it.

    Whatever else a library writes there goes with the folder at the end. The folder's name is
    short, so that every name that a disk allows can be written.

    Raises
    ------
    OSError
        As `replacing`.
    """
    path = Path(path)
    folder = lock = None
    try:
        folder, lock = _hidden_folder(path.parent)
        yield folder / path.name
    except OSError as error:
        if not _is_about(error, path):
            raise
        # One workplace may lie in another; then the inner one has the reason.
        inner = error.reason if isinstance(error, WriteError) else error.strerror
        reason = inner or str(error)
        failed = WriteError(f"{path}: cannot be written ({reason})")
        failed.reason, failed.errno = reason, error.errno
        raise failed from None
    finally:
        free(lock)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def try_to_write(path: str | Path) -> None:
    """Raise OSError, as `replacing` does, if `path` cannot be written now; leave nothing there."""
    with workplace(path) as temporary:
        temporary.write_bytes(b"?")  # a full disk may still take an empty file


def _hidden_folder(parent: Path) -> tuple[Path, int | None]:
    """Make a new folder in `parent`; return it and its lock, None on a disk without locks."""
    while True:
        folder = parent / f".minifacenet-{uuid4().hex[:8]}.tmp"
        folder.mkdir(parents=True)
        try:
            return folder, take(folder)
        except BlockingIOError:
            continue  # a sweep was here first: it removes this one
        except OSError:
            if folder.is_dir():
                return folder, None


def _is_about(error: OSError, path: Path) -> bool:
    """Return whether an error came from writing `path`, not from a file that is read for it."""
    names = [Path(n) for n in (error.filename, error.filename2) if isinstance(n, str | Path)]
    places = {path, *path.parents}
    return not names or any(name in places or _is_hidden_beside(path, name) for name in names)


def _is_hidden_beside(path: Path, name: Path) -> bool:
    return any(
        place.parent == path.parent and _UNFINISHED.fullmatch(place.name)
        for place in (name, *name.parents)
    )


def sweep(folder: str | Path, name: str | None = None, below: bool = False) -> None:
    """Remove files that killed processes left half-written in `folder`, and none under way.

    Parameters
    ----------
    folder : str or path
    name : str, optional
        Given where the folder is not ours alone: hidden folders of older versions, whose names do
        not show that they are ours, are removed only if they were for a file of this name.
    below : bool
        Whether to sweep the folders below it, too; links are not followed.
    """
    for place, folders, _ in os.walk(folder):
        for found in folders:
            match = _UNFINISHED.fullmatch(found)
            if match and (name is None or match["name"] in (None, name, Path(name).stem)):
                _remove_unless_alive(Path(place, found))
        if not below:
            break
        folders[:] = [found for found in folders if not _UNFINISHED.fullmatch(found)]


def _remove_unless_alive(folder: Path) -> None:
    if folder.is_symlink():
        return
    lock = None
    try:
        lock = take(folder)
    except BlockingIOError:
        return
    except OSError:  # a disk without locks; nobody writes one file for so long
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime < _DAY:
                return
    free(lock)
    shutil.rmtree(folder, ignore_errors=True)


def holds_anything(folder: str | Path) -> bool:
    """Return whether `folder` holds more than what a killed process left unfinished."""
    return any(not is_lock(name) and not _UNFINISHED.fullmatch(name) for name in os.listdir(folder))


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write UTF-8 text, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: object) -> None:
    """Write indented JSON, atomically; NaN and infinity are refused, since JSON has neither."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(path: str | Path, header: Iterable[str], rows: Iterable[Iterable]) -> None:
    """Write a table with a header line, UTF-8, atomically."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def digest(*parts: str | np.ndarray) -> str:
    """Return 16 hex digits of the SHA-256 of texts and arrays: one bit of one part changes them.

    An array counts with its dtype and shape; its layout in memory and the machine's byte order do
    not count.
    """
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            text = part.encode()
            total.update(f"text {len(text)}:".encode() + text)
        else:
            data = np.asarray(part, part.dtype.newbyteorder("<"), order="C")
            total.update(f"array {data.dtype.str} {data.shape}:".encode())
            total.update(data.data)
    return total.hexdigest()[:16]
