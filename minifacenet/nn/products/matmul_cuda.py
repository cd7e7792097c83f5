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

All three have the signature of `matmul`'s kernel, sum over k in a fixed order, and guard the edges:
a number outside its matrix counts as 0 and an output outside is not written. `matmul` uses the
last.

**What bounds the last step** is the number of instructions. Cards of compute capability 8.6 and up
start as many in a cycle as they have lanes for float32: whatever else a thread does, it pays for
with a multiply-add. (8.0 has half the lanes; there the rest fits in between.) So this step is
written for the machine code, and tests/machine_code.py counts there. To 512 multiply-adds, those of
a slice of k, belong 88 instructions that read shared memory and count, and about 170 that fetch the
next slice: two of three multiply, so two thirds of the peak is the most that can be reached. (The
test counts both ways to fetch, of which one runs, and says 55 %.) Written plainly it took 1,080,
not 770. What that took:

- Indices are unsigned, of 32 bits: this spares arithmetic in 64 bits and Python's rule that a
  negative index counts from the end. An array has below 2^32 numbers.
- A thread's 8 rows lie in two runs of four, and a run comes from shared memory in one read.
- A row outside is replaced by the last one: what is computed for it is never written.
- Where there are few tiles, the depth is cut into parts, each with blocks and a sum of its own, and
  a second kernel adds these in order. How many depends on the shapes alone, and so does the result.

Next would be blocks of 128 x 64 outputs, which fetch less for each product, and to fetch a slice
while the one before it is multiplied.
"""

from __future__ import annotations

import numpy as np

from ..device.backend import CUDA_THREADS, Array, blocks, empty
from ..device.cuda_target import ALIGNMENT, cuda, cuda_function, cuda_kernel

SIDE_TILED = 16  # of the naive and tiled steps' blocks: 16 x 16 threads, 16 x 16 outputs

TILE = 64  # a register-blocked block computes TILE x TILE outputs
MICRO = 8  # ... of which a thread owns MICRO x MICRO
SIDE = TILE // MICRO  # ... so the block has SIDE x SIDE threads
THREADS = SIDE * SIDE  # ... as many as TILE: one for each row of a tile
FOUR = 4  # neighbouring rows, or columns, of a thread; as many again lie
HALF = TILE // 2  # ... this far after them
SLICE = SIDE  # how much of k is in shared memory at a time: each thread fetches MICRO numbers
PITCH = TILE + 4  # numbers from one k to the next in a shared tile, see `fetch_along`
PARTIAL_TILES = 512  # blocks that a product is spread over, at least, if its depth allows

# -- Step 1: naive -------------------------------------------------------------------------------


@cuda_kernel
def _naive_grid(a, b, transpose_a, transpose_b, accumulate, out):
    """A thread computes one output, and reads its row of A and its column of B for itself.

    It reads 2 k numbers from global memory per output: 2 m n k.
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
def shared_tiles(like):
    """Return memory for a tile of A and one of B, seen by all threads of a block.

    It begins at a multiple of 16 bytes, so that four neighbouring float32 can be read at once.
    """
    if ALIGNMENT:
        return cuda.shared.array((2, SLICE, PITCH), like.dtype, ALIGNMENT)
    return cuda.shared.array((2, SLICE, PITCH), like.dtype)


@cuda_function
def clear(total):
    for i in range(MICRO):
        for j in range(MICRO):
            total[i, j] = total.dtype.type(0)


@cuda_function
def fetch_across(factor, rows, corner, start, depth, thread, tile):
    """Set tile[k, r] = factor[start + k, corner + r], `rows` numbers per line; 0 below `depth`.

    A thread keeps to its r: neighbours read neighbouring numbers, and write them side by side. For
    a number outside, the first one is read in its place: cheaper than a branch around the read.
    """
    at, zero = np.uint32(start * rows + min(corner + thread, rows - 1)), factor.dtype.type(0)
    room = np.int32(min(depth - start, SLICE))
    for k in range(SLICE):
        inside = np.int32(k) < room
        value = factor[np.uint32(at + k * rows if inside else 0)]
        tile[k, thread] = value if inside else zero


@cuda_function
def fetch_along(factor, rows, corner, start, depth, thread, tile):
    """Set tile[k, r] = factor[corner + r, start + k], `depth` numbers per line; 0 after them.

    A thread keeps to its k: 8 neighbours read 8 neighbouring numbers (32 bytes of float32: what
    global memory hands out at once) and write a column of the tile. Shared memory has 32 banks that
    serve one number each at a time; PITCH puts the 8 x 4 numbers of a warp into banks 4 k + r,
    k < 8, r < 4, all different. (In float64, of 16 double banks and half a warp at a time, two
    threads meet in each.)
    """
    k, r = np.uint32(thread) % SLICE, np.uint32(thread) // SLICE
    inside, zero = start + k < depth, factor.dtype.type(0)
    at, last = np.uint32(corner * depth + start + k), np.int32(rows - 1 - corner)
    for step in range(MICRO):
        row = np.int32(r + step * SIDE)
        value = factor[np.uint32(at + min(row, last) * depth if inside else 0)]
        tile[k, row] = value if inside else zero


@cuda_function
def multiply(tiles, thread, total):
    """Add a slice's products to total: 2 MICRO shared numbers for MICRO^2 multiply-adds.

    A thread's rows, and its columns, are two runs of FOUR: four neighbours come from shared memory
    in one read, and the next thread reads on after them.

    The loop is a `while`: Numba's `range` takes six more instructions per round, and is not
    unrolled.
    """
    row, column = np.uint32(thread) // SIDE * FOUR, np.uint32(thread) % SIDE * FOUR
    right = cuda.local.array(MICRO, total.dtype)
    k = np.uint32(0)
    while k < SLICE:
        for j in range(MICRO):
            right[j] = tiles[1, k, np.uint32(column + j // FOUR * HALF + j % FOUR)]
        for i in range(MICRO):
            left = tiles[0, k, np.uint32(row + i // FOUR * HALF + i % FOUR)]
            for j in range(MICRO):
                total[i, j] += left * right[j]
        k = np.uint32(k + 1)


@cuda_function
def store(total, top, left, thread, accumulate, out):
    """Write a thread's sums to the tile of `out` whose corner is (top, left), or add them to it."""
    row, column = np.uint32(thread) // SIDE * FOUR, np.uint32(thread) % SIDE * FOUR
    rows, columns = out.shape
    for i in range(MICRO):
        y = np.uint32(top + row + i // FOUR * HALF + i % FOUR)
        for j in range(MICRO):
            x = np.uint32(left + column + j // FOUR * HALF + j % FOUR)
            if y < rows and x < columns:
                before = out[y, x] if accumulate else total.dtype.type(0)
                out[y, x] = before + total[i, j]


@cuda_kernel
def _blocked_grid(a, b, depth, transpose_a, transpose_b, accumulate, span, sums):
    """Set sums[part] to the products of k in part * span ... (part + 1) * span; a and b are flat.

    A thread owns 8 x 8 outputs, in registers: a number read from shared memory is used 8 times.
    64 threads compute 64 x 64 outputs: 2 m n k / 64 numbers from global memory. The loops over the
    64 sums have constant bounds: the compiler unrolls them, or the sums could not be registers.
    They are the price: at 128 registers per thread (float32) a multiprocessor holds 8 such blocks,
    a quarter of the threads that it could.
    """
    tiles = shared_tiles(a)
    total = cuda.local.array((MICRO, MICRO), a.dtype)
    _, rows, columns = sums.shape
    across = (columns + TILE - 1) // TILE
    block, part, thread = cuda.blockIdx.x, cuda.blockIdx.y, cuda.threadIdx.x
    top, left = block // across * TILE, block % across * TILE

    clear(total)
    for start in range(part * span, min((part + 1) * span, depth), SLICE):
        if transpose_a:
            fetch_across(a, rows, top, start, depth, thread, tiles[0])
        else:
            fetch_along(a, rows, top, start, depth, thread, tiles[0])
        if transpose_b:
            fetch_along(b, columns, left, start, depth, thread, tiles[1])
        else:
            fetch_across(b, columns, left, start, depth, thread, tiles[1])
        cuda.syncthreads()  # the tiles are complete
        multiply(tiles, thread, total)
        cuda.syncthreads()  # nobody reads them any more
    store(total, top, left, thread, accumulate, sums[part])


@cuda_kernel
def _add_in_order_grid(parts, accumulate, total):  # bound: memory, each number once
    i = cuda.grid(1)
    if i < total.size:
        value = total[i] if accumulate else total.dtype.type(0)
        for part in range(parts.shape[0]):
            value += parts[part, i]
        total[i] = value


# -- Host functions ------------------------------------------------------------------------------


def matmul_naive(
    a: Array, b: Array, transpose_a: bool, transpose_b: bool, accumulate: bool, out: Array
) -> None:
    rows, columns = out.shape
    grid = (blocks(columns, SIDE_TILED), blocks(rows, SIDE_TILED))
    threads = (SIDE_TILED, SIDE_TILED)
    _naive_grid[grid, threads](a, b, transpose_a, transpose_b, accumulate, out)


def matmul_tiled(
    a: Array, b: Array, transpose_a: bool, transpose_b: bool, accumulate: bool, out: Array
) -> None:
    rows, columns = out.shape
    grid = (blocks(columns, SIDE_TILED), blocks(rows, SIDE_TILED))
    threads = (SIDE_TILED, SIDE_TILED)
    _tiled_grid[grid, threads](a, b, transpose_a, transpose_b, accumulate, out)


def matmul_blocked(
    a: Array, b: Array, transpose_a: bool, transpose_b: bool, accumulate: bool, out: Array
) -> None:
    if not out.size:
        return
    rows, columns = out.shape
    tiles, depth = blocks(rows, TILE) * blocks(columns, TILE), a.shape[0 if transpose_a else 1]
    parts, span = parts_of(depth, tiles)
    whole = parts == 1
    sums = out.reshape(1, rows, columns) if whole else empty((parts, rows, columns), like=out)
    _blocked_grid[(tiles, parts), THREADS](
        a.reshape(a.size), b.reshape(b.size), depth, transpose_a, transpose_b,
        accumulate and whole, span, sums,
    )  # fmt: skip
    if not whole:
        add_in_order(sums.reshape(parts, out.size), accumulate, out.reshape(out.size))


def parts_of(depth: int, tiles: int) -> tuple[int, int]:
    """Return how many parts to cut the depth into for enough blocks, and how long one is."""
    chunks = blocks(depth, TILE)
    span = blocks(chunks, blocks(PARTIAL_TILES, tiles))
    return blocks(chunks, span), span * TILE


def add_in_order(parts: Array, accumulate: bool, total: Array) -> None:
    """Compute total (n,) = or += parts (m, n), summed over m from the first to the last."""
    _add_in_order_grid[blocks(total.size), CUDA_THREADS](parts, accumulate, total)
