"""Worked answers to lesson 07."""

from numba import float32

from minifacenet.nn.device.cuda_target import (
    cuda,  # in a program of your own: from numba import cuda
)

TILE = 4


def owner(row, column, side):
    return (column // side, row // side), (column % side, row % side)


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
