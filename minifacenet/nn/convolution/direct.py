"""Direct convolution: the micro-kernel reads each window where it lies, and writes what is final.

`im2col` copies every window into a row of a matrix, kh kw times the image, for a product that then
reads the copy. But the micro-kernel takes one number of a row at a time and puts it in all lanes:
it need not find the numbers of a row side by side, it must only know where they are. In NHWC row i
of a window is kw C neighbours of the image, and the window's next row lies one row of the image
further. So a tile of 6 pixels x 64 filters is

    for i < kh, t < kw C:   c[pixel, :] += x[(p s + i), q s C + t] * w[i, t, :]      all 6 pixels

with 24 sums in registers throughout: they begin at the bias, and if a ReLU or PReLU follows they
are rectified (`rectify.py`) before they are written. Nothing is read or written twice.

What is copied is the image itself, and only if it has to be padded: a few rows with their zeros
around, or a few whole images if they are small (a tile's pixels may belong to two of them).

Filters need not fill 64 columns: `panel_width` takes panels of 16, 32 or 64, and the tile's rows
grow as its columns shrink, so that 12 to 24 sums are under way.

This is the forward in float32, where the micro-kernel is faster than BLAS; im2col does all others.
"""

from __future__ import annotations

from functools import lru_cache

import numba
import numpy as np
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import DTypeLike

from ..device.backend import Kernel
from ..device.cpu_target import cpu_function, cpu_kernel, thread_count
from ..layer import Parameter
from ..products.llvm_vectors import (
    FLOAT,
    INDEX,
    ITEM,
    LANES,
    VECTOR,
    VECTORS,
    ZEROS,
    add_product,
    address,
    all_lanes,
    arrays,
    lanes_inside,
    load,
    need_float32,
    rows_inside,
    store,
    variables,
)
from ..products.microkernel import FASTER_THAN_BLAS, TALL
from ..window import Window
from .rectify import as_arguments

WIDTHS = tuple(width for width in (4, 2, 1) if width <= VECTORS)  # vectors in a row of a tile
# Channels times filters. With so few, Winograd's way would save a third of a time that is short
# anyway, and it costs digits.
DIRECT_UP_TO = 768
STRIP_BYTES = 1 << 17  # of the image for one task, which stay in a core's cache

# -- The tile, in LLVM's instructions ------------------------------------------------------------


def _height(width):
    """Return how many pixels a tile has that is `width` vectors wide."""
    return min(12, TALL * VECTORS // width)


def _add_windows(builder, sums, x, begins, panels, panel, size, row_step):
    """Write the loops over a window: sums[i][j] += x[begins[i] + ...] * vector j of the panel."""
    rows, run = size
    next_panel, next_k, _ = cgutils.unpack_tuple(builder, panels.strides)
    with cgutils.for_range(builder, rows) as outer:
        line = builder.mul(outer.index, row_step)
        done = builder.mul(outer.index, run)
        with cgutils.for_range(builder, run) as inner:
            k, t = builder.add(done, inner.index), builder.add(line, inner.index)
            vectors = []
            for j in range(len(sums[0])):
                steps = (panel, next_panel), (k, next_k), (INDEX(j * LANES), INDEX(ITEM))
                place = address(builder, panels.data, VECTOR, *steps)
                vectors.append(load(builder, place))
            for begin, row_of_sums in zip(begins, sums, strict=True):
                tap = builder.add(begin, t), INDEX(ITEM)
                value = builder.load(address(builder, x.data, FLOAT, tap))
                value = all_lanes(builder, value)
                for vector, total in zip(vectors, row_of_sums, strict=True):
                    add_product(builder, total, value, vector)


def _load(builder, array, columns, masks):
    """Return the vectors of `array` that begin at the columns, 0 where a mask is off."""
    places = (address(builder, array.data, VECTOR, (column, INDEX(ITEM))) for column in columns)
    return [load(builder, place, mask) for place, mask in zip(places, masks, strict=True)]


def _tile(width):
    """Return tile(x, starts, panels, bias, slopes, out, pixel, panel, rows, run, step, rectified).

    It computes out[pixel:, columns of the panel] for as many pixels as the tile has; a pixel beyond
    the last one is computed as a copy of it, and stored over it. The window of pixel i begins at
    x[starts[i]], has `rows` rows of `run` numbers, and its rows lie `step` numbers apart.
    """
    height = _height(width)

    def emit(context, builder, signature, arguments):
        x, starts, panels, bias, slopes, out = arrays(context, builder, signature, arguments, 6)
        pixel, panel, rows, run, step, rectified = arguments[6:]
        pixels, filters = cgutils.unpack_tuple(builder, out.shape)
        down, _ = cgutils.unpack_tuple(builder, out.strides)
        inside = rows_inside(builder, pixel, height, pixels)
        begins = []
        for i in inside:
            place = address(builder, starts.data, INDEX, (i, INDEX(INDEX.width // 8)))
            begins.append(builder.load(place))
        first = builder.mul(panel, INDEX(width * LANES))
        columns = [builder.add(first, INDEX(j * LANES)) for j in range(width)]
        masks = [lanes_inside(builder, column, filters) for column in columns]
        sums, biases = variables(builder, height, width), _load(builder, bias, columns, masks)
        for row_of_sums in sums:
            for total, start in zip(row_of_sums, biases, strict=True):
                builder.store(start, total)
        _add_windows(builder, sums, x, begins, panels, panel, (rows, run), step)
        (count,) = cgutils.unpack_tuple(builder, slopes.shape)
        bent = all_lanes(builder, builder.icmp_signed(">", count, INDEX(0)))
        every, wanted = all_lanes(builder, rectified), [builder.and_(mask, bent) for mask in masks]
        factors = _load(builder, slopes, columns, wanted)
        vectors = [*zip(columns, masks, factors, strict=True)]
        for i, row_of_sums in zip(inside, sums, strict=True):
            for (column, mask, factor), total in zip(vectors, row_of_sums, strict=True):
                value = builder.load(total)
                below = builder.and_(builder.fcmp_ordered("<", value, ZEROS), every)
                there = builder.select(bent, builder.fmul(factor, value), ZEROS)
                value = builder.select(below, there, value)
                place = address(builder, out.data, VECTOR, (i, down), (column, INDEX(ITEM)))
                store(builder, value, place, mask)
        return context.get_dummy_value()

    @intrinsic
    def tile(
        typing_context, x, starts, panels, bias, slopes, out,
        pixel, panel, rows, run, step, rectified,
    ):  # fmt: skip
        need_float32(x, panels, bias, slopes, out)
        kinds = (x, starts, panels, bias, slopes, out, *(types.intp,) * 5, types.boolean)
        return types.void(*kinds), emit

    return tile


# -- Kernels -------------------------------------------------------------------------------------

_TILES = {width: _tile(width) for width in WIDTHS}
_wide, _half, _narrow = (_TILES.get(width, _TILES[WIDTHS[-1]]) for width in (4, 2, 1))
_HEIGHTS = tuple(_height(width) for width in (4, 2, 1))


@cpu_function
def _all_tiles(x, starts, panels, bias, slopes, out, rows, run, step, rectified):
    """Compute out (pixels, O), a tile of a panel after another."""
    pixels, width = len(out), panels.shape[2] // LANES
    wide, half, narrow = _HEIGHTS
    for panel in range(len(panels)):
        if width == 4:
            for i in range(0, pixels, wide):
                _wide(x, starts, panels, bias, slopes, out, i, panel, rows, run, step, rectified)
        elif width == 2:
            for i in range(0, pixels, half):
                _half(x, starts, panels, bias, slopes, out, i, panel, rows, run, step, rectified)
        else:
            for i in range(0, pixels, narrow):
                _narrow(x, starts, panels, bias, slopes, out, i, panel, rows, run, step, rectified)


@cpu_function
def _pad(image, top, left, height, width, strip):
    """Copy rows of image (H, W, C) from `top`, columns from `left`, both perhaps negative."""
    rows, columns, channels = image.shape
    zero = image.dtype.type(0)
    first, last = max(0, -left) * channels, min(width, columns - left) * channels
    for y in range(height):
        line = strip[y * width * channels : (y + 1) * width * channels]
        if 0 <= top + y < rows:
            row = image[top + y].reshape(-1)
            line[:first] = zero
            for t in range(first, last):
                line[t] = row[left * channels + t]
            line[last:] = zero
        else:
            line[:] = zero


@cpu_kernel
def _forward_tasks(
    x, panels, bias, rectified, slopes, kernel, stride, corner, images, rows, strips, starts, out
):
    """Compute out. A task takes `images` images, or `rows` of one; no `strips`: without padding."""
    n, out_h, out_w, filters = out.shape
    _, x_h, x_w, channels = x.shape
    (kh, kw), (sh, sw), (top, left) = kernel, stride, corner
    blocks, run = -(-out_h // rows), kw * channels
    lines, numbers = out.reshape(n * out_h, out_w, filters), x.reshape(-1)
    for task in prange(-(-n // images) * blocks):
        mine = starts[numba.get_thread_id()]
        image, first = task // blocks * images, task % blocks * rows
        count, height = min(images, n - image), min(rows, out_h - first)
        seen_h, seen_w = (height - 1) * sh + kh, (out_w - 1) * sw + kw
        if not strips.size:
            seen_h, seen_w = x_h, x_w
        for i in range(count):
            for p in range(height):
                for q in range(out_w):
                    pixel = (i * height + p) * out_w + q
                    mine[pixel] = ((i * seen_h + p * sh) * seen_w + q * sw) * channels
        begin = image * out_h + first
        part = lines[begin : begin + count * height].reshape(count * height * out_w, filters)
        if strips.size:
            strip = strips[numba.get_thread_id()]
            size = seen_h * seen_w * channels
            for i in range(count):
                _pad(
                    x[image + i], first * sh - top, -left, seen_h, seen_w,
                    strip[i * size : (i + 1) * size],
                )  # fmt: skip
            _all_tiles(
                strip, mine, panels, bias, slopes, part, kh, run, seen_w * channels, rectified
            )
        else:
            at = (image * x_h + first * sh) * x_w * channels
            _all_tiles(
                numbers[at:], mine, panels, bias, slopes, part, kh, run, x_w * channels, rectified
            )


# -- Host functions ------------------------------------------------------------------------------


def is_served(dtype: DTypeLike) -> bool:
    """Return whether arrays of this dtype are computed here, as the micro-kernel is the faster."""
    return FASTER_THAN_BLAS and dtype == np.float32


def panel_width(filters: int) -> int:
    """Return how many vectors wide the panels are that filters fill best; of equals the widest."""
    return min(WIDTHS, key=lambda width: -(-filters // (width * LANES)) * width)


def packed(weight: np.ndarray) -> np.ndarray:
    """Return weight (kh, kw, C, O) in panels (ceil(O / width), kh kw C, width), zeros beyond O."""
    filters = weight.shape[3]
    width = panel_width(filters) * LANES
    matrix = weight.reshape(-1, filters)
    panels = np.zeros((-(-filters // width), len(matrix), width), weight.dtype)
    for panel, columns in zip(panels, range(0, filters, width), strict=True):
        part = matrix[:, columns : columns + width]
        panel[:, : part.shape[1]] = part
    return panels


@lru_cache(maxsize=1024)  # it takes as long as a small kernel
def _tasks(window: Window, x, out, threads: int, strip: int) -> tuple[int, int, int]:
    """Return images of a task, rows of each, and numbers of a strip for them, 0 without padding.

    x and out are shapes; `strip` is the most numbers of a strip, if a window does not need more.
    """
    n, out_h, out_w, _ = out
    (kh, kw), (sh, sw), corner = window.geometry()
    seen = (out_h - 1) * sh + kh, (out_w - 1) * sw + kw
    line = seen[1] * x[3]  # numbers of a padded row
    most = max(1, strip // line)  # rows of the strip
    share = -(-n * out_h // (2 * threads))  # rows of out: two tasks a thread, at least
    rows = max(1, min(out_h, share, (most - kh) // sh + 1))
    height = (rows - 1) * sh + kh
    images = max(1, min(n, share // out_h, most // height)) if rows == out_h else 1
    beyond = any(end - c > size for end, c, size in zip(seen, corner, x[1:3], strict=True))
    return images, rows, images * height * line if any(corner) or beyond else 0


def _forward_cpu(x, weight: Parameter, bias, window: Window, slopes, out):
    if not out.size:
        return
    threads = thread_count()
    images, rows, size = _tasks(window, x.shape, out.shape, threads, STRIP_BYTES // x.itemsize)
    pixels = images * rows * out.shape[2]
    strips, starts = np.empty((threads, size), x.dtype), np.empty((threads, pixels), np.intp)
    given = x, weight.derived(packed), bias, *as_arguments(slopes, x)
    _forward_tasks(*given, *window.geometry(), images, rows, strips, starts, out)


conv_forward_direct = Kernel(_forward_cpu)  # on CUDA the implicit product does the same
