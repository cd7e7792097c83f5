"""Many short texts in two arrays: a million names as Python's `str` would take 60 MB more.

    data    all texts in UTF-8, one after the other             uint8
    ends    where each of them ends, in bytes                   int64

A text is decoded when it is asked for. Both arrays go into a file as they are.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np

PART = 1 << 20  # bytes


class Texts(Sequence[str]):
    """A sequence of texts, read only.

    Parameters
    ----------
    data : ndarray of shape (B,), uint8
    ends : ndarray of shape (N,), int64

    Raises
    ------
    ValueError
        The ends are not in order or not those of the data, or a text is no UTF-8.
    """

    def __init__(self, data: np.ndarray, ends: np.ndarray):
        for array, kind in ((data, np.uint8), (ends, np.int64)):
            if array.dtype != kind or array.ndim != 1:
                raise ValueError(
                    f"texts are bytes and their ends, got {array.dtype} {array.shape} instead of "
                    f"{np.dtype(kind)} (N,)"
                )
        last = int(ends[-1]) if len(ends) else 0
        if last != len(data) or (ends[:1] < 0).any() or (ends[1:] < ends[:-1]).any():
            raise ValueError(f"the ends of texts do not fit {len(data)} bytes")
        try:
            _check_utf8(data)
        except UnicodeDecodeError:
            raise ValueError("texts are not in UTF-8") from None
        starts = data[ends[ends < len(data)]]
        if (starts & 0xC0 == 0x80).any():  # a byte that continues a character
            raise ValueError("a text begins within a character")
        self.data, self.ends = data, ends

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """Pack texts.

        Raises
        ------
        ValueError
            UTF-8 cannot hold one of them.
        """
        if isinstance(texts, Texts):
            return texts
        encoded = []
        for text in texts:
            try:
                encoded.append(text.encode())
            except UnicodeEncodeError:
                raise ValueError(f"{text!r} is no valid Unicode") from None
        ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)))
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        start = int(self.ends[place - 1]) if place else 0
        return self.data[start : int(self.ends[place])].tobytes().decode()

    def __add__(self, other: Texts) -> Texts:
        ends = np.concatenate([self.ends, other.ends + len(self.data)])
        return Texts(np.concatenate([self.data, other.data]), ends)


def _check_utf8(data: np.ndarray) -> None:
    """Decode it all, a part at a time."""
    decoder = getincrementaldecoder("utf-8")()
    for start in range(0, len(data), PART):
        decoder.decode(data[start : start + PART].data)
    decoder.decode(b"", final=True)
