"""One process at a time works in a folder: the system frees its lock when the process is gone.

The lock is on an empty file in the folder, removed at the end. After a kill the file stays, and
nobody holds it: it keeps nobody out, and the next process removes it. Where others may work in the
folder, too, it is the files that are locked, by the name of the first of them.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = ".minifacenet.lock"
_LOCK_OF_NAME = re.compile(r"\.minifacenet-[0-9a-f]{8}\.lock")
_TRIES = 10

# Folders that this thread holds: `run_seeds` and a command lock what the functions below them lock.
_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Keep all others out of `folder` during the block; the folder is made if it is missing.

    A folder that was made and is still empty at the end is removed. A thread may lock again what it
    holds. Where a disk has no locks, or takes no file, all goes on without one.

    Raises
    ------
    ValueError
        Another process (or thread) is at work there, or `folder` is a file.
    OSError
        The folder cannot be made.
    """
    folder = Path(folder)
    key = folder.resolve()
    if key in _held.get():
        yield
        return
    with made(folder):
        lock = _lock_of(folder)
        before = _held.set(_held.get() | {key})
        try:
            yield
        finally:
            _held.reset(before)
            free(lock, folder)


@contextmanager
def locked_name(path: str | Path) -> Iterator[None]:
    """Keep others who lock it, too, from writing `path` during the block; its folder is there.

    Raises
    ------
    ValueError
        Another process (or thread) writes it.
    """
    path = Path(path)
    # As short for the longest name that a disk allows.
    name = f".minifacenet-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}.lock"
    lock = None
    try:
        lock = take(path.parent, name)
    except BlockingIOError:
        raise ValueError(
            f"{path}: another minifacenet writes it: wait for its end, or choose another place"
        ) from None
    except OSError:
        pass  # as in `locked`
    try:
        yield
    finally:
        free(lock, path.parent, name)


def is_lock(name: str) -> bool:
    """Tell whether a file of this name is one of our locks."""
    return name == LOCK or _LOCK_OF_NAME.fullmatch(name) is not None


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make the folder for the block; if it was missing and stays empty, remove it at the end.

    Raises
    ------
    ValueError
        `folder`, or one that it lies in, is a file.
    OSError
        The folder cannot be made.
    """
    missing = _make(folder)
    try:
        yield
    finally:
        for place in missing:
            with suppress(OSError):  # a folder that holds something stays
                place.rmdir()


def _lock_of(folder: Path) -> int | None:
    try:
        return take(folder)
    except BlockingIOError:
        raise ValueError(
            f"{folder}: another minifacenet is at work in it: wait for its end, or choose another "
            "folder"
        ) from None
    except OSError:
        return None  # then we go on without a lock


def _make(folder: Path) -> list[Path]:
    """Make a folder; returns those that were missing, the innermost first."""
    places = (folder, *folder.parents)
    try:
        missing = [place for place in places if not place.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        for place in places:
            if os.path.lexists(place) and not place.is_dir():
                where = "" if place == folder else f", so {folder} cannot be made"
                raise ValueError(f"{place} is no folder{where}: choose another place") from None
        raise OSError(f"{folder}: cannot be made ({error.strerror})") from None
    return missing


def take(folder: Path, name: str = LOCK) -> int:
    """Lock `folder`, by a file of this name in it, and return what `free` takes.

    Raises
    ------
    BlockingIOError
        It is locked.
    OSError
        There is no such folder, or its disk has no locks, or takes no file.
    """
    path = folder / name
    for _ in range(_TRIES):
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(number)
            # Whoever had it may have removed the file meanwhile: then this lock keeps nobody out.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), os.fstat(number)):
                    return number
        except BaseException:
            os.close(number)
            raise
        os.close(number)
    raise OSError(f"{path}: changes all the time")


def free(lock: int | None, folder: Path | None = None, name: str = LOCK) -> None:
    """Unlock what `take` returned; with `folder`, also remove its file."""
    if lock is None:
        return
    # It is removed while it is ours, except on Windows, which does not remove an open file.
    if folder is not None and sys.platform != "win32":
        with suppress(OSError):
            os.unlink(folder / name)
    with suppress(OSError):
        _unlock(lock)  # a forked child may have the file open, and closing alone would not do
    os.close(lock)
    if folder is not None and sys.platform == "win32":
        with suppress(OSError):  # somebody else has it by now
            os.unlink(folder / name)


if sys.platform != "win32":

    def _lock(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_UN)

else:

    def _lock(number: int) -> None:
        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError("locked") from None

    def _unlock(number: int) -> None:
        msvcrt.locking(number, msvcrt.LK_UNLCK, 1)
