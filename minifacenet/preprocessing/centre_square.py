"""The centre square of a photo, at the size that a network takes."""

from __future__ import annotations

import numpy as np
from PIL import Image


def square_crop(photo: np.ndarray, size: int) -> np.ndarray:
    """Cut the centre square out of a photo and resize it.

    Takes an ndarray of shape (H, W, 1) or (H, W, 3), uint8, and returns a new one of shape
    (size, size, C), uint8. Shrinking averages over all pixels below a new one (Pillow's bicubic
    filter widens with the scale), so fine patterns fade instead of turning into false coarse ones.
    """
    check_photo(photo, size)
    height, width, channels = photo.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = photo[top : top + side, left : left + side]
    image = Image.fromarray(square[..., 0] if channels == 1 else square)
    resized = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.array(resized).reshape(size, size, channels)


def check_photo(photo: np.ndarray, size: int) -> None:
    """Refuse a photo that is not (H, W, 1) or (H, W, 3) and uint8, or an impossible size.

    Raises
    ------
    ValueError
        The message names the dtype and shape, or the size, that was given.
    """
    whole = isinstance(photo, np.ndarray) and photo.dtype == np.uint8 and photo.ndim == 3
    if not whole or photo.shape[2] not in (1, 3) or photo.size == 0:
        shape = getattr(photo, "shape", None)
        got = type(photo).__name__ if shape is None else f"{photo.dtype} of shape {shape}"
        raise ValueError(f"expected a uint8 photo of shape (H, W, 1) or (H, W, 3), got {got}")
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, got {size}")


def stack(crops: list[np.ndarray], channels: int) -> np.ndarray:
    """Stack crops into shape (N, S, S, channels)."""
    faces = np.empty((len(crops), *crops[0].shape[:2], channels), np.uint8)
    for face, crop in zip(faces, crops, strict=True):
        face[...] = in_channels(crop, channels)
    return faces


def in_channels(crop: np.ndarray, channels: int) -> np.ndarray:
    """Return a crop as grey, (S, S, 1), or with three channels: equal ones if it is grey."""
    if channels < crop.shape[2]:
        return np.array(Image.fromarray(crop).convert("L"))[..., None]
    return np.broadcast_to(crop, (*crop.shape[:2], channels))
