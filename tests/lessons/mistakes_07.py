"""Typical wrong answers to lesson 07, with words that the check should say."""

from types import FunctionType

from numba import float32

from minifacenet.nn.device.cuda_target import cuda

TILE = 4
BLOCK = 8


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
    order = ("guard", "fill", "early", "barriers", "write", "x_first")
    return _changed(_tiled, order, name, options)


def _changed(kernel, order, name, options):
    """A kernel with other defaults, as a plain function."""
    plain = dict(zip(order, kernel.__defaults__, strict=True)) | options
    return FunctionType(kernel.__code__, globals(), name, tuple(plain.values()))


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


def no_guard(x, out):
    i = cuda.grid(1)
    out[i] = x[i] + 10


def one_too_many(x, out):
    i = cuda.grid(1)
    if i <= x.shape[0]:
        out[i] = x[i] + 10


def within_its_block(x, out):
    i = cuda.threadIdx.x
    if i < x.shape[0]:
        out[i] = x[i] + 10


def for_all(x, out):
    for i in range(x.shape[0]):
        out[i] = x[i] + 10


def last_ones_left_out(x, out):
    i = cuda.grid(1)
    if i < x.shape[0] - 1:
        out[i] = x[i] + 10


def mirror_unguarded(image, out):
    column, row = cuda.grid(2)
    out[row, column] = image[row, out.shape[1] - 1 - column]


def mirror_one_guard(image, out):
    column, row = cuda.grid(2)
    if column < out.shape[1]:
        out[row, column] = image[row, out.shape[1] - 1 - column]


def mirror_rows_first(image, out):
    row, column = cuda.grid(2)
    if row < out.shape[0] and column < out.shape[1]:
        out[row, column] = image[row, out.shape[1] - 1 - column]


def mirror_off_by_one(image, out):
    column, row = cuda.grid(2)
    if row < out.shape[0] and column < out.shape[1]:
        out[row, column] = image[row, out.shape[1] - column]


def not_mirrored(image, out):
    column, row = cuda.grid(2)
    if row < out.shape[0] and column < out.shape[1]:
        out[row, column] = image[row, column]


def sums_in_out(a, out):
    row = cuda.grid(1)
    if row < a.shape[0]:
        for k in range(a.shape[1]):
            out[row] += a[row, k]


def sums_in_zeroed_out(a, out):
    row = cuda.grid(1)
    if row < a.shape[0]:
        out[row] = 0
        for k in range(a.shape[1]):
            out[row] += a[row, k]


def sums_of_columns(a, out):
    column = cuda.grid(1)
    if column < a.shape[1]:
        total = float32(0)
        for k in range(a.shape[0]):
            total += a[k, column]
        out[column] = total


def sums_unguarded(a, out):
    row = cuda.grid(1)
    total = float32(0)
    for k in range(a.shape[1]):
        total += a[row, k]
    out[row] = total


def all_rows(a, out):
    for row in range(a.shape[0]):
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[row, k]
        out[row] = total


def _sum_of_block(x, out, fill=True, early=False, barrier=True, first=True):
    tile = cuda.shared.array(BLOCK, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    if early and i >= x.shape[0]:
        return
    if i < x.shape[0]:
        tile[t] = x[i]
    elif fill:
        tile[t] = 0
    if barrier:
        cuda.syncthreads()
    if t == 0 or not first:
        total = float32(0)
        for other in range(BLOCK):
            total += tile[other]
        out[cuda.blockIdx.x] = total


def one_for_all(x, out):
    if cuda.threadIdx.x == 0:
        start = cuda.grid(1)
        total = float32(0)
        for i in range(start, min(start + BLOCK, x.shape[0])):
            total += x[i]
        out[cuda.blockIdx.x] = total


def straight_to_out(x, out):
    i = cuda.grid(1)
    if cuda.threadIdx.x == 0:
        out[cuda.blockIdx.x] += x[i]


def _smoothed(x, w, out, halo=True, barrier=True, left=True, right=True, guard=True):
    tile = cuda.shared.array(BLOCK + 2, float32)
    t, i, n = cuda.threadIdx.x, cuda.grid(1), x.shape[0]
    tile[t + 1] = x[i] if i < n or not guard else 0
    if t == 0:
        tile[0] = x[i - 1] if halo and (i > 0 or not left) else 0
    if t == BLOCK - 1:
        tile[BLOCK + 1] = x[i + 1] if halo and (i + 1 < n or not right) else 0
    if barrier:
        cuda.syncthreads()
    if i < n:
        out[i] = w[0] * tile[t] + w[1] * tile[t + 1] + w[2] * tile[t + 2]


def smooth_from_memory(x, w, out):
    i = cuda.grid(1)
    if i < x.shape[0]:
        total = w[1] * x[i]
        if i > 0:
            total += w[0] * x[i - 1]
        if i + 1 < x.shape[0]:
            total += w[2] * x[i + 1]
        out[i] = total


def _block(name, **options):
    return _changed(_sum_of_block, ("fill", "early", "barrier", "first"), name, options)


def _halo(name, **options):
    return _changed(_smoothed, ("halo", "barrier", "left", "right", "guard"), name, options)


def first_one_brightens_all(x, out):
    if cuda.grid(1) == 0:
        for i in range(x.shape[0]):
            out[i] = x[i] + 10


def first_one_mirrors_all(image, out):
    column, row = cuda.grid(2)
    if row == 0 and column == 0:
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] = image[i, out.shape[1] - 1 - j]


def first_one_sums_all(a, out):
    if cuda.grid(1) == 0:
        for row in range(a.shape[0]):
            total = float32(0)
            for k in range(a.shape[1]):
                total += a[row, k]
            out[row] = total


def fractions(row, column, side):
    return (column / side, row / side), (column % side, row % side)


MISTAKES = {
    "07.1": {
        rows_first: "x comes first",
        thread_first: "block was to come first",
        not_within: "within its block",
        one_number: "two pairs",
        fractions: "//, not /",
    },
    "07.2": {
        no_guard: "outside of its shape",
        one_too_many: "outside of its shape",
        within_its_block: "a race: out[0]",
        for_all: "a race: out[0]",
        last_ones_left_out: "no thread has written it",
        first_one_brightens_all: "one thread for each pixel",
    },
    "07.3": {
        mirror_unguarded: "outside of its shape",
        mirror_one_guard: "outside of its shape",
        mirror_rows_first: "x is the column",
        mirror_off_by_one: "outside of its shape",
        not_mirrored: "expected",
        first_one_mirrors_all: "one thread for each pixel",
    },
    "07.4": {
        sums_in_out: "neither out nor a shared array begins with zeros",
        sums_in_zeroed_out: "out is read",
        sums_of_columns: "outside of its shape",
        sums_unguarded: "outside of its shape",
        all_rows: "a race: out[0]",
        first_one_sums_all: "one thread for each row",
    },
    "07.5": {
        _block("no_barrier", barrier=False): "a race: shared array 1[",
        _block("no_zero", fill=False): "neither out nor a shared array begins with zeros",
        _block("early_return", early=True): "has ended",
        _block("everybody_writes", first=False): "a race: out[0]",
        one_for_all: "while the others have nothing to do",
        straight_to_out: "neither out nor a shared array begins with zeros",
    },
    "07.6": {
        smooth_from_memory: "from global memory",
        _halo("no_halo", halo=False): "where two blocks meet",
        _halo("no_barrier", barrier=False): "a race: shared array 1[",
        _halo("last_is_first", left=False): "x[-1] is the last number",
        _halo("beyond", right=False): "outside of its shape",
        _halo("unguarded", guard=False): "outside of its shape",
    },
    "07.7": {
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
