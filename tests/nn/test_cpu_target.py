"""When kernels may start: Python threads, forks, the number of threads, and Numba switched off."""

import contextlib
import inspect
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numba
import numpy as np
import pytest

from minifacenet.nn import relu
from minifacenet.nn.device import backend, cpu_target
from minifacenet.nn.products import in_kernels

ROOT = Path(__file__).parents[2]
FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

THREADS = """
import threading, numba, numpy as np
from minifacenet.nn.relu import ReLU
x = np.linspace(-1, 1, 1000, dtype=np.float32)
right = []
def work():
    for _ in range(300):
        right.append((ReLU().forward(x) == np.maximum(x, 0)).all())
workers = [threading.Thread(target=work) for _ in range(3)]
for worker in workers: worker.start()
for worker in workers: worker.join()
print(numba.threading_layer(), len(right), all(right))
"""

FORKED = """
import multiprocessing, numba, numpy as np
from minifacenet.nn.relu import ReLU
def work(_=None):
    return float(ReLU().forward(np.ones(3, np.float32)).sum())
if USED_BEFORE:
    work()
with multiprocessing.get_context("fork").Pool(1) as pool:
    try:
        print(pool.apply_async(work).get(60))
    except RuntimeError as error:
        print("refused:", error)
print("here", work(), numba.threading_layer())
"""

NN1_MINI = """
import numpy as np
from minifacenet.embedding.architectures import SMALLEST, Architecture, FaceNet
network = FaceNet.new(Architecture(size=SMALLEST, channels=1, dim=4), seed=0).network
x = np.random.default_rng(0).standard_normal((1, SMALLEST, SMALLEST, 1), np.float32)
out = network.forward(x, train=True)
network.backward(np.arange(4, dtype=np.float32)[None])
gradients = [float(np.abs(p.grad).sum()) for p in network.parameters().values()]
print(*out.ravel(), *gradients)
"""


def python(code, **variables):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout


def test_threads_take_turns_where_numba_cannot_bear_two():
    out = python(THREADS, NUMBA_THREADING_LAYER="workqueue", NUMBA_NUM_THREADS="2")
    assert out.split() == ["workqueue", "900", "True"]


def test_threads_run_side_by_side_where_it_can(monkeypatch):
    relu.ReLU().forward(np.ones(3))
    if numba.threading_layer() == "workqueue":
        pytest.skip("no other layer here")
    monkeypatch.setattr(cpu_target, "_turns", None)
    relu.ReLU().forward(np.ones(3))


@pytest.mark.slow
@FORK
@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_a_child_forked_before_the_first_kernel_computes(layer):
    out = python(FORKED.replace("USED_BEFORE", "False"), NUMBA_THREADING_LAYER=layer)
    assert out.splitlines()[0] == "3.0"


@FORK
def test_a_child_forked_later_is_told_what_to_do():
    out = python(FORKED.replace("USED_BEFORE", "True")).splitlines()
    if not cpu_target._is_gnu_openmp():
        pytest.skip("OpenMP is not GNU's here")
    assert out[0].startswith("refused: no kernel can run in a process that was forked")
    assert "start workers with 'spawn', or load the model" in out[0]
    assert out[1] == "here 3.0 omp"


@FORK
def test_a_child_forked_later_computes_where_it_may():
    out = python(FORKED.replace("USED_BEFORE", "True"), NUMBA_THREADING_LAYER="workqueue")
    assert out.splitlines() == ["3.0", "here 3.0 workqueue"]


def in_a_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_the_number_of_threads_holds_for_new_threads():
    def after_a_kernel():
        relu.ReLU().forward(np.ones(3))
        return numba.get_num_threads()

    try:
        for count in (1, 2):
            backend.set_threads(count)
            assert in_a_thread(after_a_kernel) == count
            assert in_a_thread(cpu_target.thread_count) == count
        with backend.one_thread():
            assert cpu_target.thread_count() == 1
            assert in_a_thread(after_a_kernel) == 2  # it is for those who time in this thread
    finally:
        backend.set_threads(numba.config.NUMBA_NUM_THREADS)


def test_a_kernel_shows_its_source():
    assert relu._forward_cpu.__name__ == "_forward_cpu"
    assert "prange" in inspect.getsource(relu._forward_cpu)
    assert relu._forward_cpu.py_func is relu._forward_cpu.__wrapped__


def test_options_of_numba_are_handed_on():
    @cpu_target.cpu_kernel(fastmath=True)
    def half(x):
        return x / 2

    options = half.compiled.targetoptions
    assert options["fastmath"]
    assert options["parallel"]
    assert options["error_model"] == "numpy"


@pytest.mark.slow
def test_nn1_mini_runs_with_numba_switched_off():
    plain = np.array(python(NN1_MINI, NUMBA_DISABLE_JIT="1").split(), float)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(NN1_MINI, {})
    compiled = np.array(printed.getvalue().split(), float)
    np.testing.assert_allclose(plain, compiled, rtol=1e-3, atol=1e-4)
    assert len(plain) > 20


def test_the_product_that_runs_then_sets_or_adds():
    a, b, c = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4), np.full((2, 4), 7.0)
    for accumulate, times in ((False, 1), (True, 2)):
        in_kernels.multiply(a, b, np.empty((0, 0, 0)), c, accumulate)
        np.testing.assert_array_equal(c, times * (a @ b))
