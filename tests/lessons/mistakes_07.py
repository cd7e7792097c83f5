"""Typical wrong answers to lesson 07, with words that the check should say."""

from types import FunctionType

from numba import float32

from minifacenet.nn.device.cuda_target import cuda

TILE = 4


def rows_first(row, column, side):
    return (row // side, column // side), (row % side, column % side)


def thread_first(row, column, side):
    return (column % side, row % side), (column // side, row // side)


def not_within(row, column, side):
    return (column // side, row // side), (column, row)


def one_number(row, column, side):
    return row // side


def naive(a, b, out):
    column, row = cuda.grid(2)
    if row < out.shape[0] and column < out.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[row, k] * b[k, column]
        out[row, column] = total


def _tiled(
    a, b, out, guard=True, fill=True, early=False, barriers=(1, 1), write=True, x_first=True
):
    tile_a = cuda.shared.array((TILE, TILE), float32)
    tile_b = cuda.shared.array((TILE, TILE), float32)
    column, row = cuda.grid(2) if x_first else cuda.grid(2)[::-1]
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    if not x_first:
        tx, ty = ty, tx
    (rows, columns), depth = out.shape, a.shape[1]
    if early and not (row < rows and column < columns):
        return
    total = float32(0)
    for start in range(0, depth, TILE):
        if not guard or (row < rows and start + tx < depth):
            tile_a[ty, tx] = a[row, start + tx]
        elif fill:
            tile_a[ty, tx] = 0
        if not guard or (start + ty < depth and column < columns):
            tile_b[ty, tx] = b[start + ty, column]
        elif fill:
            tile_b[ty, tx] = 0
        if barriers[0]:
            cuda.syncthreads()
        for t in range(TILE):
            total += tile_a[ty, t] * tile_b[t, tx]
        if barriers[1]:
            cuda.syncthreads()
    if not write or (row < rows and column < columns):
        out[row, column] = total


def _with(name, **options):
    """`_tiled` with other defaults, as a plain function."""
    order = ("guard", "fill", "early", "barriers", "write", "x_first")
    plain = dict(zip(order, _tiled.__defaults__, strict=True)) | options
    return FunctionType(_tiled.__code__, globals(), name, tuple(plain.values()))


def from_memory_after_all(a, b, out):
    tile = cuda.shared.array((TILE, TILE), float32)
    column, row = cuda.grid(2)
    tile[cuda.threadIdx.y, cuda.threadIdx.x] = 0
    cuda.syncthreads()
    if row < out.shape[0] and column < out.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[row, k] * b[k, column]
        out[row, column] = total


def barrier_in_a_branch(a, b, out):
    column, row = cuda.grid(2)
    if row < out.shape[0] and column < out.shape[1]:
        cuda.syncthreads()
        out[row, column] = sum(a[row, k] * b[k, column] for k in range(a.shape[1]))


def all_to_one(a, b, out):
    out[0, 0] = a[0, 0] * b[0, 0]


MISTAKES = {
    "07.1": {
        rows_first: "x comes first",
        thread_first: "block was to come first",
        not_within: "within its block",
        one_number: "two pairs",
    },
    "07.2": {
        naive: "from global memory",
        from_memory_after_all: "from global memory",
        _with("no_guard", guard=False): "outside of its shape",
        _with("no_zero", fill=False): "brings a 0",
        _with("early_return", early=True): "has ended",
        _with("no_first_barrier", barriers=(0, 1)): "a race: shared array",
        _with("no_second_barrier", barriers=(1, 0)): "a race: shared array",
        _with("writes_outside", write=False): "outside of its shape",
        _with("row_first", x_first=False): "no thread wrote it",
        barrier_in_a_branch: "no barrier inside of an if",
        all_to_one: "a race: out[0, 0]",
    },
}
