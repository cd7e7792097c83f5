"""Worked answers to lesson 07."""

from numba import float32

from minifacenet.nn.device.cuda_target import (
    cuda,  # in a program of your own: from numba import cuda
)

TILE = 4
BLOCK = 8


def owner(row, column, side):
    return (column // side, row // side), (column % side, row % side)


def brighten(x, out):
    i = cuda.grid(1)
    if i < out.shape[0]:  # the guard: the last block reaches beyond the end
        out[i] = x[i] + float32(10)


def mirror(image, out):
    column, row = cuda.grid(2)
    rows, columns = out.shape
    if row < rows and column < columns:
        out[row, column] = image[row, columns - 1 - column]


def row_sums(a, out):
    row = cuda.grid(1)
    if row < a.shape[0]:
        total = float32(0)  # in a register: out is written once
        for k in range(a.shape[1]):
            total += a[row, k]
        out[row] = total


def block_sums(x, out):
    tile = cuda.shared.array(BLOCK, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    tile[t] = x[i] if i < x.shape[0] else float32(0)
    cuda.syncthreads()  # outside of any if: all threads come here
    if t == 0:
        total = float32(0)
        for other in range(BLOCK):
            total += tile[other]
        out[cuda.blockIdx.x] = total


def smooth(x, w, out):
    tile = cuda.shared.array(BLOCK + 2, float32)
    t, i, n = cuda.threadIdx.x, cuda.grid(1), x.shape[0]
    tile[t + 1] = x[i] if i < n else float32(0)
    if t == 0:  # the halo: one number on either side
        tile[0] = x[i - 1] if i > 0 else float32(0)
    if t == BLOCK - 1:
        tile[BLOCK + 1] = x[i + 1] if i + 1 < n else float32(0)
    cuda.syncthreads()
    if i < n:
        out[i] = w[0] * tile[t] + w[1] * tile[t + 1] + w[2] * tile[t + 2]


def tiled_matmul(a, b, out):
    tile_a = cuda.shared.array((TILE, TILE), float32)
    tile_b = cuda.shared.array((TILE, TILE), float32)
    column, row = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    rows, columns = out.shape
    depth = a.shape[1]
    total = float32(0)
    for start in range(0, depth, TILE):
        inside_a = row < rows and start + tx < depth
        tile_a[ty, tx] = a[row, start + tx] if inside_a else float32(0)
        inside_b = start + ty < depth and column < columns
        tile_b[ty, tx] = b[start + ty, column] if inside_b else float32(0)
        cuda.syncthreads()  # the tiles are complete
        for t in range(TILE):
            total += tile_a[ty, t] * tile_b[t, tx]
        cuda.syncthreads()  # nobody reads them any more
    if row < rows and column < columns:
        out[row, column] = total
