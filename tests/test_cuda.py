"""The CUDA kernels on a machine without a GPU: simulated, and compiled to PTX and machine code."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import need
from tests.cuda_launches import launches
from tests.modules import cuda_kernels

TESTS = Path(__file__).parent
NO_CUDA = "no numba.cuda here, and so no simulator (it comes with numba-cuda)"


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
    need(importlib.util.find_spec("numba.cuda"), NO_CUDA)
    suite = str(TESTS / "cuda_suite")
    out = python("-m", "pytest", suite, "-q", "-rN", "-m", which, NUMBA_ENABLE_CUDASIM="1")
    passed = re.search(r"(\d+) passed", out)
    assert passed, out
    assert int(passed[1]) >= least
    assert "skipped" not in out


@pytest.mark.slow
def test_every_kernel_is_launched_by_a_case():
    """So the suite above runs it, and `tests.compile_ptx` knows the types of its arguments."""
    need(importlib.util.find_spec("numba.cuda"), NO_CUDA)
    assert len(cuda_kernels()) > 30
    for found in launches().values():
        forgotten = sorted(cuda_kernels().keys() - found.keys())
        assert not forgotten


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
