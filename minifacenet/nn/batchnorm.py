"""BatchNorm: every channel brought to mean 0 and variance 1 over the batch, scaled and shifted.

With m values of a channel in the batch, all images and pixels together,

    mu = sum x / m,   v = sum (x - mu)^2 / m,   z = (x - mu) / sqrt(v + eps),   y = gamma z + beta

The network may be trained with larger steps, since no channel's scale runs away. But a photo's
output now depends on the others in the batch. After training it must not: there mu and v are
**running means**, which training keeps: r <- (1 - momentum) r + momentum * (the batch's), v with
m - 1 in place of m. They are saved with the weights, and their gradient is 0.

Backward. mu and v depend on every x, and both paths lead to all of them. Let d = dL/dy. Then

    dbeta = sum d,   dgamma = sum d z,   dx = gamma / sqrt(v + eps) * (d - dbeta / m - z dgamma / m)

In words: d loses its mean and its part along z, since neither a shift of all x nor a stretch of all
x changes y.

Where several processes have a share of the batch each (`sum_over_ranks`), mu, v and the backward's
means of d and d z are those of the whole batch, and dx is what one process gives. To dgamma and
dbeta each adds these means times its own m: they add up to the whole, as all gradients do.

All sums run over m in a fixed order (`channel_sums.py`). v is a second pass over x, not
mean(x^2) - mu^2, which loses all digits when mu is large beside sqrt(v).

Shapes: x (N, ..., C), all four vectors (C,), y as x. Ioffe and Szegedy 2015; the FaceNet paper does
without (it has LRN), its followers' networks have it after each convolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numba import prange

from .channel_sums import over_ranks, partial_sums
from .device.backend import Array, Kernel, as_pixels, element, empty, thread_per_element, zeros
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel, divide
from .layer import Layer, Parameter

# -- Reference -----------------------------------------------------------------------------------


def batchnorm_forward(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float
) -> tuple[np.ndarray, tuple]:
    """Normalise by the batch, as in training."""
    axes = tuple(range(x.ndim - 1))
    deviation = np.sqrt(x.var(axis=axes) + eps)
    z = (x - x.mean(axis=axes)) / deviation
    return gamma * z + beta, (z, gamma, deviation)


def batchnorm_backward(dout: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z, gamma, deviation = cache
    axes = tuple(range(dout.ndim - 1))
    along = (dout * z).mean(axis=axes)
    dx = gamma / deviation * (dout - dout.mean(axis=axes) - z * along)
    return dx, (dout * z).sum(axis=axes), dout.sum(axis=axes)


# -- One element, for both targets ---------------------------------------------------------------


def _normalise(x, mean, scale, beta):
    return (x - mean) * scale + beta


def _input_gradient(dout, x, mean, scale, shift, slope):
    return scale * (dout - shift - (x - mean) * slope)


_normalise_cpu, _normalise_cuda = element(_normalise)
_input_gradient_cpu, _input_gradient_cuda = element(_input_gradient)


# -- Kernels that see every x: x and dout as (m, C) -----------------------------------------------

# Two passes of `partial_sums` and `_forward` are the forward in training, one and `_backward` the
# backward: in float32 16 and 20 bytes per element. Next: sums about a guess of the mean, the
# running one, would spare a pass.


@cpu_kernel
def _forward_cpu(x, mean, scale, beta, out):
    for pixel in prange(x.shape[0]):
        for c in range(mean.size):
            out[pixel, c] = _normalise_cpu(x[pixel, c], mean[c], scale[c], beta[c])


@cuda_kernel
def _forward_grid(x, mean, scale, beta, out):  # bound: memory, 4 bytes in and 4 out
    i = cuda.grid(1)
    if i < x.size:
        pixel = divide(i, mean.size)
        row, c = np.uint32(pixel), np.uint32(i - pixel * mean.size)
        out[row, c] = _normalise_cuda(x[row, c], mean[c], scale[c], beta[c])


@cpu_kernel
def _backward_cpu(dout, x, mean, scale, shift, slope, dx):
    for pixel in prange(x.shape[0]):
        for c in range(mean.size):
            dx[pixel, c] = _input_gradient_cpu(
                dout[pixel, c], x[pixel, c], mean[c], scale[c], shift[c], slope[c]
            )


@cuda_kernel
def _backward_grid(dout, x, mean, scale, shift, slope, dx):  # bound: memory, 8 in and 4 out
    i = cuda.grid(1)
    if i < x.size:
        pixel = divide(i, mean.size)
        row, c = np.uint32(pixel), np.uint32(i - pixel * mean.size)
        dx[row, c] = _input_gradient_cuda(
            dout[row, c], x[row, c], mean[c], scale[c], shift[c], slope[c]
        )


_forward = Kernel(_forward_cpu, thread_per_element(_forward_grid))
_backward = Kernel(_backward_cpu, thread_per_element(_backward_grid))


# -- Kernels of one number per channel: NumPy on the CPU, and a launch, not its work, on CUDA ------


# NumPy would warn of a NaN or an overflow, which travels on and is reported by whoever meets it.
_silent = np.errstate(over="ignore", invalid="ignore")


@_silent
def _mean_cpu(parts, count, mean):
    mean[:] = parts.sum(axis=0) / count


@cuda_kernel
def _mean_grid(parts, count, mean):
    c = cuda.grid(1)
    if c < mean.size:
        total = mean.dtype.type(0)
        for part in range(parts.shape[0]):
            total += parts[part, c]
        mean[c] = total / count


@_silent
def _keep_cpu(batch, stretch, share, running):
    running[:] = (share.dtype.type(1) - share) * running + share * (stretch * batch)


@cuda_kernel
def _keep_grid(batch, stretch, share, running):
    c = cuda.grid(1)
    if c < running.size:
        rest = running.dtype.type(1) - share
        running[c] = rest * running[c] + share * (stretch * batch[c])


@_silent
def _scale_cpu(gamma, variance, eps, scale):
    scale[:] = gamma / np.sqrt(variance + eps)
    scale[np.isinf(variance)] = np.nan  # not 0, as if all values were the same


@cuda_kernel
def _scale_grid(gamma, variance, eps, scale):
    c = cuda.grid(1)
    if c < scale.size:
        nothing = variance[c] - variance[c]  # NaN for an infinite one
        scale[c] = gamma[c] / math.sqrt(variance[c] + eps) + nothing


@_silent
def _parameter_gradients_cpu(shift, along, count, variance, eps, dgamma, dbeta, slope):
    dbeta += count * shift
    dgamma += count * along / np.sqrt(variance + eps)
    slope[:] = along / (variance + eps)


@cuda_kernel
def _parameter_gradients_grid(shift, along, count, variance, eps, dgamma, dbeta, slope):
    c = cuda.grid(1)
    if c < slope.size:
        dbeta[c] += count * shift[c]
        dgamma[c] += count * along[c] / math.sqrt(variance[c] + eps)
        slope[c] = along[c] / (variance[c] + eps)


_mean = Kernel(_mean_cpu, thread_per_element(_mean_grid))
_keep = Kernel(_keep_cpu, thread_per_element(_keep_grid))
_scale = Kernel(_scale_cpu, thread_per_element(_scale_grid))
_parameter_gradients = Kernel(
    _parameter_gradients_cpu, thread_per_element(_parameter_gradients_grid)
)


# -- The layer -----------------------------------------------------------------------------------


class BatchNorm(Layer):
    """Normalises each channel (the last axis): over the batch in training, else by running means.

    Parameters
    ----------
    channels : int
    eps : float
        Prevents a division by 0 for a channel that is the same everywhere.
    momentum : float
        The share of the newest batch in the running means.

    Attributes
    ----------
    gamma, beta, running_mean, running_variance : Parameter of shape (channels,)
        1, 0, 0 and 1 at first. The gradient of the running means stays 0.
    frozen : bool
        Whether it is left as it is in training, too: it normalises by its running means, keeps
        them, and its backward gives dL/dx = scale dout and no gradients of gamma and beta.
    sum_over_ranks : callable(ndarray), optional
        Adds to a float64 array (n,), in place, those of the other processes that train on a share
        of the same batch. All call it equally often, also with an empty share. On the CPU only.
    """

    frozen = False
    sum_over_ranks: Callable[[np.ndarray], object] | None = None

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: type = np.float32,
    ):
        if eps <= 0:
            raise ValueError(f"BatchNorm needs eps > 0, got {eps}")
        if not 0 <= momentum <= 1:
            raise ValueError(f"BatchNorm needs a momentum from 0 to 1, got {momentum}")
        self.eps, self.momentum = eps, momentum
        self.gamma = Parameter(np.ones(channels, dtype))
        self.beta = Parameter(np.zeros(channels, dtype))
        self.running_mean = Parameter(np.zeros(channels, dtype))
        self.running_variance = Parameter(np.ones(channels, dtype))

    def _about(self):
        return str(self.gamma.data.size)

    def forward(self, x: Array, train: bool = False) -> Array:
        channels = self.gamma.data.size
        x = self._accept(x, ..., channels)
        out, rows = empty(x.shape, like=x), as_pixels(x)
        if train and (x.size or self.sum_over_ranks) and not self.frozen:
            mean, variance = self._batch(rows)
        else:
            mean, variance = self.running_mean.data, self.running_variance.data
        scale = empty((channels,), like=x)
        _scale(self.gamma.data, variance, x.dtype.type(self.eps), scale)
        _forward(rows, mean, scale, self.beta.data, as_pixels(out))
        self._remember(train, out, x, mean, variance, scale)
        return out

    def _batch(self, rows):
        """Return mean and variance of the batch, and update the running means with them."""
        mean, _, values = self._means(rows, None, rows, None)
        if values < 2:
            raise ValueError(
                f"BatchNorm in training needs two values a channel or more, got {values}: take a "
                "larger batch"
            )
        _, variance, _ = self._means(rows, mean, rows, mean)
        scalar, one = rows.dtype.type, rows.dtype.type(1)
        share, unbiased = scalar(self.momentum), scalar(values / (values - 1))
        with self.running_mean.edit() as running:
            _keep(mean, one, share, running)
        with self.running_variance.edit() as running:
            _keep(variance, unbiased, share, running)
        return mean, variance

    def backward(self, dout: Array) -> Array:
        x, mean, variance, scale = self._recall(dout)
        rows, upstream = as_pixels(x), as_pixels(dout)
        dx, slope, scalar = empty(x.shape, like=x), empty(mean.shape, like=x), x.dtype.type
        if self.frozen:  # mean and variance depend on no x
            shift, slope = zeros(mean.shape, like=x), zeros(mean.shape, like=x)
        else:
            shift, along, _ = self._means(upstream, None, rows, mean)
            _parameter_gradients(
                shift, along, scalar(rows.shape[0]), variance, scalar(self.eps),
                self.gamma.grad, self.beta.grad, slope,
            )  # fmt: skip
        _backward(upstream, rows, mean, scale, shift, slope, as_pixels(dx))
        return dx

    def _means(self, a, mean_a, b, mean_b):
        """Return the means by channel of a - mean_a and (a - mean_a)(b - mean_b), and their count.

        A mean that is None counts as 0. Where ranks share a batch, these are of the whole batch.
        """
        pixels, channels = a.shape
        first, second = zeros((channels,), like=a), zeros((channels,), like=a)
        if pixels or self.sum_over_ranks:
            sums = partial_sums(a, mean_a, b, mean_b)
            if self.sum_over_ranks:
                sums, pixels = over_ranks(sums, pixels, self.sum_over_ranks)
            for total, mean in zip(sums, (first, second), strict=True):
                _mean(total, a.dtype.type(max(pixels, 1)), mean)
        return first, second, pixels
