"""The cache of compiled kernels, on a small package of its own: three kernels, three files."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minifacenet
from minifacenet.nn.device import kernel_cache
from tests.modules import compiled_functions

pytestmark = pytest.mark.slow  # each test starts processes

CALLEE = """
from .device.cpu_target import cpu_function

@cpu_function
def inner(x):
    return x + {}
"""

CALLER = """
from .device.cpu_target import cpu_function
from .callee import inner

@cpu_function
def outer(x):
    return 10 * inner(x)
"""

OUTSIDE = """
from ..nn.device.cpu_target import cpu_function
from ..nn import callee

inner = callee.inner

@cpu_function
def outer(x):
    return 100 * inner(x)
"""

RUN = (
    "from minifacenet.nn.caller import outer; print(outer(1), sum(outer.stats.cache_hits.values()))"
)
RUN_OUTSIDE = RUN.replace("nn.caller", "embedding.mining")


@pytest.fixture
def package(tmp_path):
    """The folder nn/ of a copy that holds the decorators, the kernels above, and little else."""
    nn = tmp_path / "minifacenet" / "nn"
    nn.mkdir(parents=True)
    (nn / "__init__.py").touch()
    (nn / "device").mkdir()
    for name in ("__init__.py", "cpu_target.py", "kernel_cache.py"):
        shutil.copy(Path(kernel_cache.__file__).parent / name, nn / "device")
    (tmp_path / "minifacenet" / "__init__.py").touch()
    (tmp_path / "minifacenet" / "cli.py").write_text("# no kernel\n")
    outside = tmp_path / "minifacenet" / "embedding"
    outside.mkdir()
    (outside / "__init__.py").touch()
    (outside / "mining.py").write_text(OUTSIDE)
    (nn / "caller.py").write_text(CALLER)
    (nn / "callee.py").write_text(CALLEE.format(1))
    return nn


def start(package, code=RUN, **variables):
    """A new process that calls `outer(1)`. It may write no bytecode: kernels are what we test."""
    root = package.parent.parent
    home = root / "home"
    keep = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    paths = {"PYTHONPATH": str(root), "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    return subprocess.Popen(
        [sys.executable, "-B", "-c", code],
        env=keep | paths | variables,
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process):
    """(the value of `outer(1)`, whether it came from the disk, the warnings)"""
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    value, hits = out.split()
    return int(value), hits == "1", errors


def run(package, code=RUN, **variables):
    return finish(start(package, code, **variables))


def kernels(folder):
    return sorted(path.name for path in folder.rglob("*") if path.suffix in kernel_cache.SUFFIXES)


def test_a_kernel_follows_the_function_of_another_file(package):
    assert run(package) == (20, False, "")
    assert run(package) == (20, True, "")
    (package / "callee.py").write_text(CALLEE.format(5))
    assert run(package) == (60, False, "")
    assert run(package) == (60, True, "")


def test_a_kernel_of_another_folder_does_so(package):
    assert run(package, RUN_OUTSIDE) == (200, False, "")
    assert run(package, RUN_OUTSIDE) == (200, True, "")
    (package / "callee.py").write_text(CALLEE.format(5))
    assert run(package) == (60, False, "")  # nn/ is stamped before the other folder is
    assert run(package, RUN_OUTSIDE) == (600, False, "")
    assert run(package, RUN_OUTSIDE) == (600, True, "")


def test_an_edit_of_what_holds_no_kernel_leaves_all_kernels(package):
    run(package)
    (package.parent / "cli.py").write_text("# edited\n")
    assert run(package) == (20, True, "")


@pytest.mark.parametrize(("code", "values"), [(RUN, (20, 60)), (RUN_OUTSIDE, (200, 600))])
def test_it_does_so_in_the_folder_that_the_user_named(package, tmp_path, code, values):
    chosen = tmp_path / "chosen"
    assert run(package, code, NUMBA_CACHE_DIR=str(chosen)) == (values[0], False, "")
    assert kernels(chosen)
    assert not kernels(package.parent)
    (package / "callee.py").write_text(CALLEE.format(5))
    assert run(package, code, NUMBA_CACHE_DIR=str(chosen)) == (values[1], False, "")


@pytest.mark.skipif(sys.platform == "win32", reason="another way to the user's cache folder")
def test_a_package_that_cannot_be_written(package, tmp_path):
    """A file in the place of a folder: even root cannot write into it."""
    (package / "__pycache__").touch()
    assert run(package) == (20, False, "")
    assert kernels(tmp_path / "home")
    assert run(package) == (20, True, "")
    (package / "callee.py").write_text(CALLEE.format(5))
    assert run(package) == (60, False, "")


@pytest.mark.skipif(sys.platform == "win32", reason="another way to the user's cache folder")
def test_nowhere_to_write_is_one_warning(package, tmp_path):
    for folder in (package, package.parent / "embedding"):
        (folder / "__pycache__").touch()
    (tmp_path / "home").touch()
    value, from_disk, warned = run(package, RUN_OUTSIDE)
    assert (value, from_disk) == (200, False)
    assert warned.count("Warning") == 1
    assert "cannot be kept on disk" in warned
    assert "NUMBA_CACHE_DIR to a folder that you can write to, and nobody else" in warned


def test_what_cannot_be_stamped_is_not_used(package):
    """A folder in the place of the stamp."""
    shutil.rmtree(package.parent / "embedding")
    (package / "__pycache__" / kernel_cache.STAMP).mkdir(parents=True)
    for _ in range(2):
        value, from_disk, warned = run(package)
        assert (value, from_disk) == (20, False)
        assert warned.count("Warning") == 1


# Begins half a second later than the one before, and waits before the first file goes.
SLOWLY = """
import pathlib, time
time.sleep({} / 2)
unlink = pathlib.Path.unlink
def slowly(path, **options):
    pathlib.Path.unlink = unlink
    time.sleep(3)
    unlink(path, **options)
pathlib.Path.unlink = slowly
"""


def test_several_processes_at_once_after_an_edit(package):
    run(package)
    (package / "callee.py").write_text(CALLEE.format(5))
    for process in [start(package, SLOWLY.format(number) + RUN) for number in range(3)]:
        value, _, warned = finish(process)
        assert (value, warned) == (60, "")
    assert run(package)[0] == 60


def test_without_the_compiler(package):
    code = "from minifacenet.nn.caller import outer; print(outer(1), 0)"
    assert finish(start(package, code, NUMBA_DISABLE_JIT="1")) == (20, False, "")
    assert not kernels(package)


def test_only_kernels_go_and_only_once(tmp_path):
    for name in ("conv.f-3.py311.nbi", "conv.f-3.py311.1.nbc", "conv.cpython-311.pyc", "note.txt"):
        (tmp_path / name).touch()
    kernel_cache._drop_stale(tmp_path, "new")
    rest = {"conv.cpython-311.pyc", "note.txt", kernel_cache.STAMP}
    assert {path.name for path in tmp_path.iterdir()} == rest
    (tmp_path / "conv.f-3.py311.nbi").touch()
    kernel_cache._drop_stale(tmp_path, "new")
    assert kernels(tmp_path) == ["conv.f-3.py311.nbi"]


def test_every_source_and_the_version_of_numba_count(monkeypatch, package):
    stamp = kernel_cache._present_stamp.__wrapped__  # not the one that is kept
    before = stamp(package.parent)
    assert before == stamp(package.parent)
    (package / "callee.py").rename(package / "called.py")
    renamed = stamp(package.parent)
    monkeypatch.setattr("numba.__version__", "0.0")
    assert len({before, renamed, stamp(package.parent)}) == 3


@pytest.mark.parametrize(
    "line",
    [
        "from .sub.constants import PI",
        "from .sub import (  # twice\n    other,\n    constants,\n)",
        "from ..package.sub.constants import PI",
        "    from . import sub",
    ],
)
def test_what_a_kernel_imports_counts_and_nothing_else(tmp_path, line):
    package = tmp_path / "package"
    (package / "sub").mkdir(parents=True)
    folder = package if line.startswith(("from .sub", "    ")) else package / "nn"
    folder.mkdir(exist_ok=True)
    line = line.replace("..package.", "..")
    (folder / "kernel.py").write_text(f"{line}\n@cpu_kernel\ndef f(): pass\n")
    (package / "sub" / "__init__.py").write_text("from .constants import PI\n")
    (package / "sub" / "constants.py").write_text("from ..deeper import E\n")
    (package / "deeper.py").write_text("E = 2.7\n")
    (package / "cli.py").write_text("from .kernel import f\n")
    names = {path.name for path in kernel_cache.kernel_sources(package)}
    assert {"kernel.py", "constants.py", "deeper.py"} <= names <= {
        "kernel.py", "constants.py", "deeper.py", "__init__.py",
    }  # fmt: skip


def test_the_source_of_every_compiled_function_counts():
    package = Path(minifacenet.__file__).parent
    sources = kernel_cache.kernel_sources(package)
    seen = {Path(f.py_func.__code__.co_filename) for _, f in compiled_functions()}
    assert len(seen) > 20
    assert seen <= sources
    numbers = package / "nn" / "convolution" / "winograd_matrices.py"  # they stand in kernels
    assert numbers in sources
    assert package / "cli.py" not in sources


def test_no_file_but_one_compiles_for_itself():
    package = Path(minifacenet.__file__).parent
    own = re.compile(r"\bn?jit\b[(\n]|\bvectorize\b|\bstencil\b|^(import|from) minifacenet\b", re.M)
    found = {p.name for p in package.rglob("*.py") if own.search(p.read_text(encoding="utf-8"))}
    assert found <= {"cpu_target.py", "cuda_target.py", "kernel_cache.py"}


def test_what_is_not_of_the_package_is_not_kept():
    assert not kernel_cache.usable(test_what_is_not_of_the_package_is_not_kept)


IMPORT_ALL = """
import numba.core.caching
numba.core.caching.CacheImpl._locator_classes = []
numba.config.CACHE_DIR = ""
from tests.modules import modules_of_the_package
print(*(module.__name__ for module in modules_of_the_package()))
"""


def test_every_module_is_imported_where_nothing_can_be_written():
    """Numba finds no place: as for a user without a home on a machine that somebody else set up."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "minifacenet.embedding.mining" in done.stdout
    assert done.stderr.count("Warning") == 1, done.stderr


def test_another_process_was_faster(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([folder / "gone.nbi"]))
    kernel_cache._drop_stale(tmp_path, "new")
    assert (tmp_path / kernel_cache.STAMP).read_text() == "new"
