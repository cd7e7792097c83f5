"""Device memory that is reused: a caching allocator for `numba.cuda`.

Every layer asks for a new array at every step, and lets it go. The driver's own `cuMemAlloc` and
`cuMemFree` may wait until the GPU has nothing left to do, and a GPU that waits for Python a few
dozen times per step computes little. But a training step asks for the same sizes as the one before.
So a block of memory that nobody needs any more is kept, by its size, for whoever asks next:

    memalloc(size)       a kept block of that size, rounded up; only if there is none, a new one
    the last view goes   the block is kept
    no memory left       all kept blocks go back to the driver, and it is asked once more

Is it safe to hand a block out while a kernel that was launched before may still read it? Yes: all
work of a thread goes down one stream, in order. Whoever gets the block writes to it with a copy or
a kernel that is launched later, and so begins after the reader has ended. With the legacy default
stream, which is Numba's, that holds across threads too.

The last view of an array may go in any thread, at any moment, in the middle of `memalloc` too. So
its finalizer takes no lock, which it might wait for forever, and counts nothing: it appends to a
deque, which is one indivisible operation. Whoever asks next sorts in what came back.

Numba calls this an External Memory Management plugin. PyTorch's caching allocator is the model of
the idea (and of the two granularities), without its splitting of large blocks.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

SMALL, LARGE = 512, 2**21  # sizes are multiples of these: up to 1 MiB, and above
LARGE_FROM = 2**20


@dataclass(frozen=True)
class GpuMemory:
    """Memory in bytes. `kept` is neither in use nor `free` for others; `peak` is of `in_use`."""

    in_use: int
    peak: int
    kept: int
    free: int
    total: int


def rounded(size: int) -> int:
    """Return the bytes of a block for `size` bytes: with few sizes, many blocks fit again."""
    unit = SMALL if size <= LARGE_FROM else LARGE
    return unit * max(1, -(-size // unit))


def is_full(error: BaseException) -> bool:
    """Whether an error of CUDA says that there is no memory left."""
    return "OUT_OF_MEMORY" in str(error).upper().replace(" ", "_")


class Blocks:
    """Blocks of memory by size; only those who make and use a block know what it is.

    Attributes
    ----------
    in_use, kept, peak : int
        Bytes handed out, bytes kept for later, and the most that was ever handed out at a time.
    """

    def __init__(self) -> None:
        self.in_use = self.kept = self.peak = 0
        self._kept: dict[int, list] = {}
        self._returned: deque[tuple[int, object]] = deque()
        self._lock = threading.Lock()

    def take(self, size: int, allocate: Callable[[int], Any]) -> tuple[Any, Callable[[], None]]:
        """Return a block of at least `size` bytes, and a function, called once, to give it back.

        `allocate(bytes)` makes a new one; its errors change nothing here.
        """
        size = rounded(size)
        with self._lock:
            self._sort_in()
            if self._kept.get(size):
                block = self._kept[size].pop()
                self.kept -= size
            else:
                block = allocate(size)
            self.in_use += size
            self.peak = max(self.peak, self.in_use)
        return block, partial(self._returned.append, (size, block))

    def drop(self) -> None:
        """Let go of all kept blocks."""
        with self._lock:
            self._sort_in()
            self._kept, self.kept = {}, 0

    def reset_peak(self) -> None:
        with self._lock:
            self._sort_in()
            self.peak = self.in_use

    def now(self) -> tuple[int, int, int]:
        """Return (in_use, peak, kept)."""
        with self._lock:
            self._sort_in()
            return self.in_use, self.peak, self.kept

    def _sort_in(self) -> None:
        while self._returned:
            size, block = self._returned.popleft()
            self._kept.setdefault(size, []).append(block)
            self.in_use -= size
            self.kept += size


_Own: Any = object  # stands for Numba's own manager: `install` puts it there


class ReusedMemory(_Own):
    """The plugin: it adds reuse to Numba's own memory manager, which makes and frees the blocks."""

    pointer: type  # numba.cuda's MemoryPointer: its finalizer runs when the last view is gone

    def __init__(self, context: Any):
        super().__init__(context=context)
        self.blocks = Blocks()

    def memalloc(self, size: int) -> Any:
        try:
            block, give_back = self.blocks.take(size, super().memalloc)
        except Exception as error:
            if not is_full(error):
                raise
            self.blocks.drop()  # Numba frees them when the driver refuses once more
            block, give_back = self.blocks.take(size, super().memalloc)
        return self.pointer(block.context, block.device_pointer, size, finalizer=give_back)

    def reset(self) -> None:
        """Forget all memory, also what is in use: it must not come back to be handed out again."""
        self.blocks = Blocks()  # the old one's deque takes what comes back, and nobody looks there
        super().reset()

    def usage(self) -> GpuMemory:
        free, total = self.get_memory_info()
        return GpuMemory(*self.blocks.now(), free, total)


def install(cuda: Any) -> None:
    """Put `ReusedMemory` in charge of the memory of `numba.cuda`, numba-cuda's or Numba's own.

    It leaves a manager that is there already: Numba's own with the first context, another that
    the program has set, or one that NUMBA_CUDA_MEMORY_MANAGER names.
    """
    driver = cuda.cudadrv.driver
    if driver._memory_manager is None and driver.config.CUDA_MEMORY_MANAGER == "default":
        own = driver.NumbaCUDAMemoryManager
        plugin = type("ReusedMemory", (ReusedMemory, own), {"pointer": driver.MemoryPointer})
        cuda.set_memory_manager(plugin)
