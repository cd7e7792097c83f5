"""Files are read whole, or row by row, if they are files.

A device may never end, and would fill the memory; a pipe whose writer never comes would be waited
for. A list that a user names may come through a pipe, as a shell's `<(...)` does. Files of ours do
not.
"""

import errno
import os
import stat
from pathlib import Path
from typing import TextIO

MOST_PIPED = 2**28
"""Bytes that are taken from a pipe."""


def read_whole(path: str | os.PathLike, piped: bool = False) -> bytes:
    """Return the bytes of a file; of a pipe, too, if it may be one.

    Raises
    ------
    OSError
        It cannot be opened, is no file, or more comes through a pipe than `MOST_PIPED`.
    """
    _check_kind(path, piped)
    with Path(path).open("rb") as file:
        if not stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            return file.read()
        parts, left = [], MOST_PIPED
        while part := file.read(2**16):
            parts.append(part)
            left -= len(part)
            if left < 0:
                raise OSError(errno.EFBIG, "more comes through it than any list has", str(path))
        return b"".join(parts)


def open_table(path: str | os.PathLike) -> TextIO:
    """Open a file, and no pipe, for `csv.reader`.

    Raises
    ------
    OSError
        As `read_whole`.
    """
    _check_kind(path, piped=False)
    return Path(path).open(newline="", encoding="utf-8")


def _check_kind(path: str | os.PathLike, piped: bool) -> None:
    mode = os.stat(path).st_mode
    for wrong, what in (
        (stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "it is a device"),
        (stat.S_ISFIFO(mode) and not piped, "it is a pipe"),
        (stat.S_ISSOCK(mode), "it is a socket"),
    ):
        if wrong:
            raise OSError(errno.EINVAL, what, str(path))
