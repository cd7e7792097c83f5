"""LRN: local response normalisation. A channel is damped by its neighbours' activity.

    s[c] = k + (alpha / n) * sum of x[c']^2 over the n channels c' around c (fewer at the ends)
    y[c] = x[c] * s[c]^(-beta)

Backward. x[c] enters y[c] directly, and through s the outputs y[j] of all channels j whose
neighbourhood holds c; since the neighbourhood is symmetric, these are the neighbours of c:

    dy[j]/dx[c] = [j = c] s[c]^(-beta)  -  beta * y[j] / s[j] * (2 alpha / n) * x[c]

    dx[c] = dout[c] s[c]^(-beta)  -  (2 alpha beta / n) x[c] * sum over neighbours j of
                                                                 dout[j] y[j] / s[j]

The squares set the range: above 1.8e19 they are infinite in float32, and y is 0, where with the
constants below it would be less than 1e-6.

Shapes: any (..., C), channels last. Every pixel is independent. The scale s is computed anew in the
backward: that is cheaper than keeping it.

The paper's Table 1 says "rnorm" and no more. We take n=5, alpha=1e-4, beta=0.75 from AlexNet
(Krizhevsky et al. 2012, section 3.3) with k=1 and alpha divided by n, as Caffe, PyTorch and
OpenFace do. beta = 0.75 needs no power: s^(-3/4) = 1 / (sqrt(s) sqrt(sqrt(s))).
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .device.backend import CUDA_THREADS, Array, Kernel, as_pixels, blocks, element, empty
from .device.cpu_target import cpu_function, cpu_kernel
from .device.cuda_target import cuda, cuda_function, cuda_kernel
from .layer import Layer

# -- Reference -----------------------------------------------------------------------------------


def lrn_forward(
    x: np.ndarray, n: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> tuple[np.ndarray, tuple]:
    s = k + alpha / n * _neighbours(x**2, n)
    return x * s**-beta, (x, s, n, alpha, beta)


def lrn_backward(dout: np.ndarray, cache: tuple) -> np.ndarray:
    x, s, n, alpha, beta = cache
    y = x * s**-beta
    return dout * s**-beta - 2 * alpha * beta / n * x * _neighbours(dout * y / s, n)


def _neighbours(v, n):
    """Return for each channel the sum over the n channels around it."""
    half, channels = n // 2, v.shape[-1]
    columns = [v[..., max(0, c - half) : c + half + 1].sum(axis=-1) for c in range(channels)]
    return np.stack(columns, axis=-1)


# -- One element, for both targets ---------------------------------------------------------------


def _damping(s, beta):
    """Return s^(-beta)."""
    if beta == type(s)(0.75):
        root = math.sqrt(s)
        return type(s)(1) / (root * math.sqrt(root))
    return s**-beta


_damping_cpu, _damping_cuda = element(_damping)


# -- Kernels: x and dout as (pixels, C); `a` is alpha / n ----------------------------------------

PIXELS = 64  # pixels of one CPU task, which share two rows of scratch
MOST_CHANNELS = 1024  # on CUDA: the threads of a block, one per channel
SHARED = 2 * MOST_CHANNELS  # numbers of whole pixels, each with n // 2 zeros at both ends


@cpu_function
def _neighbour_sums(padded, n, sums):
    """Set sums[c] = padded[c] + ... + padded[c + n - 1]; c is innermost, so that it vectorises."""
    sums[:] = padded[: sums.size]
    for j in range(1, n):
        shifted = padded[j : j + sums.size]
        for c in range(sums.size):
            sums[c] += shifted[c]


@cpu_function
def _forward_usual(v, squares, a, k, y):
    """Compute a pixel's y for n = 5 and beta = 0.75, which the compiler then knows: a third of the
    time, for the sums stay in registers.
    """
    one = v.dtype.type(1)
    for c in range(v.size):
        squares[c + 2] = v[c] * v[c]
    for c in range(v.size):
        total = squares[c] + squares[c + 1] + squares[c + 2] + squares[c + 3] + squares[c + 4]
        root = math.sqrt(k + a * total)
        y[c] = v[c] * (one / (root * math.sqrt(root)))


@cpu_kernel
def _forward_cpu(x, n, a, beta, k, out):
    pixels, channels = x.shape
    usual = n == 5 and beta == x.dtype.type(0.75)
    for task in prange(-(-pixels // PIXELS)):
        squares = np.zeros(channels + n - 1, x.dtype)  # n // 2 zeros at both ends
        sums = np.empty(channels, x.dtype)
        for pixel in range(task * PIXELS, min(pixels, (task + 1) * PIXELS)):
            v, y = x[pixel], out[pixel]
            if usual:
                _forward_usual(v, squares, a, k, y)
            else:
                for c in range(channels):
                    squares[c + n // 2] = v[c] * v[c]
                _neighbour_sums(squares, n, sums)
                for c in range(channels):
                    y[c] = v[c] * _damping_cpu(k + a * sums[c], beta)


@cuda_function
def _pad(line, c, channels, n, padded):
    """Put zeros at both ends of the pixel that begins at `line`, one per thread."""
    if c < n - 1:
        padded[np.uint32(line + (c if c < n // 2 else channels + c))] = padded.dtype.type(0)


@cuda_function
def _square(x, n, squares):
    """Lay out this thread's square; return pixel, channel, the pixel's line, whether inside, x."""
    c, row = np.uint32(cuda.threadIdx.x), cuda.threadIdx.y
    pixel = np.uint32(cuda.blockIdx.x * cuda.blockDim.y + row)
    pixels, channels = x.shape
    line = row * (channels + n - 1)
    mine = pixel < pixels and c < channels
    value = x[pixel, c] if mine else x.dtype.type(0)
    if c < channels:
        squares[np.uint32(line + n // 2 + c)] = value * value
    _pad(line, c, channels, n, squares)
    return pixel, c, line, mine, value


@cuda_function
def _sum_neighbours(padded, start, n):
    total, j, end = padded.dtype.type(0), np.uint32(start), np.uint32(start + n)
    while j < end:
        total += padded[j]
        j = np.uint32(j + 1)
    return total


# One thread per output, a block some whole pixels, so that nothing is divided to find pixel and
# channel. The squares go to shared memory, where each serves its n neighbours. Bound: memory. An
# element in float32 is 4 bytes in and 4 out, for 2 n + 7 flops, two roots and a division.
# Next: fusing it with the pooling before or after it, to save a trip to memory.
@cuda_kernel
def _forward_grid(x, n, a, beta, k, out):
    squares = cuda.shared.array(SHARED, x.dtype)
    pixel, c, line, mine, value = _square(x, n, squares)
    cuda.syncthreads()  # the squares are complete
    if mine:
        s = k + a * _sum_neighbours(squares, line + c, n)
        out[pixel, c] = value * _damping_cuda(s, beta)


@cpu_kernel
def _backward_cpu(dout, x, n, a, beta, k, dx):
    pixels, channels = x.shape
    slope = (a + a) * beta
    for task in prange(-(-pixels // PIXELS)):
        squares = np.zeros(channels + n - 1, x.dtype)
        shares = np.zeros(channels + n - 1, x.dtype)  # dout y / s
        sums = np.empty(channels, x.dtype)
        for pixel in range(task * PIXELS, min(pixels, (task + 1) * PIXELS)):
            v, d, g = x[pixel], dout[pixel], dx[pixel]
            for c in range(channels):
                squares[c + n // 2] = v[c] * v[c]
            _neighbour_sums(squares, n, sums)
            for c in range(channels):
                g[c] = d[c] * _damping_cpu(k + a * sums[c], beta)
            for c in range(channels):  # in its own loop: few enough arrays to vectorise
                shares[c + n // 2] = g[c] * v[c] / (k + a * sums[c])
            _neighbour_sums(shares, n, sums)
            for c in range(channels):
                g[c] -= slope * v[c] * sums[c]


# As above, then once more: every thread works out its channel's share, dout y / s, and lays it out
# for its neighbours: each would otherwise need n scales of n squares. Bound: memory. An element in
# float32 is 8 bytes in and 4 out, for 3 n + 14 flops, two roots and two divisions among them.
# Next: as above.
@cuda_kernel
def _backward_grid(dout, x, n, a, beta, k, dx):
    squares = cuda.shared.array(SHARED, x.dtype)
    shares = cuda.shared.array(SHARED, x.dtype)
    pixel, c, line, mine, value = _square(x, n, squares)
    _pad(line, c, x.shape[1], n, shares)
    cuda.syncthreads()  # the squares are complete
    direct = x.dtype.type(0)
    if mine:
        s = k + a * _sum_neighbours(squares, line + c, n)
        direct = dout[pixel, c] * _damping_cuda(s, beta)
        shares[np.uint32(line + n // 2 + c)] = direct * value / s
    cuda.syncthreads()  # the shares are complete
    if mine:
        total = _sum_neighbours(shares, line + c, n)
        dx[pixel, c] = direct - (a + a) * beta * value * total


def _forward_cuda(x, n, a, beta, k, out):
    _forward_grid[_grid(x, n)](x, n, a, beta, k, out)


def _backward_cuda(dout, x, n, a, beta, k, dx):
    _backward_grid[_grid(x, n)](dout, x, n, a, beta, k, dx)


def _grid(x, n: int):
    """Return the number of blocks, and the threads of each: (channels, pixels)."""
    pixels, channels = x.shape
    if max(channels, n) > MOST_CHANNELS:
        raise ValueError(
            f"LRN on CUDA takes at most {MOST_CHANNELS} channels, and neighbours, got {channels} "
            f"and {n}: run this network on the CPU"
        )
    across = max(channels, n - 1)  # one for each channel, and for each zero at the ends
    rows = max(1, CUDA_THREADS // (channels + n - 1))
    return blocks(pixels, rows), (across, rows)


_forward = Kernel(_forward_cpu, _forward_cuda)
_backward = Kernel(_backward_cpu, _backward_cuda)


# -- The layer -----------------------------------------------------------------------------------


class LRN(Layer):
    """Local response normalisation across channels; any (..., C).

    Parameters
    ----------
    n : int, odd
        Channels in a neighbourhood.
    alpha, beta, k : float
        As in the formula; alpha is divided by n.

    Raises
    ------
    ValueError
        n is even, or k is not above 0; on CUDA, there are more than 1,024 channels or neighbours.
    """

    def __init__(self, n: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        if n < 1 or n % 2 == 0:
            raise ValueError(f"LRN needs an odd number of channels, n >= 1, got {n}")
        if k <= 0:
            raise ValueError(f"LRN needs k > 0, or a black pixel divides by zero, got {k}")
        self.n, self.alpha, self.beta, self.k = n, alpha, beta, k

    def _about(self):
        return f"n {self.n}, alpha {self.alpha}, beta {self.beta}, k {self.k}"

    def forward(self, x: Array, train: bool = False) -> Array:
        x = self._accept(x)
        out = empty(x.shape, like=x)
        _forward(as_pixels(x), *self._constants(x.dtype), as_pixels(out))
        self._remember(train, out, x)
        return out

    def backward(self, dout: Array) -> Array:
        (x,) = self._recall(dout)
        dx = empty(x.shape, like=x)
        _backward(as_pixels(dout), as_pixels(x), *self._constants(x.dtype), as_pixels(dx))
        return dx

    def _constants(self, dtype):
        scalar = dtype.type
        return self.n, scalar(self.alpha / self.n), scalar(self.beta), scalar(self.k)
