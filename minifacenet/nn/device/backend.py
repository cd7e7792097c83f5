"""Where an array lives, and which kernel runs there.

A NumPy array lives on the CPU, a Numba device array on the GPU. A layer asks for memory with
`empty(shape, like=x)` and calls a `Kernel`, a pair of host functions with one signature, and never
needs to know which of the two ran: this file holds the project's only device branches.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

import numba
import numpy as np
from numpy.typing import DTypeLike

from . import cpu_target, device_memory
from .cpu_target import cpu_function
from .cuda_target import CudaFunction, cuda, cuda_function, cuda_kernel, numba_cuda

Array: TypeAlias = np.ndarray | Any  # or a Numba device array, whose type few machines have
DEVICES = ("cpu", "cuda")
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))  # that layers compute in
CUDA_THREADS = 256  # threads in a one-dimensional CUDA block


def gpu_memory() -> device_memory.GpuMemory | None:
    """Return the GPU's memory; None if it is simulated, or another memory manager is in charge."""
    if numba.config.ENABLE_CUDASIM:
        return None
    manager = numba_cuda().current_context().memory_manager
    return manager.usage() if isinstance(manager, device_memory.ReusedMemory) else None


def reset_peak() -> None:
    """Start `gpu_memory().peak` anew: the most memory in use from here on, if it is known."""
    if gpu_memory() is not None:
        numba_cuda().current_context().memory_manager.blocks.reset_peak()


def element(function: Callable) -> tuple[Callable, Callable]:
    """Compile the scalar code of one output element for both targets: `(for_cpu, for_cuda)`."""
    return cpu_function(function), cuda_function(function)


class Kernel:
    """One computation with an implementation for each device.

    Parameters
    ----------
    cpu, cuda : host functions with one signature `(inputs..., params..., outputs..., workspace)`
        The CUDA side chooses its own grid and block. `cuda=None`: not written yet.
    """

    def __init__(self, cpu: Callable, cuda: Callable | None = None):
        self.cpu = cpu
        self.cuda = cuda

    def __call__(self, first: Array, *rest: Any) -> None:
        device = device_of(first)
        if "numba.cuda" in sys.modules:  # otherwise there is one device only
            _check_one_device(device, first, rest)
        if device == "cpu":
            self.cpu(first, *rest)
        elif self.cuda is None:
            raise RuntimeError(
                f"{self.cpu.__module__}.{self.cpu.__name__} has no CUDA twin yet: "
                "move the model and its input to the CPU"
            )
        else:
            self.cuda(first, *rest)


def _check_one_device(device: str, first, rest) -> None:
    """Raise TypeError if an array lives elsewhere: Numba would copy it, or fail obscurely."""
    for other in rest:
        if hasattr(other, "copy_to_host") if device == "cpu" else isinstance(other, np.ndarray):
            where = [f"{a.dtype} {tuple(a.shape)} on {device_of(a)!r}" for a in (first, other)]
            raise TypeError(
                f"arrays of one computation live on one device, got {where[0]} and {where[1]}: "
                "network.to(device) moves a network, to_device(array, device) its input"
            )


def device_of(array: Array) -> str:
    """Return 'cpu' for a NumPy array, 'cuda' for a device array (the simulator's too)."""
    return "cpu" if isinstance(array, np.ndarray) else "cuda"


def to_device(array: Array, device: str) -> Array:
    """Return the array on `device`: a copy if it lives elsewhere, itself if it is there already."""
    if device not in DEVICES:
        raise ValueError(f"device must be one of {DEVICES}, got {device!r}")
    if device_of(array) == device:
        return array
    if not isinstance(array, np.ndarray):
        return array.copy_to_host()
    with _full_is_memory_error(array.nbytes):
        return numba_cuda().to_device(contiguous(array))  # Numba would keep its order


def empty(shape: tuple[int, ...], like: Array, dtype: DTypeLike | None = None) -> Array:
    """Return an uninitialised C-ordered array on the device of `like`, by default of its dtype.

    Every layer asks here for its output, so integers and halves are refused here.
    """
    if like.dtype not in DTYPES:
        raise TypeError(f"layers compute in float32 or float64, got {like.dtype}: convert it first")
    dtype = like.dtype if dtype is None else dtype
    if device_of(like) == "cpu":
        return np.empty(shape, dtype)
    with _full_is_memory_error(np.dtype(dtype).itemsize * math.prod(shape)):
        return numba_cuda().device_array(shape, dtype)


@contextmanager
def _full_is_memory_error(size: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not device_memory.is_full(error):
            raise
        raise MemoryError(f"the GPU has no {size / 2**20:.1f} MiB left") from None


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    """Return an array as `empty` does, filled with zeros."""
    array = empty(shape, like)
    fill(array, 0)
    return array


def contiguous(array: Array) -> Array:
    """Return the array in C order: itself, or a copy if it has strides. Device arrays have C order.

    Numba compiles a kernel anew for each memory order that it meets; so layers pass it only one.
    """
    return np.ascontiguousarray(array) if device_of(array) == "cpu" else array


def read_only(array: Array) -> Array:
    """Return a view that cannot be written to; a device array, which has none, as it is."""
    if device_of(array) == "cuda":
        return array
    view = array.view()
    view.flags.writeable = False
    return view


def blocks(size: int, threads: int = CUDA_THREADS) -> int:
    """Return how many CUDA blocks cover `size` elements, at least one."""
    return max(1, -(-size // threads))


def as_pixels(array: Array) -> Array:
    """Return (..., C) as (pixels, C), in C order, for a kernel to which only channels matter."""
    *pixels, channels = array.shape
    return contiguous(array).reshape(math.prod(pixels), channels)


def thread_per_element(grid: CudaFunction) -> Callable:
    """Return the CUDA side of a kernel that has one thread per element of its last argument."""

    def launch(*arguments):
        grid[blocks(arguments[-1].size), CUDA_THREADS](*arguments)

    return launch


def _fill_cpu(array, value):
    array[...] = value


@cuda_kernel
def _fill_grid(array, value):  # bound: memory, one write per element
    i = cuda.grid(1)
    if i < array.size:
        array[i] = value


def _fill_cuda(array, value):
    _fill_grid[blocks(array.size), CUDA_THREADS](array.reshape(array.size), value)


_fill = Kernel(_fill_cpu, _fill_cuda)


def fill(array: Array, value: float) -> None:
    """Set all elements to one value, in place."""
    _fill(array, array.dtype.type(value))


def set_threads(count: int) -> None:
    """Set the threads of everything: of Numba's kernels, and of BLAS in `matmul`.

    It holds in this Python thread and in new ones; one that has run a kernel keeps its number.
    """
    most = numba.config.NUMBA_NUM_THREADS
    if not 1 <= count <= most:
        raise ValueError(f"threads must be 1 to {most} on this machine, got {count}")
    cpu_target.set_threads(count)


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold kernels and every BLAS to one thread inside a `with` block, for timing."""
    before = cpu_target.thread_count()
    numba.set_num_threads(1)
    try:
        with blas_threads(1):
            yield
    finally:
        numba.set_num_threads(before)


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Hold every BLAS in the process to `count` threads inside a `with` block.

    One that has them already is left alone: a small network asks some fifty times per photo.
    """
    before = [(blas, threads) for blas in _blas() if (threads := blas.num_threads) != count]
    for blas, _ in before:
        blas.set_num_threads(count)
    try:
        yield
    finally:
        for blas, threads in before:
            blas.set_num_threads(threads)


@cache
def _blas():
    # NumPy and SciPy each load their own BLAS: look for them when both are loaded.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas").lib_controllers
