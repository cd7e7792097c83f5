"""The classes of `numba.cuda` as they are, above a driver that only counts: no GPU, no kernel."""

from __future__ import annotations

import importlib
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace


class Driver:
    """Gives addresses, of at most `total` bytes at a time, and remembers what was asked of it."""

    def __init__(self, module, total: int):
        self.module, self.total = module, total
        self.live: dict[int, int] = {}  # address: bytes
        self.allocations = 0
        self.next = 2**20

    def allocate(self, size: int) -> int:
        assert size > 0
        if sum(self.live.values()) + size > self.total:
            # As the module's own check of the driver's answers raises it.
            code = getattr(getattr(self.module, "binding", None), "CUresult", None)
            raise self.module.CudaAPIError(
                2 if code is None else code.CUDA_ERROR_OUT_OF_MEMORY,
                "Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY",
            )
        self.allocations += 1
        self.next += 2**32
        self.live[self.next] = size
        return self.next

    def cuMemAlloc(self, *arguments):
        if len(arguments) == 1:  # numba-cuda
            return self.module.binding.CUdeviceptr(self.allocate(*arguments))
        pointer, size = arguments  # Numba's own, through ctypes
        pointer._obj.value = self.allocate(size)
        return None

    def cuMemFree(self, pointer):
        del self.live[getattr(pointer, "value", None) or int(pointer)]

    def cuMemGetInfo(self, *arguments):
        numbers = self.total - sum(self.live.values()), self.total
        for pointer, number in zip(arguments, numbers, strict=False):
            pointer._obj.value = number
        return numbers

    cuMemFree.__name__ = "cuMemFree"


@contextmanager
def context(cuda, monkeypatch, total=2**40):
    """(driver, context) with the memory manager that is installed."""
    module = cuda.cudadrv.driver
    devices = importlib.import_module("numba.cuda.cudadrv.devices")
    fake = Driver(module, total)
    for name in ("cuMemAlloc", "cuMemFree", "cuMemGetInfo"):
        monkeypatch.setitem(vars(module.driver), name, getattr(fake, name))
    monkeypatch.setattr(module, "_logger", module.make_logger(), raising=False)
    made = module.Context(SimpleNamespace(id=0), 1)
    made.prepare_for_use()
    monkeypatch.setattr(devices._runtime, "ensure_context", nullcontext)
    monkeypatch.setattr(devices, "get_context", lambda: made)
    monkeypatch.setattr(cuda, "current_context", lambda: made)
    yield fake, made
    made.memory_manager.reset()  # while there is a driver to free it
    assert not fake.live
