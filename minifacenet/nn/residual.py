"""Residual: a body's output added to what went in, or to a shortcut of it.

    y = shortcut(x) + scale * body(x)            without a shortcut:  y = x + scale * body(x)

The body learns what is missing from x, and a gradient reaches the layers before it through the sum
alone, however deep the body is. `scale` is a constant; Szegedy et al. 2016 take 0.1 to 0.3.

The two terms may differ in size. Each is then filled up with zeros at the end of its rows, columns
and channels, to the larger of the two sizes along each axis:

    y[n, p, q, k] = s[n, p, q, k] + scale * b[n, p, q, k]      s = shortcut(x), b = body(x),
                                                               either is 0 beyond its end

Zeros for the missing channels need no weights: that is option A of He et al. 2016, with a shortcut
that takes every second pixel.

Backward. Every number of s and of b goes to one place of y, with the factor 1 or scale, and the
zeros are constants. So ds and db are what dout has at their places, its first rows, columns and
channels, and x collects the gradients of both paths, as any value does that is used twice:

    dx = shortcut backward( dout cropped to s ) + body backward( scale * dout cropped to b )

Without a shortcut the first term is the cropped dout itself.

Shapes: x (N, H, W, C), s (N, H_s, W_s, C_s), b (N, H_b, W_b, C_b) -> y (N, max H, max W, max C);
or vectors (N, D). He et al. 2016, "Deep residual learning for image recognition"; the zeros at the
end are those of dlib's `add_prev`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .device.backend import Array, Kernel, empty, thread_per_element
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel, divide
from .layer import FLOAT, Layer, Parameter, in_lines
from .placing import as_maps, cut

# -- Reference -----------------------------------------------------------------------------------


def residual_forward(
    shortcut: np.ndarray, body: np.ndarray, scale: float
) -> tuple[np.ndarray, tuple]:
    sizes = np.maximum(shortcut.shape, body.shape)
    s, b = (np.pad(a, [(0, d) for d in sizes - a.shape]) for a in (shortcut, body))
    return s + scale * b, (shortcut.shape, body.shape, scale)


def residual_backward(dout: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of both terms."""
    shortcut, body, scale = cache
    return dout[tuple(map(slice, shortcut))], scale * dout[tuple(map(slice, body))]


# -- Kernels: arrays as (images, rows, columns, channels) ----------------------------------------

# Bound: memory. In float32 an element is 8 bytes in and 4 out, for two flops; on CUDA, a thread per
# element of y, there are three divisions besides. The backward's copies are those of `placing.py`.


@cpu_kernel
def _add_cpu(first, second, scale, rectify, out):
    """Compute the sum; rectified: 0 where it is negative."""
    n, rows, columns, _ = out.shape
    _, rows_1, columns_1, channels_1 = first.shape
    _, rows_2, columns_2, channels_2 = second.shape
    zero = out.dtype.type(0)
    for task in prange(n * rows):
        image, y = task // rows, task % rows
        for x in range(columns):
            pixel = out[image, y, x]
            in_1 = channels_1 if y < rows_1 and x < columns_1 else 0
            in_2 = channels_2 if y < rows_2 and x < columns_2 else 0
            for c in range(in_1):
                pixel[c] = first[image, y, x, c]
            pixel[in_1:] = zero
            for c in range(in_2):
                pixel[c] += scale * second[image, y, x, c]
            if rectify:
                for c in range(pixel.size):
                    pixel[c] = zero if pixel[c] < zero else pixel[c]


@cuda_kernel
def _add_grid(first, second, scale, rectify, out):
    _, rows, columns, channels = out.shape
    _, rows_1, columns_1, channels_1 = first.shape
    _, rows_2, columns_2, channels_2 = second.shape
    i = cuda.grid(1)
    if i < out.size:
        pixel = divide(i, channels)
        line = divide(pixel, columns)
        image = divide(line, rows)
        y, x, c = line - image * rows, pixel - line * columns, i - pixel * channels
        total = out.dtype.type(0)
        if y < rows_1 and x < columns_1 and c < channels_1:
            total = first[image, y, x, c]
        if y < rows_2 and x < columns_2 and c < channels_2:
            total += scale * second[image, y, x, c]
        zero = out.dtype.type(0)
        out[image, y, x, c] = zero if rectify and total < zero else total


_add = Kernel(_add_cpu, thread_per_element(_add_grid))


# -- The layer -----------------------------------------------------------------------------------


class Residual(Layer):
    """`Residual(Sequential(...))` adds its input; `Residual(Sequential(...), AvgPool(2, 2))` that.

    The parameters are called 'body.NAME' and 'shortcut.NAME'.

    Parameters
    ----------
    body, shortcut : Layer
        What is added up; no shortcut stands for x itself. The smaller output gets zeros at the end.
    scale : float
        The body's factor.

    Raises
    ------
    ValueError
        Sizes differ, and the outputs are neither both images nor both vectors.
    """

    def __init__(self, body: Layer, shortcut: Layer | None = None, scale: float = 1.0):
        self.body, self.shortcut, self.scale = body, shortcut, scale

    def __repr__(self) -> str:
        return in_lines(self, self._parts())

    def _about(self):
        return "" if self.scale == 1 else f"scale {self.scale}"

    def _parts(self):
        parts = {"body": self.body}
        return parts if self.shortcut is None else parts | {"shortcut": self.shortcut}

    def forward(self, x: Array, train: bool = False, rectify: Array | None = None) -> Array:
        x = self._accept(x)
        body = self.body.forward(x, train)
        shortcut = x if self.shortcut is None else self.shortcut.forward(x, train)
        shapes = tuple(shortcut.shape), tuple(body.shape)
        out = empty((x.shape[0], *_larger(*(shape[1:] for shape in shapes))), like=x)
        self._sum(shortcut, body, self.scale, rectify is not None, out)
        self._remember(train, out, *shapes)
        return out

    def backward(self, dout: Array) -> Array | None:
        shortcut, body = self._recall(dout)
        dx = _part(dout, shortcut, 1.0)
        if self.shortcut is not None:
            dx = self.shortcut.backward(dx)
        dbody = self.body.backward(_part(dout, body, self.scale))
        if dx is None or dbody is None:  # a first layer, which passes nothing on
            return dbody if dx is None else dx
        total = empty(dx.shape, like=dx)
        self._sum(dx, dbody, 1.0, False, total)
        return total

    def _sum(self, first, second, scale, rectify, out):
        _add(as_maps(first), as_maps(second), out.dtype.type(scale), rectify, as_maps(out))

    def can_rectify(self, x: Array, slopes: Array) -> bool:
        return not slopes.size  # a ReLU

    def to(self, device: str) -> Layer:
        for part in self._parts().values():
            part.to(device)
        return self

    def parameters(self) -> dict[str, Parameter]:
        return {
            f"{name}.{own}": parameter
            for name, part in self._parts().items()
            for own, parameter in part.parameters().items()
        }

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return _larger(*self._shapes(shape))

    def multiply_adds(self, shape: tuple[int, ...]) -> int:
        return sum(part.multiply_adds(shape) for part in self._parts().values())

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Count both paths' own, both terms and y; back, the copies from dL/dy and the sum dL/dx.

        A term that is as large as y, with the factor 1, is handed dL/dy itself.
        """
        parts = self._parts().values()
        forward, backward = map(sum, zip(*(p.bytes_moved(shape) for p in parts), strict=True))
        image, out = shape[1:], self.output_shape(shape[1:])
        shortcut, body = self._shapes(image)
        terms = math.prod(shortcut) + math.prod(body)
        copies = math.prod(shortcut) * (shortcut != out)
        copies += math.prod(body) * (body != out or self.scale != 1)
        return (
            forward + FLOAT * shape[0] * (terms + math.prod(out)),
            backward + FLOAT * shape[0] * (2 * copies + 3 * math.prod(image)),
        )

    def _shapes(self, shape):
        """Return the shapes of the shortcut's output and of the body's, for one image."""
        through = shape if self.shortcut is None else self.shortcut.output_shape(shape)
        return tuple(through), tuple(self.body.output_shape(shape))


def _larger(shortcut, body):
    """Return the shape of the sum of two outputs, those of one image."""
    if shortcut != body and {len(shortcut), len(body)} not in ({1}, {3}):
        raise ValueError(
            f"Residual adds images or vectors, or what agrees in shape, got from the shortcut "
            f"{shortcut} and from the body {body} for an image"
        )
    return tuple(map(max, shortcut, body))


def _part(dout, shape, scale):
    """Return scale times the first rows, columns and channels of dout: itself if that is all."""
    if tuple(dout.shape) == shape and scale == 1:
        return dout
    part = empty(shape, like=dout)
    cut(dout, (0, 0, 0), part, scale)
    return part
