"""Sums over all pixels of a batch, channel by channel, in an order that no machine changes.

A sum of floating-point numbers depends on its order, so the order belongs to the shape alone: the
pixels are cut into parts, each is summed from its first pixel to its last, by one thread, and
whoever asked sums the parts, from the first to the last. Two sums are formed in one pass over

    a - mean_a          and          (a - mean_a) (b - mean_b)

since the gradients of a shift and of a scale are such a pair, and a variance is the second one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import prange

from .device.backend import Array, Kernel, blocks, empty, zeros
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel

PARTS = 512  # of the pixels, at most
CHANNELS = 64  # of a CUDA block


# On CUDA a thread owns a channel of a part, neighbours read neighbouring channels. Bound: memory,
# 8 bytes for 4 flops in float32.
@cpu_kernel
def _sums_cpu(a, mean_a, b, mean_b, firsts, seconds):
    parts, channels = firsts.shape
    span = -(-a.shape[0] // parts)
    for part in prange(parts):
        first, second = firsts[part], seconds[part]
        first[:] = 0
        second[:] = 0
        for pixel in range(part * span, min((part + 1) * span, a.shape[0])):
            for c in range(channels):
                value = a[pixel, c] - mean_a[c]
                first[c] += value
                second[c] += value * (b[pixel, c] - mean_b[c])


@cuda_kernel
def _sums_grid(a, mean_a, b, mean_b, span, firsts, seconds):
    c, part = cuda.grid(1), cuda.blockIdx.y
    if c < firsts.shape[1]:
        first = second = a.dtype.type(0)
        for pixel in range(part * span, min((part + 1) * span, a.shape[0])):
            value = a[np.uint32(pixel), np.uint32(c)] - mean_a[c]
            first += value
            second += value * (b[np.uint32(pixel), np.uint32(c)] - mean_b[c])
        firsts[part, c] = first
        seconds[part, c] = second


def _sums_cuda(a, mean_a, b, mean_b, firsts, seconds):
    parts, channels = firsts.shape
    _sums_grid[(blocks(channels, CHANNELS), parts), CHANNELS](
        a, mean_a, b, mean_b, blocks(a.shape[0], parts), firsts, seconds
    )


_sums = Kernel(_sums_cpu, _sums_cuda)


def partial_sums(
    a: Array, mean_a: Array | None, b: Array, mean_b: Array | None
) -> tuple[Array, Array]:
    """Return both sums (parts, C) of a and b (pixels, C); a mean (C,) that is None counts as 0."""
    pixels, channels = a.shape
    zero = zeros((channels,), like=a)
    mean_a, mean_b = (zero if mean is None else mean for mean in (mean_a, mean_b))
    parts = max(1, min(PARTS, pixels // CHANNELS))  # the shape decides, not the machine
    firsts, seconds = (empty((parts, channels), like=a) for _ in range(2))
    _sums(a, mean_a, b, mean_b, firsts, seconds)
    return firsts, seconds


def over_ranks(
    sums: tuple[Array, Array], pixels: int, add: Callable[[np.ndarray], object]
) -> tuple[tuple[Array, Array], int]:
    """Return both sums (1, C) and the number of pixels of all ranks that share a batch.

    `sums` (parts, C) and `pixels` are this rank's; `add` adds to a float64 array, in place, those
    of the others. On the CPU only.
    """
    every = np.concatenate([*(part.sum(axis=0, dtype=np.float64) for part in sums), [pixels]])
    add(every)
    first, second = every[:-1].astype(sums[0].dtype).reshape(2, 1, -1)
    return (first, second), int(every[-1])
