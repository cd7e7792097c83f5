"""The largest number of each window, channel by channel: a max pool that nobody asks for winners.

The maximum over a window is the maximum over its columns of the maxima down each column, which
windows side by side share. So a whole image row at a time is compared with the next, long runs of
memory; then the few pixels that a window has side by side are compared with each other.

There the runs are short, a pixel's channels: ten numbers do not fill a vector of 16, and become ten
steps. Written in LLVM's instructions, a vector holds a pixel's channels, the lanes beyond the last
one are masked, and each pixel takes a load and a comparison.

A NaN stays or comes in.
"""

from __future__ import annotations

import numba
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from .device.cpu_target import cpu_function, cpu_kernel
from .products.llvm_vectors import (
    INDEX,
    INT32,
    ITEM,
    LANES,
    SUFFIX,
    VECTOR,
    ZEROS,
    address,
    arrays,
    call,
    lanes_inside,
    need_float32,
)

# -- Pixels side by side, in LLVM's instructions -------------------------------------------------


def _largest_of(count):
    """Return f(row, out, begin, at, channels): out[at:] = the largest of the pixels at row[begin:].

    There are `count` of them, side by side, and each has as many numbers as there are channels.
    """

    def emit(context, builder, signature, arguments):
        row, out = arrays(context, builder, signature, arguments, 2)
        begin, at, channels = arguments[2:]
        align, name = INT32(ITEM), f"{SUFFIX}.p0"
        vectors = builder.udiv(builder.add(channels, INDEX(LANES - 1)), INDEX(LANES))
        with cgutils.for_range(builder, vectors) as loop:
            lane = builder.mul(loop.index, INDEX(LANES))
            mask, place = lanes_inside(builder, lane, channels), builder.add(begin, lane)
            best = None
            for _ in range(count):
                where = address(builder, row.data, VECTOR, (place, INDEX(ITEM)))
                given = VECTOR, where, align, mask, ZEROS
                value = call(builder, f"llvm.masked.load.{name}", *given)
                if best is not None:
                    nan = builder.fcmp_unordered("uno", value, value)
                    larger = builder.or_(builder.fcmp_ordered(">", value, best), nan)
                    value = builder.select(larger, value, best)
                best, place = value, builder.add(place, channels)
            where = address(builder, out.data, VECTOR, (builder.add(at, lane), INDEX(ITEM)))
            call(builder, f"llvm.masked.store.{name}", ir.VoidType(), best, where, align, mask)
        return context.get_dummy_value()

    @intrinsic
    def largest(typing_context, row, out, begin, at, channels):
        need_float32(row, out)
        return types.void(row, out, *(types.intp,) * 3), emit

    return largest


_largest_of_two, _largest_of_three = _largest_of(2), _largest_of(3)

# -- Kernels; `scratch` is of shape (threads, W C) -----------------------------------------------


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
    """Compute a max pool's out (N, H', W', C) of x (N, H, W, C)."""
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
def largest_in_vectors(x, kernel, stride, corner, scratch, out):
    """Compute the same, in float32."""
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    n, height, width, channels = x.shape
    _, out_h, out_w, _ = out.shape
    for task in prange(n * out_h):
        image, p = task // out_h, task % out_h
        rows, best = x[image].reshape(height, width * channels), scratch[numba.get_thread_id()]
        _largest(rows, max(0, p * sh - top), min(height, p * sh - top + kh), best)
        columns, line = best.reshape(width, channels), out[image, p].reshape(-1)
        for q in range(out_w):
            first, end = max(0, q * sw - left), min(width, q * sw - left + kw)
            if end - first == 2:
                _largest_of_two(best, line, first * channels, q * channels, channels)
            elif end - first == 3:
                _largest_of_three(best, line, first * channels, q * channels, channels)
            else:
                _largest(columns, first, end, out[image, p, q])
