"""Square faces that a folder gives: kept as pixels, or as files to be read again.

Reading a folder decodes each photo once, since only that shows which ones are damaged. Their pixels
are kept while they fit into the memory that the caller allows. Beyond that they are dropped, and
each face is decoded again in the moment when it is wanted: half a millisecond for a crop of 96
pixels, where nn4_small2 takes nine times as long.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .centre_square import in_channels, square_crop, stack
from .lazy_images import Images, LazyImages
from .photo import decode_photo, read_photo

ENOUGH = 2**26  # bytes of pixels to hold in work that goes part by part: 128 faces of any network


class ListedImages(LazyImages):
    """The centre squares of photos, which are read again each time.

    Parameters
    ----------
    files : sequence of str
    size, channels : int
    """

    def __init__(self, files: list[str], size: int, channels: int):
        super().__init__(len(files), size, channels)
        self.files = files

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read photos; PhotoError if one can no longer be read."""
        size, _, channels = self.one
        out = np.empty((len(rows), *self.one), np.uint8)
        for image, row in zip(out, rows.tolist(), strict=True):
            crop = square_crop(read_photo(self.files[row]), size)
            image[...] = in_channels(crop, channels)
        return out


class Gathered:
    """Collects the faces of a folder, one after the other.

    Parameters
    ----------
    size : int
    channels : {None, 1, 3}
        None means 1 if all faces are grey, else 3.
    memory : int, optional
        Bytes of pixels that may lie in memory. None: as many as there are.
    """

    def __init__(self, size: int, channels: int | None, memory: int | None):
        self.size, self.channels, self.memory = size, channels, memory
        self.files: list[str] = []
        self.crops: list[np.ndarray] = []
        self.deepest = 1

    def add(self, data: bytes, file: Path) -> None:
        """Add the face that a file's bytes hold; PhotoError if they hold none."""
        crop = square_crop(decode_photo(data, file), self.size)
        self.files.append(str(file))
        self.deepest = max(self.deepest, crop.shape[2])
        if self.fits:
            fewer = self.channels is not None and self.channels < crop.shape[2]
            self.crops.append(in_channels(crop, 1) if fewer else crop)
        else:
            self.crops.clear()

    @property
    def fits(self) -> bool:
        """Whether pixels stay in memory: twice, as separate faces and then as one array."""
        face = self.size * self.size * (self.channels or self.deepest)
        return self.memory is None or 2 * len(self.files) * face <= self.memory

    def images(self) -> Images:
        """Return the faces in the order in which they came."""
        channels = self.channels or self.deepest
        if not self.fits:
            return ListedImages(self.files, self.size, channels)
        return stack(self.crops, channels)
