"""Squared L2 distances of all pairs of a batch, on the device of the embeddings.

    D_ij = ||e_i - e_j||^2 = sum over c of (e_ic - e_jc)^2

They are summed from differences, not as ||e_i||^2 + ||e_j||^2 - 2 e_i . e_j, which would be one
matrix product: this way equal embeddings are exactly 0 apart, and near ones lose no digits. Mining
compares the distances of near ones.

Mining reads the N x N distances on the CPU: at N = 1,800 they are 13 MB, and the
embeddings themselves 0.9 MB. `triplet.embedding_gradient` is the way back.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..nn.device.backend import Kernel, contiguous, empty
from ..nn.device.cpu_target import cpu_kernel
from ..nn.device.cuda_target import cuda, cuda_kernel

TILE = 16
PADDED = TILE + 1  # columns of a tile that is read down its columns: these lie in different banks


def squared_distances_reference(embeddings: np.ndarray) -> np.ndarray:
    return ((embeddings[:, None] - embeddings[None]) ** 2).sum(axis=2)


# -- Kernels -------------------------------------------------------------------------------------


@cpu_kernel(fastmath={"reassoc", "contract"})
def _distances_cpu(embeddings, out):
    # `reassoc` lets the sum vectorise; NaN keeps its meaning.
    n, d = embeddings.shape
    for i in prange(n):
        out[i, i] = 0
        for j in range(i):
            total = embeddings.dtype.type(0)
            for c in range(d):
                difference = embeddings[i, c] - embeddings[j, c]
                total += difference * difference
            out[i, j] = total
            out[j, i] = total


# One thread per distance, a block a 16 x 16 tile of them, as in nn/products/matmul.py: both tiles
# of embeddings are fetched into shared memory row by row, and read from there 16 times. The second
# one is read down its columns; the 17th column puts these into different banks. (i, j) and (j, i)
# are summed in the same order, so the result is symmetric to the last bit. Bound: 3 d flops per
# distance against d / 2 bytes read (mostly from the cache) and 4 written, in float32: shared
# memory, with two reads for 3 flops. Next: 4 x 4 distances per thread in registers; the lower
# triangle alone.
@cuda_kernel
def _distances_grid(embeddings, out):
    tile_i = cuda.shared.array((TILE, TILE), embeddings.dtype)
    tile_j = cuda.shared.array((TILE, PADDED), embeddings.dtype)
    j, i = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    n, d = embeddings.shape
    first_j = cuda.blockIdx.x * TILE
    zero = embeddings.dtype.type(0)

    total = zero
    for start in range(0, d, TILE):
        c = start + tx
        tile_i[ty, tx] = embeddings[i, c] if i < n and c < d else zero
        tile_j[ty, tx] = embeddings[first_j + ty, c] if first_j + ty < n and c < d else zero
        cuda.syncthreads()  # the tiles are complete
        for t in range(TILE):
            difference = tile_i[ty, t] - tile_j[tx, t]
            total += difference * difference
        cuda.syncthreads()  # nobody reads them any more

    if i < n and j < n:
        out[i, j] = zero if i == j else total  # a NaN's distance to itself, too, as on the CPU


def _distances_cuda(embeddings, out):
    across = max(1, -(-out.shape[0] // TILE))
    _distances_grid[(across, across), (TILE, TILE)](embeddings, out)


_distances = Kernel(_distances_cpu, _distances_cuda)


def squared_distances(embeddings: np.ndarray) -> np.ndarray:
    """Return the squared L2 distances, of shape (N, N): symmetric, the diagonal exactly 0.

    `embeddings` is an array of shape (N, d) on either device; the result is on the same one.

    Raises
    ------
    ValueError
        `embeddings` has another shape.
    """
    if len(embeddings.shape) != 2:
        raise ValueError(f"embeddings are of shape (N, d), got {tuple(embeddings.shape)}")
    if embeddings.dtype.kind != "f":
        embeddings = embeddings.astype(np.float64)  # the difference of two bytes would wrap around
    out = empty((embeddings.shape[0], embeddings.shape[0]), like=embeddings)
    _distances(contiguous(embeddings), out)
    return out
