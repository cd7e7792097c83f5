"""Names that we make up for files: which ones a disk takes for the same, how long they may be."""

from __future__ import annotations

import hashlib
import unicodedata

MOST_BYTES = 255  # of a name, in UTF-8, on nearly every disk


def as_a_disk_sees(name: str) -> str:
    """Return a text that is equal for names differing only in case or in the form of accents,
    which a disk may take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def fitting(path: str, room: int = 0) -> str:
    """Return `path`, its last part short enough for a disk even with `room` bytes added to it.

    A name that is too long is cut, and gets a digest of all of it, so that no two become the same.

    Parameters
    ----------
    path : str
        With '/'.
    room : int
        Bytes kept free, such as those of an ending.

    >>> fitting("Ada/" + "x" * 300, len(".png"))[-20:]
    'xxxxxxxxxxx-0d4e2ca9'
    """
    folder, slash, name = path.rpartition("/")
    data = name.encode("utf-8", "surrogateescape")
    if len(data) + room <= MOST_BYTES:
        return path
    mark = f"-{hashlib.sha256(data).hexdigest()[:8]}"
    kept = data[: max(0, MOST_BYTES - room - len(mark))].decode("utf-8", "ignore")
    return f"{folder}{slash}{kept}{mark}"
