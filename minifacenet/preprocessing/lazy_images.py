"""Images that stay on the disk until somebody asks for them: more faces than memory holds.

    images[0]                 one of them, (S, S, C)
    images[100:132]           some, (32, S, S, C): as from an array, and as new memory each time
    subset(images, index)     fewer, still on the disk

A face of 96 x 96 pixels takes 28 kB, its embedding half a kilobyte, and most work passes over the
faces once, a batch at a time. So a set of faces is either an array, or one of these in its place:
`ListedImages`, whose photos are read again from their files, or `PackedImages`, rows of one file.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

PART = 256  # images that lie in memory at once where all are passed over


class LazyImages(ABC):
    """Images of shape (N, S, S, C), uint8, of which an index reads some.

    An index is what an array's first axis takes: an integer, a slice, integers or a mask.

    Attributes
    ----------
    shape : tuple of int
    rows : ndarray of shape (N,), int64
        Where each image lies in what `read` numbers.
    held : object
        What has to live as long as they can be read: a folder that goes when nobody holds it, or
        None.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    held: object = None

    def __init__(self, count: int, size: int, channels: int):
        self.rows = np.arange(count)
        self.one = (size, size, channels)

    @abstractmethod
    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the images with these numbers, (len(rows), S, S, C), uint8, in new memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.one)

    @property
    def nbytes(self) -> int:
        """Return the bytes of all pixels, wherever they are."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        rows = np.asarray(self.rows[index])
        images = self.read(rows.reshape(-1))
        return images.reshape(*rows.shape, *self.one)

    def __iter__(self) -> Iterator[np.ndarray]:
        for part in in_parts(self):
            yield from part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all: `np.asarray(images)`, for work that needs them at once."""
        if copy is False:
            raise ValueError("these images lie on the disk: an array of them is always a copy")
        return np.asarray(self[:], dtype)

    def subset(self, index: Any) -> LazyImages:
        """Return the images at `index`, read when they are asked for."""
        fewer = copy.copy(self)
        fewer.rows = self.rows[index]
        return fewer


Images = np.ndarray | LazyImages


def subset(images: Images, index: Any) -> Images:
    """Return the images at `index` of the first axis; of those on the disk, none is read."""
    return images.subset(index) if isinstance(images, LazyImages) else images[index]


def in_parts(images: Images, count: int = PART) -> Iterator[np.ndarray]:
    """Yield all images in order, as arrays of at most `count`."""
    for start in range(0, len(images), count):
        yield images[start : start + count]
