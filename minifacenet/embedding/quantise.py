"""Quantisation: a vector in 128 bytes instead of 512, and distances in whole numbers.

The paper, sections 1 and 5.4: an embedding "can be quantized to 128-bytes without loss in
accuracy". Each of its 128 entries becomes one signed byte, a *code*:

    scale = 127 / max |v|         code_k = round(scale v_k), -127 to 127         v ≈ code / scale

The maximum is that of the vector (scale 'vector': finer, D + 4 bytes per vector) or that of all
vectors (scale 'global': exactly D bytes per vector, and 4 for all of them together).

Between codes a and b of one scale, a squared distance is a sum of whole numbers,

    D = (a·a + b·b - 2 a·b) / scale²,

and between two scales a·a / scale_a² + b·b / scale_b² - 2 a·b / (scale_a scale_b). The products are
summed exactly in int32: |a·b| <= D 127², for D = 128 that is 2,064,512, and up to D = 133,144 it
stays below 2³¹. So with one scale, a distance is rounded once, at the very end: it is symmetric,
never negative, and exactly 0 between equal codes.

How wrong can it be? Rounding moves an entry by half a step at most, and thus a vector by

    eps = sqrt(D) / (2 scale) = sqrt(D) max |v| / 254.

By the triangle inequality the distance (not squared) of x and y moves by e = eps_x + eps_y at most,
and squared,

    |D' - D| <= 2 sqrt(D(x, y)) e + e²       (and some 1e-6 for float32).

An example: 128 dimensions, no entry above 0.3, D(x, y) = 1: e = 0.027, and the bound is 0.054. All
errors would have to conspire for that. Over all pairs of 5,000 random unit vectors they came to a
fifth of the bound at most: 0.021 with one scale for all, 0.013 with one per vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import prange

from ..nn.device.cpu_target import cpu_kernel

SCALES = ("vector", "global")
LARGEST = 127  # not -128: codes are symmetric, as vectors are
MAX_DIM = (2**31 - 1) // LARGEST**2  # 133,144: above it a dot product may not fit in int32
TINY = np.float32(1e-30)  # stands for a smaller maximum: a dead embedding, all 0, has codes 0


@dataclass(frozen=True, eq=False)
class Quantised:
    """Vectors as bytes: entry k of vector i is about `codes[i, k] / scale`, or `/ scale[i]`.

    Attributes
    ----------
    codes : ndarray of shape (N, D), int8
        -127 to 127.
    scale : ndarray of shape (N,) or (), float32
        One for each vector, or one for all.

    Raises
    ------
    ValueError
        A shape or type is wrong, a code is -128, a scale is not positive and finite, or there are
        more than 133,144 dimensions.
    """

    codes: np.ndarray
    scale: np.ndarray

    def __post_init__(self) -> None:
        codes, scale = self.codes, self.scale
        if codes.dtype != np.int8 or codes.ndim != 2:
            raise ValueError(f"codes are int8 of shape (N, D), got {codes.dtype} {codes.shape}")
        if codes.shape[1] > MAX_DIM:
            raise ValueError(
                f"int32 holds dot products of up to {MAX_DIM} dimensions, got {codes.shape[1]}"
            )
        if (codes < -LARGEST).any():
            raise ValueError("codes go from -127 to 127, got -128: not from quantise()")
        if scale.dtype != np.float32 or scale.shape not in ((), codes.shape[:1]):
            raise ValueError(
                f"scale is float32 of shape () or ({len(codes)},), got {scale.dtype} {scale.shape}"
            )
        bad = scale[~(np.isfinite(scale) & (scale > 0))]
        if bad.size:
            raise ValueError(f"a scale is finite and positive, got {bad[0]}")

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def vectors(self) -> np.ndarray:
        """Return the rounded vectors, (N, D), float32. Quantised again they give the same codes."""
        return self.codes / self.scale[..., None]


def quantise(vectors: np.ndarray, scale: str = "vector") -> Quantised:
    """Round vectors to bytes; see the top of the file.

    Parameters
    ----------
    vectors : ndarray of shape (N, D), floating
    scale : 'vector' or 'global'
        One scale per vector (D + 4 bytes each), or one for all (D bytes each).

    Raises
    ------
    ValueError
        There is no such scale, a shape or type is wrong, a value is NaN or infinite, or there are
        more than 133,144 dimensions.
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {scale!r}")
    vectors = np.asarray(vectors)
    if vectors.dtype.kind != "f" or vectors.ndim != 2:
        raise ValueError(
            f"quantise takes floats of shape (N, D), got {vectors.dtype} {vectors.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        raise ValueError(f"NaN or infinity in {bad.size} vectors, first in row {bad[0]}")
    vectors = vectors.astype(np.float32)
    largest = np.abs(vectors).max(axis=1 if scale == "vector" else None, initial=TINY)
    factor = np.asarray(np.float32(LARGEST) / largest)
    return Quantised(np.rint(vectors * factor[..., None]).astype(np.int8), factor)


@cpu_kernel
def _distances(a, b, squares_a, squares_b, steps_a, steps_b, out):
    for i in prange(len(a)):
        for j in range(len(b)):
            dot = np.int32(0)
            for k in range(a.shape[1]):
                # Numba widens every sum to int64; the cast keeps eight int32 lanes instead of four.
                dot = np.int32(dot + np.int32(a[i, k]) * np.int32(b[j, k]))
            step_a, step_b = steps_a[i], steps_b[j]
            if step_a == step_b:
                whole = squares_a[i] + squares_b[j] - 2 * dot
                out[i, j] = step_a * step_a * np.float32(whole)
            else:
                total = step_a * step_a * np.float32(squares_a[i])
                total += step_b * step_b * np.float32(squares_b[j])
                total -= step_a * step_b * np.float32(2 * dot)
                out[i, j] = max(total, np.float32(0))  # rounding alone can go below


def distances(a: Quantised, b: Quantised) -> np.ndarray:
    """Return the squared L2 distances of all vectors of `a` to all of `b`, from the codes.

    Returns
    -------
    ndarray of shape (N, M), float32
        They are at least 0; how far they may be off is derived at the top of the file.

    Raises
    ------
    ValueError
        The vectors of a and b differ in length.
    """
    if a.codes.shape[1] != b.codes.shape[1]:
        raise ValueError(
            f"vectors of {a.codes.shape[1]} and of {b.codes.shape[1]} dimensions do not compare"
        )
    out = np.empty((len(a), len(b)), np.float32)
    codes = [np.ascontiguousarray(q.codes) for q in (a, b)]
    squares = [np.einsum("nk,nk->n", c, c, dtype=np.int32) for c in codes]
    steps = [np.broadcast_to(1 / q.scale, len(q)) for q in (a, b)]
    steps = [np.ascontiguousarray(step, np.float32) for step in steps]
    _distances(*codes, *squares, *steps, out)
    return out
