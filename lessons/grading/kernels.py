"""What a kernel may be made of that runs beside its check: loops, arrays, arithmetic, and no more.

Lessons 06 and 07 look into the code itself: which numbers it reads, what it compiles to. So it
cannot run elsewhere, and what could reach the check from within is refused before it runs. What
is left can compute for ever, or too much, and nothing else.
"""

from __future__ import annotations

import ast

NODES = (
    ast.FunctionDef, ast.arguments, ast.arg, ast.For, ast.While, ast.If, ast.Assign, ast.AugAssign,
    ast.Return, ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.Call, ast.keyword, ast.Name,
    ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Constant, ast.BinOp,
    ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.expr_context, ast.operator, ast.unaryop,
    ast.cmpop, ast.boolop,
)  # fmt: skip
NAMES = {
    "abs", "bool", "cuda", "enumerate", "float", "float32", "float64", "int", "int32", "int64",
    "len", "math", "max", "min", "njit", "np", "numba", "prange", "range", "round", "sum", "zip",
}  # fmt: skip
ATTRIBUTES = {
    "T", "abs", "add", "array", "atomic", "blockDim", "blockIdx", "copy", "cuda", "dtype", "empty",
    "empty_like", "exp", "fill", "float32", "float64", "floor", "full", "full_like", "grid",
    "gridDim", "gridsize", "int32", "int64", "jit", "local", "maximum", "minimum", "nan", "ndim",
    "njit", "ones", "ones_like", "prange", "shape", "shared", "size", "sqrt", "sum",
    "syncthreads", "threadIdx", "type", "types", "x", "y", "z", "zeros", "zeros_like",
}  # fmt: skip
MOST_CHARACTERS = 20_000


class Refused(Exception):
    """What does not belong into a kernel, in half a sentence."""


def unattempted(text: str) -> bool:
    """Whether a function is still as it was handed out: a docstring, and the error."""
    [function] = ast.parse(text).body
    body = [one for one in function.body if not _is_docstring(one)]
    return len(body) == 1 and "NotImplementedError" in ast.unparse(body[0])


def permitted(written: dict[str, str], name: str, constants: set[str]) -> str:
    """The text of a kernel and of those of a learner's functions that it calls.

    Parameters
    ----------
    written
        The texts of the learner's functions, by name.
    constants
        The names of the lesson's constants, which a kernel may use.

    Raises
    ------
    Refused
        There is more in one of them than a kernel needs.
    """
    if name not in written:
        raise Refused(f"{name} is no function with a def")
    wanted, found = [name], {}
    while wanted:
        one = wanted.pop()
        found[one] = written[one]
        used = _permit(written[one], constants | written.keys())
        wanted += sorted(used & written.keys() - found.keys())
    return "\n\n".join(found.values())


def _permit(text: str, known: set[str]) -> set[str]:
    """`Refused` unless a function's text is a kernel; the names that it uses and does not set."""
    if len(text) > MOST_CHARACTERS:
        raise Refused(f"it has more than {MOST_CHARACTERS:,} characters")
    [function] = ast.parse(text).body
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    own = {node.id for node in names if _set(node)}
    own |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    used = {node.id for node in names} - own
    for one in sorted(own | used):
        if one.startswith("__") or one not in own | NAMES | known:
            raise Refused(f"the name {one}")
    for node in ast.walk(function):
        if not isinstance(node, NODES):
            raise Refused(f"{type(node).__name__} in line {getattr(node, 'lineno', 1)}")
        if isinstance(node, ast.FunctionDef) and node is not function:
            raise Refused(f"the function {node.name} within it")
        if isinstance(node, ast.Attribute) and (node.attr not in ATTRIBUTES or _set(node)):
            raise Refused(f"the attribute {node.attr}")
        if isinstance(node, ast.Attribute) and node.attr == "array" and not _makes(node.value):
            raise Refused("the attribute array")  # a watched array has one, which nobody watches
    return used


def _set(node) -> bool:
    return isinstance(node.ctx, ast.Store | ast.Del)


def _makes(node) -> bool:
    """Whether it is `cuda.shared`, `cuda.local` or `np`, whose `array` makes one."""
    return getattr(node, "attr", None) in ("shared", "local") or getattr(node, "id", None) == "np"


def _is_docstring(node) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
