"""Device memory that is used again: the bookkeeping alone, then under the classes of numba.cuda."""

import importlib.util
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.nn.device import backend, cuda_target, device_memory
from minifacenet.nn.device.device_memory import Blocks, rounded

from . import fake_driver

OLD = "MINIFACENET_TEST_NUMBAS_OWN_CUDA"  # numba.cuda without the package numba-cuda
# Whether numba.cuda is Numba's own here: so it is asked for, or the package is not installed.
OWN = bool(os.environ.get(OLD)) or importlib.util.find_spec("numba_cuda") is None


@pytest.mark.parametrize(
    ("size", "block"),
    [
        (0, 512), (1, 512), (512, 512), (513, 1024), (2**20, 2**20),
        (2**20 + 1, 2**21), (2**21, 2**21), (2**21 + 1, 2**22), (10**9, 477 * 2**21),
    ],
)  # fmt: skip
def test_sizes_are_rounded_up(size, block):
    assert rounded(size) == block


# -- The bookkeeping -----------------------------------------------------------------------------

SIZES = st.sampled_from([0, 1, 512, 513, 2**20, 2**20 + 1, 3 * 2**20])
ACTIONS = st.lists(
    st.tuples(st.just("take"), SIZES)
    | st.tuples(st.just("give back"), st.integers(0, 30))
    | st.tuples(st.sampled_from(["drop", "reset peak", "fail"]), st.none()),
    max_size=60,
)


@given(ACTIONS)
def test_any_sequence(actions):
    """Against plain sets: no block is handed out twice, and all is counted."""
    blocks, made, out, kept, peak = Blocks(), [], {}, [], 0

    def allocate(size):
        assert size not in [made[block] for block in kept], "a kept block was passed over"
        made.append(size)
        return len(made) - 1

    def fail(size):
        raise RuntimeError("no memory")

    for action, value in actions:
        if action == "take":
            block, give_back = blocks.take(value, allocate)
            assert block not in out
            assert made[block] == rounded(value)
            kept = [other for other in kept if other != block]
            out[block] = give_back
        elif action == "give back" and out:
            block = list(out)[value % len(out)]
            out.pop(block)()
            kept.append(block)
        elif action == "drop":
            blocks.drop()
            kept = []
        elif action == "reset peak":
            blocks.reset_peak()
            peak = 0
        elif action == "fail":
            with pytest.raises(RuntimeError, match="no memory"):
                blocks.take(7 * 2**21, fail)
        in_use = sum(made[block] for block in out)
        peak = max(peak, in_use)
        assert blocks.now() == (in_use, peak, sum(made[block] for block in kept))


def test_what_comes_back_in_the_middle_of_an_allocation():
    """A garbage collection may run anywhere, and end the life of an array."""
    blocks = Blocks()
    _, give_back = blocks.take(1, lambda size: "first")

    def allocate(size):
        give_back()
        return "second"

    assert blocks.take(1, allocate)[0] == "second"
    assert blocks.now() == (512, 1024, 512)


def test_many_threads():
    blocks, count, wrong = Blocks(), iter(range(10**6)), []
    out, lock = set(), threading.Lock()

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(300):
            block, give_back = blocks.take(int(rng.integers(1, 4)) * 512, lambda size: next(count))
            with lock:
                wrong.extend([block] * (block in out))
                out.add(block)
            with lock:
                out.remove(block)
            give_back()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert blocks.now()[0] == 0


# -- Under numba.cuda ----------------------------------------------------------------------------

pytestmark = [
    pytest.mark.extra,  # Numba's own CUDA target serves, and numba-cuda where it is installed
    pytest.mark.skipif(
        importlib.util.find_spec("numba.cuda") is None
        or (
            importlib.util.find_spec("numba_cuda") and not importlib.util.find_spec("cuda.bindings")
        ),
        reason="no numba.cuda here",
    ),
]


@pytest.fixture
def cuda(monkeypatch):
    if os.environ.get(OLD):
        finders = [f for f in sys.meta_path if type(f).__name__ != "NumbaCudaFinder"]
        monkeypatch.setattr(sys, "meta_path", finders)
    cuda_target.numba_cuda.cache_clear()
    from numba import cuda

    assert (cuda.implementation == "Built-in") == OWN
    monkeypatch.setattr(cuda.cudadrv.driver, "_memory_manager", None)
    yield cuda
    cuda_target.numba_cuda.cache_clear()


@pytest.fixture
def gpu(cuda, monkeypatch):
    assert cuda_target.numba_cuda() is cuda
    with fake_driver.context(cuda, monkeypatch) as (driver, context):
        yield SimpleNamespace(
            driver=driver,
            context=context,
            array=lambda *shape: cuda.device_array(shape, np.float32),
        )


def address(array):
    return array.device_ctypes_pointer.value


def test_an_array_gets_the_memory_of_one_that_is_gone(gpu):
    first = gpu.array(10, 20)
    assert backend.gpu_memory().in_use == 1024
    where = address(first)
    del first
    assert backend.gpu_memory().kept == 1024
    second, third = gpu.array(200), gpu.array(200)
    assert address(second) == where != address(third)
    assert gpu.driver.allocations == 2
    now = backend.gpu_memory()
    assert (now.in_use, now.peak, now.kept) == (2048, 2048, 0)
    assert now.total - now.free == 2048


def test_a_view_holds_the_memory(gpu):
    whole = gpu.array(4, 6)
    flat = whole.reshape(24)
    part, row = flat[3:9], whole[1]
    where = address(whole)
    assert (address(part), address(row)) == (where + 12, where + 24)
    del flat, part, row  # views that go leave the array its memory
    assert backend.gpu_memory().in_use == 512
    row = whole[2]
    del whole
    assert backend.gpu_memory().in_use == 512
    other = gpu.array(24)
    assert address(other) != where
    del row
    assert backend.gpu_memory().kept == 512
    assert address(gpu.array(24)) == where


def test_no_bytes_at_all(gpu):
    assert gpu.array(0, 5).size == 0
    assert gpu.context.memalloc(0).size == 0
    assert gpu.driver.allocations == 1


def test_a_steady_loop_asks_the_driver_no_more(gpu):
    for _ in range(50):
        a, b = gpu.array(1000), gpu.array(300, 3000)
        a, b = gpu.array(77, 3), gpu.array(300, 3000)  # noqa: F841
    assert gpu.driver.allocations <= 5
    now = backend.gpu_memory()
    backend.reset_peak()
    assert backend.gpu_memory().peak == now.in_use < now.peak


def test_a_full_gpu_gets_the_kept_blocks_back(gpu):
    gpu.driver.total = 10 * 2**21
    for count in (3, 4, 5):  # of different sizes: kept, and of no use to what follows
        gpu.array(count * 2**19)
    assert list(gpu.driver.live.values()) == [5 * 2**21]  # it did not fit beside the others
    large = gpu.array(9 * 2**19)
    assert list(gpu.driver.live.values()) == [9 * 2**21]
    assert address(large) in gpu.driver.live
    assert backend.gpu_memory().kept == 0


def test_what_does_not_fit_at_all_is_a_memory_error(gpu):
    gpu.driver.total = 4 * 2**20
    held = gpu.array(2**18)
    for ask in (
        lambda: backend.empty((1024, 1024), like=held),
        lambda: backend.to_device(np.ones((1024, 1024), np.float32), "cuda"),
    ):
        with pytest.raises(MemoryError, match=r"the GPU has no 4\.0 MiB left"):
            ask()
    assert backend.gpu_memory().in_use == 2**20  # as before


def test_another_error_is_passed_on(gpu, monkeypatch):
    kept = gpu.array(5)
    del kept

    def broken(*arguments):
        raise gpu.driver.module.CudaAPIError(700, "Call to cuMemAlloc results in ILLEGAL_ADDRESS")

    monkeypatch.setitem(vars(gpu.driver.module.driver), "cuMemAlloc", broken)
    with pytest.raises(gpu.driver.module.CudaAPIError, match="ILLEGAL_ADDRESS"):
        gpu.array(5000)
    assert backend.gpu_memory().kept == 512  # nothing was given up for it


def test_after_a_reset_nothing_old_comes_back(gpu):
    held, kept = gpu.array(100), gpu.array(7000)
    del kept
    gpu.context.memory_manager.reset()
    assert not gpu.driver.live
    assert backend.gpu_memory().in_use == backend.gpu_memory().kept == 0
    where = address(held)
    del held
    assert backend.gpu_memory().kept == 0
    assert address(gpu.array(100)) != where


def test_a_small_grid_is_no_reason_to_warn(cuda, monkeypatch):
    for asked, warns in (("1", 1), (None, 0)):
        monkeypatch.setattr(backend.numba.config, "CUDA_LOW_OCCUPANCY_WARNINGS", 1)
        monkeypatch.delenv("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", raising=False)
        if asked:
            monkeypatch.setenv("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", asked)
        cuda_target.numba_cuda.__wrapped__()
        assert warns == cuda.cudadrv.driver.config.CUDA_LOW_OCCUPANCY_WARNINGS


@pytest.mark.parametrize("how", ["named in the environment", "set by the program"])
def test_another_memory_manager_stays(cuda, monkeypatch, how):
    driver = cuda.cudadrv.driver
    if how == "set by the program":
        monkeypatch.setattr(driver, "_memory_manager", driver.NumbaCUDAMemoryManager)
    else:
        monkeypatch.setattr(driver.config, "CUDA_MEMORY_MANAGER", "rmm")
    before = driver._memory_manager
    cuda_target.numba_cuda()
    assert driver._memory_manager is before
    if before is not None:
        with fake_driver.context(cuda, monkeypatch):
            assert backend.gpu_memory() is None
            backend.reset_peak()


def test_the_simulator_has_no_memory_of_its_own(monkeypatch):
    monkeypatch.setattr(backend.numba.config, "ENABLE_CUDASIM", 1)
    monkeypatch.setattr(device_memory, "install", None)
    cuda_target.numba_cuda.__wrapped__()
    assert backend.gpu_memory() is None


@pytest.mark.skipif(OWN, reason="all tests above have run on Numba's own")
def test_numbas_own_cuda_has_the_same_interface():
    """The CUDA target that comes with Numba, without the package numba-cuda."""
    code = (
        "import sys, importlib.util as u;"
        "sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != 'NumbaCudaFinder'];"
        "sys.exit(u.find_spec('numba.cuda') is None)"
    )
    if subprocess.run([sys.executable, "-c", code], timeout=300).returncode:
        pytest.skip("this version of Numba has no CUDA target of its own any more")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rN", "-k", "not any_sequence", __file__],
        env=os.environ | {OLD: "1"}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
