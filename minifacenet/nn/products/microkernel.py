"""C = A B and C += A B for small float32 matrices, on one thread: a micro-kernel of our own.

**What the processor wants.** An AVX-512 core starts up to two fused multiply-adds (c + a b) in a
cycle, each on a vector of 16 floats: 2 x 16 x 2 = 64 flops a cycle; one, so 32, on AMD's Zen 4. But
a result is ready only 4 cycles after its start, and a loop that adds into one sum waits as long
every time. To keep the units busy, latency x throughput = 4 x 2 = 8 sums that do not wait for each
other must be under way. And a core loads two vectors a cycle: c += a b with all three in memory
would need three loads, and a store.

**Register blocking** solves both. A tile of C, 6 rows x 64 columns, stays in 6 x 4 = 24 of the 32
vector registers while k runs over the sum:

    for k:  b0, b1, b2, b3 = B[k, 64 columns]             4 loads
            for each of the 6 rows i:  a = A[i, k]        1 load, the value put in all 16 lanes
                c[i, 0] += a b0, ..., c[i, 3] += a b3     4 of 24 independent multiply-adds

That is 10 loads for 24 multiply-adds, 0.42 for each. C is read and written once. If a tile of 4
rows leaves fewer rows empty we take it: (4 + 4) / 16 = 0.5 loads for each multiply-add. And where
the last 64 columns are 32 or fewer, a tile computes half of them.

**Panels.** A step reads 64 neighbours in a row of B, the next step 64 in the row below: in a
C-ordered B these lie far apart. `pack_panels` copies B into panels (ceil(n / 64), k, 64), zeros
after its last column, and the loop reads memory straight on. A may have any strides. So forward,
X W, packs W once for each version of it; backward, X^T dY, takes `x.T` and packs dY; dY W^T packs
`w.T`. For few rows of X a panel is read from memory once, and memory sets the pace.

**LLVM.** A loop in Python cannot say "these 24 stay in registers", so the tile is written in LLVM's
instructions (`llvm_vectors.py`). For `fmuladd` of vectors LLVM picks the machine's own instruction.
On AVX2, vectors of 8 and 16 registers, the tile is smaller; the plain form has 4 lanes (SSE, NEON),
and without fused multiply-adds LLVM multiplies, then adds.

BLAS is as good for large matrices; in those of a layer it loses time by packing both factors in
every call. `FASTER_THAN_BLAS` is set where we measured ourselves to be the faster. A sum runs over
k in order, whatever the tile: how rows are divided among threads changes no bit. float64 is for
checks and goes through BLAS.

Kazushige Goto and Robert van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008.
"""

from __future__ import annotations

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from ..device.cpu_target import cpu_function
from .llvm_vectors import (
    FLOAT,
    INDEX,
    INT32,
    ITEM,
    LANES,
    VECTOR,
    VECTORS,
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
from .vector_width import INSTRUCTIONS

PANEL = LANES * VECTORS  # columns of a panel and of a tile
TALL, SHORT = 6, 4  # rows of a tile
HALF = VECTORS // 2  # vectors in a row of a narrow one
FASTER_THAN_BLAS = INSTRUCTIONS == "AVX-512" and not numba.config.DISABLE_JIT

# -- The tile, in LLVM's instructions ------------------------------------------------------------


def _tile_of_c(builder, rows, vectors, c, row, panel):
    """Return the rows of the tile, each vector's address in C, and masks for the columns.

    A row beyond the end of C is computed as a copy of the last one, and stored over it. A mask is
    on in the lanes whose columns are in C.
    """
    height, width = cgutils.unpack_tuple(builder, c.shape)
    stride, _ = cgutils.unpack_tuple(builder, c.strides)
    inside, masks, addresses = rows_inside(builder, row, rows, height), [], []
    for j in range(vectors):
        column = builder.add(builder.mul(panel, INDEX(PANEL)), INDEX(j * LANES))
        masks.append(lanes_inside(builder, column, width))
        steps = column, INDEX(ITEM)
        addresses.append([address(builder, c.data, VECTOR, (i, stride), steps) for i in inside])
    return inside, list(zip(*addresses, strict=True)), masks


def _add_products(builder, sums, a, inside, panels, panel):
    """Write the loop over k: sums[i][j] += A[row i, k] * vector j of row k of the panel."""
    _, depth = cgutils.unpack_tuple(builder, a.shape)
    down, right = cgutils.unpack_tuple(builder, a.strides)
    next_panel, next_k, _ = cgutils.unpack_tuple(builder, panels.strides)
    with cgutils.for_range(builder, depth) as loop:
        k, b = loop.index, []
        for j in range(len(sums[0])):
            steps = (panel, next_panel), (k, next_k), (INDEX(j * LANES), INDEX(ITEM))
            b.append(load(builder, address(builder, panels.data, VECTOR, *steps)))
        for i, row_of_sums in zip(inside, sums, strict=True):
            value = builder.load(address(builder, a.data, FLOAT, (i, down), (k, right)))
            value = all_lanes(builder, value)
            for vector, total in zip(b, row_of_sums, strict=True):
                add_product(builder, total, value, vector)


def _tile(rows, vectors=VECTORS):
    """Return the intrinsic tile(a, panels, c, row, panel, accumulate), `rows` x `vectors` large.

    The tile begins where the panel does.
    """

    def emit(context, builder, signature, arguments):
        a, panels, c = arrays(context, builder, signature, arguments, 3)
        row, panel, accumulate = arguments[3:]
        inside, addresses, masks = _tile_of_c(builder, rows, vectors, c, row, panel)
        wanted = [builder.and_(mask, all_lanes(builder, accumulate)) for mask in masks]
        sums = variables(builder, rows, vectors)
        cells = [(i, j) for i in range(rows) for j in range(vectors)]
        for i, j in cells:  # start from C; from zero where the mask is off
            builder.store(load(builder, addresses[i][j], wanted[j]), sums[i][j])
        _add_products(builder, sums, a, inside, panels, panel)
        for i, j in cells:
            store(builder, builder.load(sums[i][j]), addresses[i][j], masks[j])
        return context.get_dummy_value()

    @intrinsic
    def tile(typing_context, a, panels, c, row, panel, accumulate):
        need_float32(a, panels, c)
        if not c.mutable:
            raise TypingError(f"c is read-only, got {c}: hand in an array that can be written")
        return types.void(a, panels, c, types.intp, types.intp, types.boolean), emit

    return tile


tall_tile, short_tile = _tile(TALL), _tile(SHORT)
_tall_half, _short_half = _tile(TALL, HALF), _tile(SHORT, HALF)

# -- A square, transposed in registers -----------------------------------------------------------


def _transposed(builder, rows):
    """Return the columns of a square of LANES vectors.

    Step by step, `bit` = 1, 2, 4, ...: lane l of row i changes places with lane l ^ bit of row
    i ^ bit where l and i differ in that bit. At the end every bit of l and i has changed places.
    """
    rows, bit, lanes = list(rows), 1, range(LANES)
    kind = ir.VectorType(INT32, LANES)
    while bit < LANES:
        # Lanes of two vectors, one after the other: the second one's begin at LANES.
        upper = ir.Constant(kind, [LANES + (i ^ bit) if i & bit else i for i in lanes])
        lower = ir.Constant(kind, [LANES + i if i & bit else i ^ bit for i in lanes])
        for i in (i for i in lanes if not i & bit):
            pair = rows[i], rows[i | bit]
            rows[i], rows[i | bit] = (builder.shuffle_vector(*pair, m) for m in (upper, lower))
        bit *= 2
    return rows


@intrinsic
def _turn_square(typing_context, b, panels, k, panel, lane):
    """Put b[k:k + LANES, columns], whose columns are contiguous, at panels[panel, k, lane]."""

    def emit(context, builder, signature, arguments):
        b, panels = arrays(context, builder, signature, arguments, 2)
        k, panel, lane = arguments[2:]
        _, right = cgutils.unpack_tuple(builder, b.strides)
        next_panel, next_k, _ = cgutils.unpack_tuple(builder, panels.strides)
        first = builder.add(builder.mul(panel, INDEX(PANEL)), lane)
        columns = [builder.add(first, INDEX(i)) for i in range(LANES)]
        steps = [((k, INDEX(ITEM)), (column, right)) for column in columns]
        places = [address(builder, b.data, VECTOR, *step) for step in steps]
        rows = _transposed(builder, [builder.load(place, align=ITEM) for place in places])
        for i, row in enumerate(rows):
            along = (panel, next_panel), (builder.add(k, INDEX(i)), next_k), (lane, INDEX(ITEM))
            builder.store(row, address(builder, panels.data, VECTOR, *along), align=ITEM)
        return context.get_dummy_value()

    return types.void(b, panels, types.intp, types.intp, types.intp), emit


# -- What other kernels call ---------------------------------------------------------------------


def panels_shape(k: int, n: int) -> tuple[int, int, int]:
    """Return the shape of a matrix's panels, as in np.empty(panels_shape(k, n), np.float32)."""
    return -(-n // PANEL), k, PANEL


@cpu_function
def pack_panels(b, panels):
    """Lay b (k, n), of any strides, out as `panels`, with zeros after the last column.

    A b with contiguous columns, as a transpose has, is turned a square at a time: 3 times as fast
    as number by number, while it is in the cache.
    """
    k, n = b.shape
    zero = b.dtype.type(0)
    for panel in range(panels.shape[0]):
        first, turned = panel * PANEL, 0
        if b.strides[0] == ITEM and first + PANEL <= n:
            turned = k - k % LANES
            for lane in range(0, PANEL, LANES):
                for i in range(0, turned, LANES):
                    _turn_square(b, panels, i, panel, lane)
        for i in range(turned, k):
            for j in range(PANEL):
                panels[panel, i, j] = b[i, first + j] if first + j < n else zero


@cpu_function
def gemm_panels(a, panels, c, accumulate):
    """Compute c = a @ b or c += a @ b: a (m, k) of any strides, b as panels, c (m, n), float32.

    It is for other kernels: it uses one thread, and c may be a part of a larger array.
    Panels stay in the cache while the rows pass: pass a few hundred rows at a time. They may be
    a view, if n is a multiple of PANEL: `b.reshape(k, -1, PANEL).transpose(1, 0, 2)`.

    Raises
    ------
    ValueError
        The shapes do not fit, or the rows of c or of a panel have gaps.
    """
    m, k = a.shape
    count = -(-c.shape[1] // PANEL)
    if c.shape[0] != m or panels.shape != (count, k, PANEL):
        raise ValueError("a, panels, c do not fit, got shapes", a.shape, panels.shape, c.shape)
    if (c.size > 0 and c.strides[1] != ITEM) or (panels.size > 0 and panels.strides[2] != ITEM):
        raise ValueError("rows must be contiguous, got strides", panels.strides, c.strides)
    height = SHORT if -m % SHORT < -m % TALL else TALL
    for panel in range(count):
        narrow = c.shape[1] - panel * PANEL <= HALF * LANES
        for row in range(0, m, height):
            if narrow and height == TALL:
                _tall_half(a, panels, c, row, panel, accumulate)
            elif narrow:
                _short_half(a, panels, c, row, panel, accumulate)
            elif height == TALL:
                tall_tile(a, panels, c, row, panel, accumulate)
            else:
                short_tile(a, panels, c, row, panel, accumulate)
