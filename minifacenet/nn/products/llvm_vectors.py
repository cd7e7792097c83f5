"""Vectors of floats in LLVM's instructions: what our kernels that are written in them share.

Numba turns Python into the language of the compiler LLVM, which turns it into machine code. A loop
in Python cannot say "these 24 vectors stay in registers" or "fetch this early". An `intrinsic` can:
it is a Python function that runs while Numba compiles, and writes LLVM's instructions one by one:
`builder.load` does not load, it appends a load to the program.

All for float32. `LANES` floats are in a vector, as the processor has them; `vector_width.py` asks
which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError

from .vector_width import INSTRUCTIONS

# Floats in a vector, vectors in a row of the micro-kernel's tile. With 6 rows 24 of 32 registers
# hold sums, or 12 of 16.
FORMS = {"AVX-512": (16, 4), "AVX2": (8, 2), "plain": (4, 2)}
LANES, VECTORS = FORMS[INSTRUCTIONS]

FLOAT, BYTE, INT32 = ir.FloatType(), ir.IntType(8), ir.IntType(32)
INDEX = ir.IntType(types.intp.bitwidth)
VECTOR, SUFFIX = ir.VectorType(FLOAT, LANES), f"v{LANES}f32"
ZEROS = ir.Constant(VECTOR, [0.0] * LANES)
ITEM = 4  # bytes of a float, and all that NumPy promises of an address: a multiple of it


def address(
    builder: ir.IRBuilder, start: ir.Value, kind: ir.Type, *steps: tuple[ir.Value, ir.Value]
) -> ir.Value:
    """Return a pointer to `kind`: `start` plus index times stride in bytes for each step."""
    offset = INDEX(0)
    for index, stride in steps:
        offset = builder.add(offset, builder.mul(index, stride))
    place = builder.gep(builder.bitcast(start, BYTE.as_pointer()), [offset])
    return builder.bitcast(place, kind.as_pointer())


def all_lanes(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Return a vector with `value` in every lane: put it in lane 0, then choose lane 0 for all."""
    empty = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    lane_0 = ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES)
    return builder.shuffle_vector(builder.insert_element(empty, value, INT32(0)), empty, lane_0)


def call(builder: ir.IRBuilder, name: str, result: ir.Type, *values: ir.Value) -> ir.Value:
    """Call one of LLVM's functions, declared by hand: llvm.fmuladd.v16f32, say."""
    kind = ir.FunctionType(result, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)


def load(builder: ir.IRBuilder, place: ir.Value, mask: ir.Value | None = None) -> ir.Value:
    """Return the vector at `place`; with a mask 0 where a lane is off, and memory untouched."""
    if mask is None:
        return builder.load(place, align=ITEM)
    name = f"llvm.masked.load.{SUFFIX}.p0"
    return call(builder, name, VECTOR, place, INT32(ITEM), mask, ZEROS)


def store(
    builder: ir.IRBuilder, value: ir.Value, place: ir.Value, mask: ir.Value | None = None
) -> None:
    """Store a vector at `place`; with a mask those lanes that are on."""
    if mask is None:
        builder.store(value, place, align=ITEM)
    else:
        name = f"llvm.masked.store.{SUFFIX}.p0"
        call(builder, name, ir.VoidType(), value, place, INT32(ITEM), mask)


def add_product(builder: ir.IRBuilder, total: ir.Value, a: ir.Value, b: ir.Value) -> None:
    """Write total += a b, `total` a variable."""
    new = call(builder, f"llvm.fmuladd.{SUFFIX}", VECTOR, a, b, builder.load(total))
    builder.store(new, total)


def variables(builder: ir.IRBuilder, height: int, width: int) -> list[list[ir.Value]]:
    """Return height x width variables, one vector each: LLVM sees that they can be registers."""
    return [[cgutils.alloca_once(builder, VECTOR) for _ in range(width)] for _ in range(height)]


def arrays(
    context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[ir.Value], count: int
) -> list[Any]:
    """Return the first `count` arguments as arrays, with `data`, `shape` and `strides`."""
    pairs = zip(signature.args[:count], arguments[:count], strict=True)
    return [context.make_array(kind)(context, builder, value) for kind, value in pairs]


def rows_inside(
    builder: ir.IRBuilder, row: ir.Value, count: int, height: ir.Value
) -> list[ir.Value]:
    """Return `count` rows from `row` on; those beyond the last one, `height` - 1, are the last."""
    last, rows = builder.sub(height, INDEX(1)), []
    for i in range(count):
        own = builder.add(row, INDEX(i))
        rows.append(builder.select(builder.icmp_signed("<", own, last), own, last))
    return rows


def lanes_inside(builder: ir.IRBuilder, column: ir.Value, width: ir.Value) -> ir.Value:
    """Return a mask that is on in the lanes whose columns, from `column` on, are below `width`."""
    counting = ir.Constant(ir.VectorType(INDEX, LANES), list(range(LANES)))
    return builder.icmp_signed("<", counting, all_lanes(builder, builder.sub(width, column)))


def fetch_early(builder: ir.IRBuilder, place: ir.Value) -> None:
    """Ask for the cache line at `place`, to be read soon; an address beyond the array does no harm.

    It goes to the L2 cache. Into L1, where neighbours of what is read now would be pushed out,
    took up to twice the time.
    """
    place = builder.bitcast(place, BYTE.as_pointer())
    to_read, into_l2, data = INT32(0), INT32(2), INT32(1)
    call(builder, "llvm.prefetch.p0", ir.VoidType(), place, to_read, into_l2, data)


def need_float32(*given: types.Array) -> None:
    for x in given:
        if x.dtype != types.float32:
            raise TypingError(f"the micro-kernel is for float32, got {x}: use np.dot")
