"""The largest number of each window, channel by channel: a max pool that nobody asks for winners.

In Python (`largest_of_windows`): the maximum over a window is the maximum over its columns of the
maxima down each column, which windows side by side share. So a whole image row at a time is
compared with the next, long runs of memory; then the pixels that a window has side by side, short
runs.

In LLVM's instructions (`largest_in_vectors`), for the usual windows, 2x2 and 3x3: a vector holds 16
channels of a pixel, and all pixels of a window meet in a register. Ten channels are one vector too,
whose lanes beyond the last one are masked, where Python takes ten steps.

A NaN stays or comes in. The processor's maximum of two vectors may lose one, so NaNs are looked
for apart: a comparison tells for two vectors at once whether either is NaN.
"""

from __future__ import annotations

from functools import reduce

import numba
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from .device.cpu_target import cpu_function, cpu_kernel
from .products.llvm_vectors import (
    INDEX,
    ITEM,
    LANES,
    VECTOR,
    address,
    arrays,
    lanes_inside,
    load,
    need_float32,
    store,
)

NANS = ir.Constant(VECTOR, [float("nan")] * LANES)

# -- A window, in LLVM's instructions ------------------------------------------------------------


def _largest_of(rows, columns):
    """Return f(x, out, begin, down, channels, at), which writes a window's largest to out[at:].

    The window's first pixel is x[begin:begin + channels], its next row `down` numbers further.
    """

    def emit(context, builder, signature, arguments):
        x, out = arrays(context, builder, signature, arguments, 2)
        begin, down, channels, at = arguments[2:]
        steps = [
            builder.add(builder.mul(down, INDEX(i)), builder.mul(channels, INDEX(j)))
            for i in range(rows)
            for j in range(columns)
        ]
        vectors = builder.udiv(builder.add(channels, INDEX(LANES - 1)), INDEX(LANES))
        with cgutils.for_range(builder, vectors) as loop:
            lane = builder.mul(loop.index, INDEX(LANES))
            mask, first = lanes_inside(builder, lane, channels), builder.add(begin, lane)
            values = []
            for step in steps:
                place = address(builder, x.data, VECTOR, (builder.add(first, step), INDEX(ITEM)))
                values.append(load(builder, place, mask))
            best = values[0]
            for value in values[1:]:
                best = builder.select(builder.fcmp_ordered(">", value, best), value, best)
            pairs = zip(values[::2], values[1::2] + values[-1:], strict=False)
            bad = [builder.fcmp_unordered("uno", *pair) for pair in pairs]
            best = builder.select(reduce(builder.or_, bad), NANS, best)
            place = address(builder, out.data, VECTOR, (builder.add(at, lane), INDEX(ITEM)))
            store(builder, best, place, mask)
        return context.get_dummy_value()

    @intrinsic
    def largest(typing_context, x, out, begin, down, channels, at):
        need_float32(x, out)
        return types.void(x, out, *(types.intp,) * 4), emit

    return largest


_largest_of_4, _largest_of_9 = _largest_of(2, 2), _largest_of(3, 3)
IN_VECTORS = ((2, 2), (3, 3))  # kernels

# -- Kernels -------------------------------------------------------------------------------------


@cpu_function
def _larger(values, others, out):
    """Write the larger of the two to out, element by element; a NaN stays or comes in."""
    for c in range(out.size):
        value, other = values[c], others[c]
        out[c] = other if (other > value) | (other != other) else value  # `|`: no jump


@cpu_function
def _largest(lines, first, end, out):
    """Write the largest of lines[first:end], element by element, to out."""
    if end - first == 1:
        out[:] = lines[first]
    else:
        _larger(lines[first], lines[first + 1], out)
        for number in range(first + 2, end):
            _larger(out, lines[number], out)


@cpu_kernel
def largest_of_windows(x, kernel, stride, corner, scratch, out):
    """Compute a max pool's out (N, H', W', C) of x (N, H, W, C); scratch is (threads, W C)."""
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = x.shape
    _, out_h, out_w, _ = out.shape
    for task in prange(n * out_h):
        image, p = task // out_h, task % out_h
        rows, best = x[image].reshape(height, width * channels), scratch[numba.get_thread_id()]
        _largest(rows, max(0, p * sh - top), min(height, p * sh - top + kh), best)
        columns = best.reshape(width, channels)
        for q in range(out_w):
            first, end = max(0, q * sw - left), min(width, q * sw - left + kw)
            _largest(columns, first, end, out[image, p, q])


@cpu_kernel
def largest_in_vectors(x, kernel, stride, corner, out):
    """Compute the same in float32, with a kernel of those above."""
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = x.shape
    _, out_h, out_w, _ = out.shape
    numbers, maxima = x.reshape(-1), out.reshape(-1)
    for task in prange(n * out_h):
        image, p = task // out_h, task % out_h
        y_0, y_1 = max(0, p * sh - top), min(height, p * sh - top + kh)
        for q in range(out_w):
            x_0, x_1 = max(0, q * sw - left), min(width, q * sw - left + kw)
            begin = ((image * height + y_0) * width + x_0) * channels
            at = (task * out_w + q) * channels
            if y_1 - y_0 == 2 and x_1 - x_0 == 2:
                _largest_of_4(numbers, maxima, begin, width * channels, channels, at)
            elif y_1 - y_0 == 3 and x_1 - x_0 == 3:
                _largest_of_9(numbers, maxima, begin, width * channels, channels, at)
            else:
                best = out[image, p, q]
                best[:] = x[image, y_0, x_0]
                for row in range(y_0, y_1):
                    for column in range(x_0, x_1):
                        _larger(best, x[image, row, column], best)
