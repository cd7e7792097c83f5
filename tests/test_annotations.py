"""Every public function says what it takes and gives, so that a type checker and an editor know.

mypy (`make lint`) sees whether that is true. Kernels are exempt: Numba finds out their types.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import minifacenet

PACKAGE = Path(minifacenet.__file__).parent
KERNELS = {"cpu_kernel", "cpu_function", "cuda_kernel", "cuda_function"}
IN_KERNELS = {"pack", "multiply"}  # which Numba compares with what it puts in their place


def public_functions(tree: ast.Module | ast.ClassDef) -> Iterator[tuple[ast.FunctionDef, bool]]:
    """Those that others may call, each with whether it is a method: it has a `self`."""
    for node in tree.body:
        own = node.name.startswith("_") if hasattr(node, "name") else True
        if isinstance(node, ast.ClassDef) and not own:
            yield from public_functions(node)
        elif isinstance(node, ast.FunctionDef) and (not own or node.name.startswith("__")):
            named = {ast.unparse(d).partition("(")[0] for d in node.decorator_list}
            if not named & KERNELS and node.name not in IN_KERNELS:
                yield node, isinstance(tree, ast.ClassDef) and "staticmethod" not in named


def unannotated(path: Path) -> list[str]:
    found = []
    for function, is_method in public_functions(ast.parse(path.read_text(encoding="utf-8"))):
        taken = function.args
        arguments = [*taken.posonlyargs, *taken.args][is_method:] + taken.kwonlyargs
        arguments += filter(None, (taken.vararg, taken.kwarg))
        bare = [argument.arg for argument in arguments if argument.annotation is None]
        if function.returns is None and function.name != "__init__":
            bare.append("return")
        found += [f"line {function.lineno}, {function.name}: {name}" for name in bare]
    return found


MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


@pytest.mark.parametrize("module", MODULES)
def test_public_functions_are_annotated(module):
    assert unannotated(MODULES[module]) == []
