"""Augmentation: small random changes to every photo, each time that it is shown.

The network should not mind a mirrored, slightly turned, scaled, shifted, brighter or flatter photo,
so it sees each photo a little different every time. All randomness comes from the generator passed
in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import prange

from ..files.stored import check_fields, option
from ..nn.device.cpu_target import cpu_kernel

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in JPEG
ERASED = 1 / 8, 2 / 5  # sides of an erased rectangle, as shares of the photo's


@dataclass(frozen=True)
class Augmentation:
    """How far a photo may be changed; each change is drawn uniformly from its range.

    The last three are for long trainings on photos from many cameras: each makes the faces harder
    to learn by heart, and the first steps slower. They are off by default.

    Parameters
    ----------
    flip : bool
        Mirror half of the photos.
    rotation : float
        Degrees, to either side, 0 to 180.
    scale, shift : float
        Fractions of the photo's size, to either side.
    brightness, contrast : float
        Fractions of the full range of pixel values, and of the contrast, to either side.
    colour : float
        Fraction, to either side, by which each colour is stronger or weaker than the others.
    grey : float
        Share of the photos that lose their colours.
    erase : float
        Share of the photos that lose a rectangle, an eighth to two fifths of the photo high and
        wide: one random colour takes its place (Zhong et al. 2020, "Random erasing").
    """

    flip: bool = True
    rotation: float = 10.0
    scale: float = 0.1
    shift: float = 0.06
    brightness: float = 0.1
    contrast: float = 0.2
    colour: float = option(0.0, "Change each colour by up to this fraction.", min=0, max=0.99)
    grey: float = option(0.0, "Share of the photos shown in grey.", min=0, max=1)
    erase: float = option(0.0, "Share of the photos that lose a rectangle.", min=0, max=1)

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 <= self.rotation <= 180:
            raise ValueError(f"rotation is an angle from 0 to 180 degrees, got {self.rotation}")
        for name in ("scale", "shift", "brightness", "contrast"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is a fraction from 0 to 1, got {getattr(self, name)}")

    def __call__(
        self, images: np.ndarray, rng: np.random.Generator, part: slice = slice(None)
    ) -> np.ndarray:
        """Return changed copies of uint8 photos (N, H, W, C), float32 in 0..255.

        Of a `part` in one piece, if it is given: `rng` draws for all, so each is changed the same.
        Raises ValueError if the images have other axes.
        """
        if images.ndim != 4:
            raise ValueError(f"photos are of shape (N, H, W, C), got {images.shape}")
        n = len(images)

        def uniform(reach):
            return rng.uniform(-reach, abs(reach), n)  # NumPy takes 0.0 to -0.0 for a range below 0

        angle, zoom = np.deg2rad(uniform(self.rotation)), 1 / (1 + uniform(self.scale))
        shift = np.stack([uniform(self.shift), uniform(self.shift)], axis=1)
        mirror = np.where(rng.random(n) < 0.5, -1.0, 1.0) if self.flip else np.ones(n)
        gain, offset = 1 + uniform(self.contrast), 255 * uniform(self.brightness)
        matrices = _matrices(angle, zoom, mirror)
        changes = matrices, shift, gain.astype(np.float32), offset.astype(np.float32)
        out = np.empty(images[part].shape, np.float32)
        _warp(images[part], *(each[part] for each in changes), out)
        self._recolour(out, rng, n, part)
        self._erase(out, rng, n, part)
        return out

    def _recolour(self, photos: np.ndarray, rng, n: int, part: slice) -> None:
        channels = photos.shape[3]
        if channels != 3:
            return  # grey photos have no colours
        if self.colour:
            gains = 1 + rng.uniform(-self.colour, self.colour, (n, 1, 1, channels))
            photos *= gains[part].astype(np.float32)
            np.minimum(photos, 255, out=photos)
        if self.grey:
            chosen = (rng.random(n) < self.grey)[part]
            photos[chosen] = (photos[chosen] @ LUMA)[..., None]

    def _erase(self, photos: np.ndarray, rng, n: int, part: slice) -> None:
        if not self.erase:
            return
        _, height, width, channels = photos.shape
        first, last, _ = part.indices(n)
        for i in np.flatnonzero(rng.random(n) < self.erase):
            rows, columns = (int(side * rng.uniform(*ERASED)) for side in (height, width))
            top = rng.integers(height - rows + 1)
            left = rng.integers(width - columns + 1)
            colour = rng.uniform(0, 255, channels)
            if first <= i < last:
                photos[i - first, top : top + rows, left : left + columns] = colour


def _matrices(angle, zoom, mirror) -> np.ndarray:
    """Return (N, 2, 2): maps from an output pixel's (y, x) about the centre to the source's."""
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    rows = [np.stack([cos, sin * mirror], axis=1), np.stack([-sin, cos * mirror], axis=1)]
    return np.stack(rows, axis=1)


@cpu_kernel
def _warp(images, matrices, shift, gain, offset, out):
    """Sample each photo bilinearly at the mapped pixels; beyond its edge, take the edge's pixel."""
    n, height, width, channels = images.shape
    one, grey = np.float32(1), np.float32(127.5)
    centre_y, centre_x = (height - 1) / 2, (width - 1) / 2
    for i in prange(n):
        m = matrices[i]
        for y in range(height):
            for x in range(width):
                dy, dx = y - centre_y, x - centre_x
                sy = centre_y + m[0, 0] * dy + m[0, 1] * dx + shift[i, 0] * height
                sx = centre_x + m[1, 0] * dy + m[1, 1] * dx + shift[i, 1] * width
                sy, sx = min(max(sy, 0.0), height - 1.0), min(max(sx, 0.0), width - 1.0)
                top, left = min(int(sy), height - 2), min(int(sx), width - 2)
                fy, fx = np.float32(sy - top), np.float32(sx - left)
                for c in range(channels):
                    a, b = images[i, top, left, c], images[i, top, left + 1, c]
                    upper = (one - fx) * np.float32(a) + fx * np.float32(b)
                    a, b = images[i, top + 1, left, c], images[i, top + 1, left + 1, c]
                    lower = (one - fx) * np.float32(a) + fx * np.float32(b)
                    value = (one - fy) * upper + fy * lower
                    value = (value - grey) * gain[i] + grey + offset[i]
                    out[i, y, x, c] = min(max(value, np.float32(0)), np.float32(255))
