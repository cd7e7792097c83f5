"""A rectifier's work, done by the convolution before it, which has each number in its hands.

Alone, a ReLU or PReLU reads an array as large as the convolution's output and writes another. Here
it costs a comparison on the way to memory. The convolution is handed the *slopes*:

    None          nothing follows: y = x
    none (0,)     a ReLU:          y = 0 where x < 0
    (filters,)    a PReLU:         y = slope x where x < 0, one slope per filter

A ReLU is no PReLU with slopes 0: 0 times -infinity is NaN.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..device.backend import Array, device_of, read_only
from ..device.cpu_target import cpu_function


def fits(slopes: Array, x: Array, filters: int) -> bool:
    """Return whether the convolution of x can work with these slopes, on the CPU."""
    if device_of(x) != "cpu":
        return False
    alike = device_of(slopes) == "cpu" and slopes.dtype == x.dtype
    return slopes.size == 0 or (alike and slopes.size == filters)


def as_arguments(slopes: np.ndarray | None, x: np.ndarray) -> tuple[bool, np.ndarray]:
    """Return whether to rectify, and slopes of the kind that kernels are compiled for."""
    if slopes is None or not slopes.size:
        return slopes is not None, _none(x.dtype)
    return True, read_only(slopes)


@cache
def _none(dtype):
    return read_only(np.empty(0, dtype))


@cpu_function
def rectify(pixel, slopes):
    """Rectify the numbers of a pixel (filters,) in place; slopes as above, without the None.

    Or those of several pixels, with the slopes as often.
    """
    zero = pixel.dtype.type(0)
    if slopes.size:
        for o in range(pixel.size):
            value = pixel[o]
            pixel[o] = slopes[o] * value if value < zero else value
    else:
        for o in range(pixel.size):
            value = pixel[o]
            pixel[o] = zero if value < zero else value
