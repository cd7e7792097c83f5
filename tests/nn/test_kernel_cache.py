"""The cache of compiled kernels, on a small package of its own: two kernels in two files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minifacenet.nn import kernel_cache

CALLEE = """
from .backend import cpu_function

@cpu_function
def inner(x):
    return x + {}
"""

CALLER = """
from .backend import cpu_function
from .callee import inner

@cpu_function
def outer(x):
    return 10 * inner(x)
"""

RUN = (
    "from minifacenet.nn.caller import outer; print(outer(1), sum(outer.stats.cache_hits.values()))"
)


@pytest.fixture
def package(tmp_path):
    """The folder nn/ of a copy that holds the backend, the kernels above, and nothing else."""
    nn = tmp_path / "minifacenet" / "nn"
    nn.mkdir(parents=True)
    for name in (
        "__init__.py",
        "backend.py",
        "cuda_target.py",
        "device_memory.py",
        "kernel_cache.py",
    ):
        shutil.copy(Path(kernel_cache.__file__).parent / name, nn)
    (tmp_path / "minifacenet" / "__init__.py").touch()
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


def run(package, **variables):
    return finish(start(package, **variables))


def kernels(folder):
    return sorted(path.name for path in folder.rglob("*") if path.suffix in kernel_cache.SUFFIXES)


def test_a_kernel_follows_the_function_of_another_file(package):
    assert run(package) == (20, False, "")
    assert run(package) == (20, True, "")
    (package / "callee.py").write_text(CALLEE.format(5))
    assert run(package) == (60, False, "")
    assert run(package) == (60, True, "")


def test_it_does_so_in_the_folder_that_the_user_named(package, tmp_path):
    chosen = tmp_path / "chosen"
    assert run(package, NUMBA_CACHE_DIR=str(chosen)) == (20, False, "")
    assert kernels(chosen)
    assert not kernels(package)
    (package / "callee.py").write_text(CALLEE.format(5))
    assert run(package, NUMBA_CACHE_DIR=str(chosen)) == (60, False, "")


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
    (package / "__pycache__").touch()
    (tmp_path / "home").touch()
    value, from_disk, warned = run(package)
    assert (value, from_disk) == (20, False)
    assert warned.count("Warning") == 1
    assert "cannot be kept on disk" in warned
    assert "NUMBA_CACHE_DIR" in warned


def test_what_cannot_be_stamped_is_not_used(package):
    """A folder in the place of the stamp."""
    (package / "__pycache__" / kernel_cache.STAMP).mkdir(parents=True)
    for _ in range(2):
        value, from_disk, warned = run(package)
        assert (value, from_disk) == (20, False)
        assert warned.count("Warning") == 1


def test_several_processes_at_once_after_an_edit(package):
    run(package)
    (package / "callee.py").write_text(CALLEE.format(5))
    for process in [start(package) for _ in range(3)]:
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
    monkeypatch.setattr(kernel_cache, "__file__", str(package / "kernel_cache.py"))
    before = kernel_cache._present_stamp()
    assert before == kernel_cache._present_stamp()
    (package / "callee.py").rename(package / "called.py")
    renamed = kernel_cache._present_stamp()
    monkeypatch.setattr("numba.__version__", "0.0")
    assert len({before, renamed, kernel_cache._present_stamp()}) == 3


def test_another_process_was_faster(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([folder / "gone.nbi"]))
    kernel_cache._drop_stale(tmp_path, "new")
    assert (tmp_path / kernel_cache.STAMP).read_text() == "new"
