"""The triplet loss: an anchor should be closer to every positive than to any negative, by a margin.

    L = mean over triplets (a, p, n) of  [ D(a,p) - D(a,n) + margin ]+        D = ||e_a - e_p||^2

a and p show one person, n another; D is the squared L2 distance; a triplet whose bracket is
positive is *active*. The paper (section 3.1, eq. 3) sums over the triplets; we take the mean over
the active ones, so that the learning rate does not depend on how many there are.

Gradient. Collect dL/dD in a matrix W: an active triplet adds 1/T to W[a,p] and -1/T to W[a,n],
T being the number of active triplets. Since D_ij = ||e_i||^2 + ||e_j||^2 - 2 e_i . e_j,

    dL/de_i = sum over j of (W_ij + W_ji) * 2 (e_i - e_j)

or, with S = W + W^T and r = the sums of its rows:

    dL/dE = 2 (diag(r) - S) E

This is one matrix product, however many triplets there are, and O(N^2) memory. On CUDA one
kernel sums the first form: it needs neither S nor r in memory.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..nn.device.backend import Kernel, contiguous, empty
from ..nn.device.cuda_target import cuda, cuda_kernel

TILE = 16
PADDED = TILE + 1  # columns of a tile that is read down its columns: these lie in different banks


class Triplets(NamedTuple):
    """Indices into a batch: three ndarrays of shape (T,), int64."""

    anchor: np.ndarray
    positive: np.ndarray
    negative: np.ndarray

    def __len__(self) -> int:  # the number of triplets, not of index arrays
        return len(self.anchor)


def as_distances(distances: np.ndarray) -> np.ndarray:
    """Return distances as float32 or float64, in which a margin keeps its fraction.

    They are of shape (N, N), or (A, N) where only the first A of the N rows are anchors.

    Raises
    ------
    ValueError
        The distances have another shape, or one is NaN or infinite: it would be compared with
        others, never be larger, and so be taken for a triplet that is solved.
    """
    distances = np.asarray(distances)
    if distances.ndim != 2 or distances.shape[0] > distances.shape[1]:
        raise ValueError(
            f"distances are of shape (N, N), all with all, or their first rows, got "
            f"{distances.shape}"
        )
    if distances.dtype not in (np.float32, np.float64):
        distances = distances.astype(np.float64)
    if not -np.inf < distances.min(initial=0) <= distances.max(initial=0) < np.inf:
        bad = np.argwhere(~np.isfinite(distances))
        raise ValueError(
            f"distances are finite, got {distances[*bad[0]]} between {bad[0, 0]} and {bad[0, 1]} "
            f"({len(bad)} such of {distances.size}): look for NaN in the embeddings"
        )
    return distances


def triplet_loss(
    distances: np.ndarray, triplets: Triplets, margin: float
) -> tuple[float, int, np.ndarray]:
    """Return the mean loss over the active triplets, and dL/dD.

    Parameters
    ----------
    distances : ndarray of shape (N, N), or (A, N) for the first A as anchors
        Squared L2 distances within the batch; whole numbers count as float64.
    triplets : Triplets
    margin : float
        The paper's alpha, 0.2.

    Returns
    -------
    loss : float
        0 if no triplet is active.
    active : int
        Triplets with a positive bracket.
    weights : ndarray of the shape of `distances`
        dL/dD: W of this file's derivation.
    """
    distances = as_distances(distances)
    a, p, n = triplets
    violation = distances[a, p] - distances[a, n] + distances.dtype.type(margin)
    hinge = violation > 0
    active = int(hinge.sum())
    weights = np.zeros_like(distances)
    if active == 0:
        return 0.0, 0, weights
    share = distances.dtype.type(1 / active)
    np.add.at(weights, (a[hinge], p[hinge]), share)
    np.subtract.at(weights, (a[hinge], n[hinge]), share)
    return float(violation[hinge].mean()), active, weights


# -- From the distances to the embeddings --------------------------------------------------------


def _gradient_cpu(weights, embeddings, out):
    symmetric = weights + weights.T
    out[...] = 2 * (symmetric.sum(axis=1, keepdims=True) * embeddings - symmetric @ embeddings)


# One thread per coordinate of an embedding, a block a 16 x 16 tile of them: it walks along j, with
# a tile of S = W + W' and one of E in shared memory. W' is fetched row by row, too, and turned on
# the way; the 17th column puts the turned values into different banks. Bound: 3 N flops per
# coordinate, against 3 N / 4 bytes of float32 (mostly from the cache): shared memory, with two
# reads for 3 flops. Next: 4 x 4 coordinates per thread in registers, or a graph Laplacian and
# `matmul`.
@cuda_kernel
def _gradient_grid(weights, embeddings, out):
    tile_s = cuda.shared.array((TILE, PADDED), embeddings.dtype)
    tile_e = cuda.shared.array((TILE, TILE), embeddings.dtype)
    c, i = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    n, d = out.shape
    first_i = cuda.blockIdx.y * TILE
    zero = embeddings.dtype.type(0)

    own = embeddings[i, c] if i < n and c < d else zero
    total = zero
    for start in range(0, n, TILE):
        j = start + ty
        tile_s[tx, ty] = weights[j, first_i + tx] if j < n and first_i + tx < n else zero
        tile_e[ty, tx] = embeddings[j, c] if j < n and c < d else zero
        cuda.syncthreads()  # W' is in tile_s
        j = start + tx
        if i < n and j < n:
            tile_s[ty, tx] += weights[i, j]
        cuda.syncthreads()  # the tiles are complete
        for t in range(TILE):
            total += tile_s[ty, t] * (own - tile_e[t, tx])
        cuda.syncthreads()  # nobody reads them any more

    if i < n and c < d:
        out[i, c] = total + total


def _gradient_cuda(weights, embeddings, out):
    n, d = out.shape
    grid = (max(1, -(-d // TILE)), max(1, -(-n // TILE)))
    _gradient_grid[grid, (TILE, TILE)](weights, embeddings, out)


_gradient = Kernel(_gradient_cpu, _gradient_cuda)


def embedding_gradient(weights: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """Return dL/dE, of shape (N, d), from dL/dD (N, N) and the embeddings E (N, d).

    Both are on one device, and so is the result: weights that were mined on the CPU are moved
    to the embeddings with `nn.device.backend.to_device`.

    Raises
    ------
    ValueError
        The shapes do not fit.
    TypeError
        The dtypes differ, or are neither float32 nor float64.
    """
    n = embeddings.shape[0]
    if len(embeddings.shape) != 2 or tuple(weights.shape) != (n, n):
        raise ValueError(
            f"weights (N, N) and embeddings (N, d) are needed, got shapes {tuple(weights.shape)} "
            f"and {tuple(embeddings.shape)}"
        )
    if weights.dtype != embeddings.dtype:
        raise TypeError(
            f"weights and embeddings are of one dtype, got {weights.dtype} and {embeddings.dtype}"
        )
    out = empty(embeddings.shape, like=embeddings)
    _gradient(contiguous(weights), contiguous(embeddings), out)
    return out
