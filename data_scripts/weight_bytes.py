"""The bytes of a file of weights, taken from the front: no length that stands in them is believed.

The readers of other programs' files build on this. Whatever the bytes say, a reader ends with
arrays or with one `WeightsError`, and takes no more memory than a few times the file.
"""

from __future__ import annotations

import math
import struct

import numpy as np

from minifacenet.data_scripts.fetching import DataError
from minifacenet.files.words import printable, shortened


class WeightsError(DataError):
    """The error for a file of weights that cannot be read; it names the file and the byte."""


class Bytes:
    """What is left of a file.

    Attributes
    ----------
    name : str
        The file's, for messages.
    at : int
        How many bytes are taken.
    """

    def __init__(self, data: bytes | memoryview, name: str):
        self._data, self.name, self.at = memoryview(data), name, 0

    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self.at

    def take(self, size: int, what: str) -> memoryview:
        """The next `size` bytes, a view; `what` they are, for a message."""
        if not 0 <= size <= self.left():
            raise self.error(f"{what} of {size} bytes, but {self.left()} are left")
        self.at += size
        return self._data[self.at - size : self.at]

    def number(self, kind: str, what: str) -> int | float:
        """The next number, of a type as `struct` writes it: 'i', 'q', 'd' and so on."""
        layout = struct.Struct(f"<{kind}")
        return layout.unpack(self.take(layout.size, what))[0]

    def text(self, size: int, what: str) -> str:
        """The next `size` bytes as a text."""
        start, taken = self.at, self.take(size, what)
        try:
            return str(taken, "utf-8")
        except UnicodeDecodeError:
            found = shortened(bytes(taken[:20]), 40)
            raise self.error(f"{what} {found} is no UTF-8", start) from None

    def error(self, reason: str, at: int | None = None) -> WeightsError:
        """The error for what stands at byte `at`, or for what comes next."""
        at = self.at if at is None else at
        return WeightsError(f"{self.name}, byte {at}: {printable(reason)}: get the file anew")


def view(
    storage: np.ndarray,
    offset: int,
    sizes: tuple[int, ...],
    strides: tuple[int, ...],
    data: Bytes,
    start: int,
) -> np.ndarray:
    """The part of a storage that a tensor shows. Nothing is copied, and nothing outside is seen.

    A tensor may not show an element twice by having more of them than the storage: whoever copied
    it would need more memory than the file has.
    """
    fits = min(offset, *sizes, *strides, 0) >= 0 and math.prod(sizes) <= storage.size
    # NumPy has no shape (2**62, 0, 2**62).
    fits = fits and math.prod(max(size, 1) for size in sizes) < 2**60
    last = sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if not fits or (0 not in sizes and offset + last >= storage.size):
        raise data.error(
            f"a tensor with sizes {shortened(sizes, 80)}, strides {shortened(strides, 80)} and "
            f"offset {shortened(offset, 40)} does not fit into its storage of {storage.size}",
            start,
        )
    if 0 in sizes:
        return np.empty(sizes, storage.dtype)
    # Along an axis of one element nothing is stepped, whatever the stride says.
    axes = zip(sizes, strides, strict=True)
    steps = tuple(stride * storage.itemsize if size > 1 else 0 for size, stride in axes)
    return np.lib.stride_tricks.as_strided(storage[offset:], sizes, steps, writeable=False)
