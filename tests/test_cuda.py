"""The CUDA kernels on a machine without a GPU: simulated, and compiled to PTX and machine code."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from numba import float32

from tests import compile_ptx
from tests.conftest import need
from tests.modules import cuda_functions

TESTS = Path(__file__).parent


def python(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=TESTS.parent,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("which", "least"),
    [("not full", 50), pytest.param("full", 200, marks=pytest.mark.full)],
)
def test_the_suite_passes_in_the_simulator(which, least):
    suite = str(TESTS / "cuda_suite")
    out = python("-m", "pytest", suite, "-q", "-rN", "-m", which, NUMBA_ENABLE_CUDASIM="1")
    passed = re.search(r"(\d+) passed", out)
    assert passed, out
    assert int(passed[1]) >= least
    assert "skipped" not in out


def test_no_kernel_is_forgotten_there():
    """What `tests.compile_ptx` compiles is a list, for the types of the arguments are in it."""
    listed = {id(kernel) for _, kernel, _ in compile_ptx.kernels(float32)}
    kernels = [(name, kernel) for name, kernel in cuda_functions() if not kernel.device]
    assert len(kernels) > 30
    assert not [name for name, kernel in kernels if id(kernel) not in listed]


@pytest.mark.extra
def test_every_kernel_compiles_without_a_gpu(capsys):
    there = importlib.util.find_spec("numba_cuda") is not None and _toolkit()
    need(there, "not compiled: no CUDA toolkit here (it comes with the extra `cuda`)")
    out = python("-m", "tests.compile_ptx")
    with capsys.disabled():
        print("\n" + out)


def _toolkit() -> bool:
    return all(
        importlib.util.find_spec(name) is not None
        for name in ("cuda.bindings.nvjitlink", "nvidia.cu13")
    )
