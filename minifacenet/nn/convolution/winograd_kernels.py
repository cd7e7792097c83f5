"""The loops of Winograd's convolution over images; `winograd.py` says what they compute.

The transforms are in `winograd_transforms.py`. Between them, at each of the n n points, come
matrix products, as `products/in_kernels.py` computes them: by BLAS, with U as it is, (n, n, C, O),
or by the micro-kernel, with U in panels, (n, n, panels, C, PANEL). The form that is not used may be
empty, (n, n, 0, 0) or (n, n, 0, 0, 0).
"""

from __future__ import annotations

import numba
from numba import prange

from ..device.cpu_target import cpu_function, cpu_kernel
from ..products.in_kernels import multiply, pack
from .rectify import rectify
from .winograd_transforms import (
    add_strip,
    inputs_from_points,
    inputs_to_points,
    outputs_from_points,
    outputs_to_points,
)

# -- Forward. `corner` is the padding (top, left), `m` the size of a tile ------------------------
# A task takes `chunk` strips all the way, in its thread's memory, which stays cached.


@cpu_function
def _enter(x, corner, m, first, last, strips, tiles, scratch, v):
    """Compute V = B^T d B of the strips first..last-1."""
    for strip in range(first, last):
        image, y, at = strip // strips, strip % strips * m, (strip - first) * tiles
        inputs_to_points(x[image], y - corner[0], corner[1], m, scratch, v, at, tiles)


@cpu_function
def _leave(products, bias, m, first, last, strips, tiles, scratch, rectified, slopes, out):
    """Compute Y = A^T products A + bias in these strips, and rectify it.

    `bias` and `slopes` are those of a whole row, so that loops over them are long ones.
    """
    out_h = out.shape[1]
    for strip in range(first, last):
        image, y, at = strip // strips, strip % strips * m, (strip - first) * tiles
        pixels = outputs_from_points(products, at, tiles, m, scratch)
        for a in range(min(m, out_h - y)):
            row, line = pixels[a].reshape(-1), out[image, y + a].reshape(-1)
            for t in range(bias.size):
                line[t] = row[t] + bias[t]
            if rectified:
                rectify(line, slopes)


@cpu_kernel
def forward_strips(
    x, u, panels, bias, corner, m, chunk, scratch, v, products, rectified, slopes, out
):
    """Compute the whole forward; v and products are (threads, n, n, tiles of a chunk, C or O)."""
    strips, tiles = -(-out.shape[1] // m), -(-out.shape[2] // m)
    for task in prange(-(-len(x) * strips // chunk)):
        thread = numba.get_thread_id()
        first, last = task * chunk, min((task + 1) * chunk, len(x) * strips)
        seen, product, count = v[thread], products[thread], (last - first) * tiles
        _enter(x, corner, m, first, last, strips, tiles, scratch[thread], seen)
        for i in range(u.shape[0]):
            for j in range(u.shape[1]):
                multiply(seen[i, j, :count], u[i, j], panels[i, j], product[i, j, :count], False)
        _leave(
            product, bias, m, first, last, strips, tiles, scratch[thread], rectified, slopes, out
        )


@cpu_kernel
def pack_points(u, panels):
    """Pack U (n, n, C, O) into panels, for each point."""
    points = u.shape[0]
    for point in prange(points * points):
        i, j = point // points, point % points
        pack(u[i, j], panels[i, j])


# -- Backward ------------------------------------------------------------------------------------


@cpu_kernel
def all_to_points(dout, x, corner, m, scratch, dm, v, dbias):
    """Compute dM = A dY A^T, V = B^T d B of whole images; dbias (strips, O): sums over strips."""
    n, out_h, out_w, filters = dout.shape
    top, left = corner
    strips, tiles = -(-out_h // m), -(-out_w // m)
    for strip in prange(n * strips):
        mine = scratch[numba.get_thread_id()]
        image, y, at = strip // strips, strip % strips * m, strip * tiles
        inputs_to_points(x[image], y - top, left, m, mine, v, at, tiles)
        outputs_to_points(dout[image], y, m, mine, dm, at, tiles)
        sums = dbias[strip]
        sums[:] = dout.dtype.type(0)
        for row in range(y, min(y + m, out_h)):
            for q in range(out_w):
                pixel = dout[image, row, q]
                for o in range(filters):
                    sums[o] += pixel[o]


@cpu_kernel
def pack_transposed_points(u, panels):
    """Pack U^T into panels, for each point."""
    points = u.shape[0]
    for point in prange(points * points):
        i, j = point // points, point % points
        pack(u[i, j].T, panels[i, j])


@cpu_kernel
def multiply_back(dm, v, u, panels, tiles, with_dv, dm_panels, du):
    """Compute at each point dU += V^T dM, then dV = dM U^T in the memory of V.

    `panels` are those of U^T. dm_panels (threads, panels of O, T, PANEL) is memory for those of dM.
    """
    points = len(du)
    for point in prange(points * points):
        i, j = point // points, point % points
        d, packed = dm[i, j, :tiles], dm_panels[numba.get_thread_id(), :, :tiles]
        pack(d, packed)
        multiply(v[i, j, :tiles].T, d, packed, du[i, j], True)
        if with_dv:
            multiply(d, u[i, j].T, panels[i, j], v[i, j, :tiles], False)


@cpu_kernel
def all_from_points(dv, corner, m, out_h, out_w, scratch, dx):
    """Add up dX = sum of B dV B^T. Tiles overlap: one task does a whole image, strip by strip."""
    top, left = corner
    strips, tiles = -(-out_h // m), -(-out_w // m)
    for image in prange(dx.shape[0]):
        mine, pixels = scratch[numba.get_thread_id()], dx[image]
        pixels[:] = dx.dtype.type(0)
        for strip in range(strips):
            at = (image * strips + strip) * tiles
            seen = inputs_from_points(dv, at, tiles, m, mine)
            add_strip(seen, strip * m - top, left, pixels)
