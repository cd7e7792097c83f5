"""How a Python function becomes a CUDA kernel, and what every kernel may use.

`numba.cuda` is imported when the first kernel is launched, and not before: on most machines it is
not there. A kernel's source may nevertheless say `cuda.grid(1)`: the name `cuda` below stands for
the module until then.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import FunctionType
from typing import Any

import numba
import numpy as np

from . import device_memory

# A Numba without a numba.cuda need not know its settings.
vars(numba.config).setdefault("ENABLE_CUDASIM", 0)
# Alignment in bytes of shared memory that is read four float32 at a time; 0 if numba.cuda takes
# none: the simulator, and Numba's own CUDA target without the package numba-cuda.
ALIGNMENT = 0 if numba.config.ENABLE_CUDASIM or find_spec("numba_cuda") is None else 16


class _CudaModule:
    """Stands for `numba.cuda` in the source of a kernel until the kernel is compiled."""

    def __repr__(self) -> str:
        return "<numba.cuda, not imported yet>"


cuda: Any = _CudaModule()


@cache
def numba_cuda() -> Any:
    """Return the real `numba.cuda`, imported on the first call, with `device_memory` in charge.

    Raises
    ------
    RuntimeError
        The simulator is asked for too late: numba reads its variable when it is imported.
    """
    simulated, asked = numba.config.ENABLE_CUDASIM, os.environ.get("NUMBA_ENABLE_CUDASIM") or "0"
    if asked != "0" and not simulated:
        raise RuntimeError(
            f"NUMBA_ENABLE_CUDASIM={asked} has no effect: set it to 1 before numba is imported, "
            "best before Python starts"
        )
    module = importlib.import_module("numba.cuda")
    if "NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS" not in os.environ:
        numba.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a bias is a small grid, and should be
    if not simulated:
        device_memory.install(module)
    return module


class CudaFunction:
    """A Python function that becomes a CUDA kernel, or a device function, at its first use.

    `kernel[blocks, threads](arguments)` launches it, as with `numba.cuda.jit`.
    """

    def __init__(self, function: Callable, device: bool = False):
        self.function = function
        self.device = device

    def __getitem__(self, grid: tuple[Any, ...]) -> Callable[..., None]:
        return _compile(self)[grid]


@cache
def _compile(kernel: CudaFunction) -> Any:
    """Give the function real globals, `cuda` and device functions, and pass it to numba.cuda."""
    module = numba_cuda()
    names = dict(kernel.function.__globals__)
    for name in kernel.function.__code__.co_names:
        value = names.get(name)
        if value is cuda:
            names[name] = module
        elif isinstance(value, CudaFunction):
            names[name] = _compile(value)
    function = FunctionType(kernel.function.__code__, names, kernel.function.__name__)
    if kernel.device:
        # Inlined, since numba-cuda links a called device function only where a driver is present.
        return module.jit(device=True, inline="always")(function)
    return module.jit(function)


def cuda_kernel(function: Callable) -> CudaFunction:
    """Mark a function as a CUDA kernel (`numba.cuda.jit`, but without importing it yet)."""
    return CudaFunction(function)


def cuda_function(function: Callable) -> Any:
    """Mark a function as one that CUDA kernels call; it must not hold a barrier.

    (The simulator that comes with Numba itself mixes up the threads in such a function.)
    """
    return CudaFunction(function, device=True)


@cuda_function
def divide(a, b):
    """Return a // b of integers from 0 to 2^31 - 1: 32 bits take a quarter of 64's instructions.

    While memory brings a byte, an H100 starts 9 instructions (132 x 128 x 1.76 GHz by 3.35 TB/s): a
    kernel that reads and writes 8 bytes per element is bound by memory up to 70 instructions.
    """
    return np.int32(np.uint32(a) // np.uint32(b))
