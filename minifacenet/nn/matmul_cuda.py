"""Matrix multiplication on CUDA in three steps: naive, tiled, register-blocked.

An (m, k) matrix times a (k, n) matrix takes m n k multiply-adds on only m k + k n numbers. All the
art is to fetch each number from far away seldom and to use it often while it is near. Far is global
memory; nearer is shared memory, a few kilobytes for each block of threads; nearest are registers,
which belong to one thread.

    step                outputs of          numbers read from       from shared,
                        a block, a thread   global, in all          a multiply-add
    naive               16 x 16, 1          2 m n k                 -
    tiled               16 x 16, 1          2 m n k / 16            2
    register-blocked    64 x 64, 8 x 8      2 m n k / 64            2 / 8

A block that computes T x T outputs reads T rows of A and T columns of B, 2 T k numbers, and there
are m n / T^2 blocks: 2 m n k / T numbers. (The naive block is one of 256 threads, too, but each of
them reads for itself.) In the same way a thread with R x R outputs reads 2 R numbers from shared
memory for each R^2 multiply-adds.

With m = n = k = 1024 and float32 that is 8.6 GB, 0.54 GB and 0.13 GB for 1.07e9 multiply-adds. The
caches of the hardware catch some of it; the least possible is 8.4 MB, each number once.

All three have the signature of `matmul`'s kernel, sum over k in one order, and guard the edges: a
number outside its matrix counts as 0 and an output outside is not written. `matmul` uses the last.

Indices of a matrix are below 2^32. Cast to unsigned, they spare the kernel Python's rule that a
negative index counts from the end, and with it registers.
"""

from __future__ import annotations

import numpy as np

from .backend import blocks, cuda, cuda_function, cuda_kernel

SIDE_TILED = 16  # of the naive and tiled steps' blocks: 16 x 16 threads, 16 x 16 outputs

TILE = 64  # a register-blocked block computes TILE x TILE outputs
MICRO = 8  # ... of which a thread owns MICRO x MICRO
SIDE = TILE // MICRO  # ... so the block has SIDE x SIDE threads
THREADS = SIDE * SIDE  # ... as many as TILE: one for each row of a tile
SLICE = SIDE  # how much of k is in shared memory at a time: each thread fetches MICRO numbers
PITCH = TILE + 4  # numbers from one k to the next in a shared tile, see `stage`

# -- Step 1: naive -------------------------------------------------------------------------------


@cuda_kernel
def _naive_grid(a, b, transpose_a, transpose_b, accumulate, out):
    """A thread computes one output, and reads its row of A and its column of B for itself.

    2 k numbers from global memory an output: 2 m n k.
    """
    column, row = cuda.grid(2)
    if row < out.shape[0] and column < out.shape[1]:
        total = out.dtype.type(0)
        for k in range(a.shape[0] if transpose_a else a.shape[1]):
            left = a[k, row] if transpose_a else a[row, k]
            right = b[column, k] if transpose_b else b[k, column]
            total += left * right
        if accumulate:
            total += out[row, column]
        out[row, column] = total


# -- Step 2: tiled -------------------------------------------------------------------------------


@cuda_kernel
def _tiled_grid(a, b, transpose_a, transpose_b, accumulate, out):
    """The threads of a block need the same 16 rows and 16 columns: they fetch them together.

    Each thread brings one number of A and one of B into shared memory, all wait for each other,
    and each multiplies 16 pairs from there: 2 m n k / 16 numbers from global memory. But every
    multiply-add still reads two numbers from shared memory, and that is what it now waits for.
    """
    tile_a = cuda.shared.array((SIDE_TILED, SIDE_TILED), a.dtype)
    tile_b = cuda.shared.array((SIDE_TILED, SIDE_TILED), a.dtype)
    column, row = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    depth = a.shape[0] if transpose_a else a.shape[1]
    rows, columns = out.shape
    zero = a.dtype.type(0)

    total = zero
    for start in range(0, depth, SIDE_TILED):
        k = start + tx
        value = zero
        if row < rows and k < depth:
            value = a[k, row] if transpose_a else a[row, k]
        tile_a[ty, tx] = value
        k = start + ty
        value = zero
        if column < columns and k < depth:
            value = b[column, k] if transpose_b else b[k, column]
        tile_b[ty, tx] = value
        cuda.syncthreads()  # the tiles are complete
        for t in range(SIDE_TILED):
            total += tile_a[ty, t] * tile_b[t, tx]
        cuda.syncthreads()  # nobody reads them any more

    if row < rows and column < columns:
        if accumulate:
            total += out[row, column]
        out[row, column] = total


# -- Step 3: register-blocked. The implicit GEMM calls its device functions, too -----------------


@cuda_function
def clear(total):
    for i in range(MICRO):
        for j in range(MICRO):
            total[i, j] = total.dtype.type(0)


@cuda_function
def stage(factor, depth_first, corner, start, thread, tile):
    """tile[k, r] = the factor's number at depth start + k and row (of B: column) corner + r.

    `depth_first`: it lies at factor[depth, row], otherwise at factor[row, depth]. Either way
    neighbouring threads read neighbouring numbers, at least 8 in a row (32 bytes of float32: what
    global memory hands out at once). In the second case they write columns of the tile. Shared
    memory has 32 banks that serve one number each at a time; PITCH puts the 8 x 4 numbers of a
    warp into banks 4 k + r, k < 8, r < 4, all different. (In float64, of 16 double banks and half a
    warp at a time, two threads meet in each.)
    """
    zero = factor.dtype.type(0)
    k, r = (0, thread) if depth_first else (thread % SLICE, thread // SLICE)
    down_k, down_r = (1, 0) if depth_first else (0, SIDE)
    i, j = (start, corner + r) if depth_first else (corner + r, start + k)
    for _ in range(SLICE):  # a thread keeps to its column of the factor
        inside = i < factor.shape[0] and j < factor.shape[1]
        tile[k, r] = factor[np.uint32(i), np.uint32(j)] if inside else zero
        i += down_k + down_r
        k += down_k
        r += down_r


@cuda_function
def multiply(tile_a, tile_b, thread, total):
    """total += the slice's products: 2 MICRO reads of shared memory for MICRO^2 multiply-adds.

    A thread's rows and columns lie SIDE apart, not side by side, so that neighbouring threads
    read, and later write, neighbouring columns.
    """
    row, column = thread // SIDE, thread % SIDE
    for k in range(SLICE):
        for i in range(MICRO):
            left = tile_a[k, row + i * SIDE]
            for j in range(MICRO):
                total[i, j] += left * tile_b[k, column + j * SIDE]


@cuda_function
def store(total, top, left, thread, accumulate, out):
    """Write a thread's sums to the tile of `out` whose corner is (top, left), or add them to it."""
    rows, columns = out.shape
    for i in range(MICRO):
        for j in range(MICRO):
            y = np.uint32(top + thread // SIDE + i * SIDE)
            x = np.uint32(left + thread % SIDE + j * SIDE)
            if y < rows and x < columns:
                before = out[y, x] if accumulate else total.dtype.type(0)
                out[y, x] = before + total[i, j]


@cuda_kernel
def _blocked_grid(a, b, transpose_a, transpose_b, accumulate, out):
    """A thread owns 8 x 8 outputs, in registers: a number read from shared memory is used 8 times.

    64 threads compute 64 x 64 outputs: 2 m n k / 64 numbers from global memory. The loops over the
    64 sums have constant bounds: the compiler unrolls them, or the sums could not be registers.
    They are the price: with 128 registers a thread (float32), a multiprocessor holds 8 such blocks,
    a quarter of the threads that it could.
    """
    tile_a = cuda.shared.array((SLICE, PITCH), a.dtype)
    tile_b = cuda.shared.array((SLICE, PITCH), a.dtype)
    total = cuda.local.array((MICRO, MICRO), a.dtype)
    across = (out.shape[1] + TILE - 1) // TILE
    block, thread = cuda.blockIdx.x, cuda.threadIdx.x
    top, left = block // across * TILE, block % across * TILE

    clear(total)
    for start in range(0, a.shape[0] if transpose_a else a.shape[1], SLICE):
        stage(a, transpose_a, top, start, thread, tile_a)
        stage(b, not transpose_b, left, start, thread, tile_b)
        cuda.syncthreads()  # the tiles are complete
        multiply(tile_a, tile_b, thread, total)
        cuda.syncthreads()  # nobody reads them any more
    store(total, top, left, thread, accumulate, out)


# -- Host functions ------------------------------------------------------------------------------


def matmul_naive(a, b, transpose_a, transpose_b, accumulate, out):
    rows, columns = out.shape
    grid = (blocks(columns, SIDE_TILED), blocks(rows, SIDE_TILED))
    threads = (SIDE_TILED, SIDE_TILED)
    _naive_grid[grid, threads](a, b, transpose_a, transpose_b, accumulate, out)


def matmul_tiled(a, b, transpose_a, transpose_b, accumulate, out):
    rows, columns = out.shape
    grid = (blocks(columns, SIDE_TILED), blocks(rows, SIDE_TILED))
    threads = (SIDE_TILED, SIDE_TILED)
    _tiled_grid[grid, threads](a, b, transpose_a, transpose_b, accumulate, out)


def matmul_blocked(a, b, transpose_a, transpose_b, accumulate, out):
    rows, columns = out.shape
    grid = blocks(rows, TILE) * blocks(columns, TILE)
    _blocked_grid[grid, THREADS](a, b, transpose_a, transpose_b, accumulate, out)
