import ast
import subprocess
import sys
from pathlib import Path

import pytest

import minifacenet


def imported_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    modules = imported_by("import minifacenet")
    assert not modules & {"numpy", "numba", "sklearn", "matplotlib", "scipy"}


def test_layers_need_numpy_numba_scipy_and_threadpoolctl_only():
    statement = (
        "import pkgutil, importlib, minifacenet.nn as nn; "
        "[importlib.import_module(found.name) for found in "
        "pkgutil.walk_packages(nn.__path__, 'minifacenet.nn.')]"
    )
    modules = imported_by(statement)
    assert not modules & {"numba.cuda", "sklearn", "matplotlib", "PIL", "safetensors", "rich"}
    ours = {name for name in modules if name.startswith("minifacenet.")}
    assert all(name.startswith("minifacenet.nn") for name in ours)


@pytest.mark.parametrize("name", minifacenet.__all__)
def test_every_public_name_is_there(name):
    assert getattr(minifacenet, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="facenett"):
        _ = minifacenet.facenett


def test_a_type_checker_sees_the_names_where_they_are_defined():
    tree = ast.parse(Path(minifacenet.__file__).read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    seen = {
        alias.asname: node.module
        for node in block.body
        for alias in node.names
        if alias.name == alias.asname  # `X as X` hands a name on; `X` alone is for the file itself
    }
    assert seen == minifacenet._HOME


def test_the_package_says_that_it_is_typed():
    assert (Path(minifacenet.__file__).parent / "py.typed").is_file()


WITHOUT_CUDA = """
import sys
import numba

class Gone:
    def find_spec(self, name, path, target=None):
        if name == "numba.cuda":
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Gone())
for name in [name for name in vars(numba.config) if "CUDA" in name]:
    delattr(numba.config, name)
import minifacenet.commands.training
from minifacenet.machine.gpu import choose_device
print(choose_device("auto"))
choose_device("cuda")
"""


def test_a_numba_without_cuda_is_enough_for_the_cpu():
    """Numba's own numba.cuda is to go, for the package numba-cuda, and its settings with it."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_CUDA], capture_output=True, text=True, timeout=300
    )
    assert done.stdout == "cpu\n", done.stderr
    assert done.stderr.endswith(
        "ValueError: --device cuda: CUDA support is not installed, or not all of it. Install it "
        "(pip install 'minifacenet[cuda]'), or leave out --device to compute on the CPU\n"
    )
