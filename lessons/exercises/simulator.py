"""A GPU in a few lines of Python: slow, in order, and it sees everything.

`launch(kernel, grid, threads, arguments)` runs the source of a CUDA kernel in plain Python, whether
or not there is a GPU or a `numba.cuda`. One thread runs at a time: until it ends or comes to a
barrier; then the next one. So a forgotten barrier goes wrong in every run, and a number that two
threads touch without a barrier between them is told as a race. Numba's own simulator works in the
same way, but starts real threads of Python and watches nothing.
"""

from __future__ import annotations

import threading
from types import FunctionType, ModuleType, SimpleNamespace
from typing import NamedTuple

import numba
import numpy as np
from numba.np.numpy_support import as_dtype

from minifacenet.nn.device.cuda_target import CudaFunction
from minifacenet.nn.device.cuda_target import cuda as not_imported_yet

from .core import Wrong
from .watched import Watched

LARGEST_BLOCK = 1024


def launch(
    kernel,
    grid: tuple[int, int],
    threads: tuple[int, int],
    arguments: dict,
    log: list | None = None,
) -> dict:
    """Run a kernel over a grid of blocks; `grid` and `threads` are (x, y).

    `arguments` are the kernel's, in order and by name. Its arrays are read and written in place.
    Returns how many numbers were read from each array. A `log` gets an `Access` for each time that
    a thread reads or writes, in the order in which it happens.

    Raises
    ------
    Wrong
        A race, an index outside of its array, or threads of a block that miss a barrier.
    """
    if threads[0] * threads[1] > LARGEST_BLOCK:
        raise ValueError(f"a block has at most {LARGEST_BLOCK} threads, got {threads}")
    blocks = [(x, y) for y in range(grid[1]) for x in range(grid[0])]
    device = _Device(grid, threads, log)
    arrays = {
        name: Watched(value, name, device.name, device.note)
        for name, value in arguments.items()
        if isinstance(value, np.ndarray)
    }
    values = [arrays.get(name, value) for name, value in arguments.items()]
    function = _bound_to(device, kernel)
    device.run(blocks, lambda: function(*values))
    return {name: array.reads for name, array in arrays.items()}


class Access(NamedTuple):
    """One thread has read, or written, numbers of one array; `places` count along its memory."""

    block: tuple[int, int]
    thread: tuple[int, int]
    did: str  # 'reads' or 'writes'
    array: str
    places: list[int]


class _Device:
    """What a kernel knows as `cuda`, and the order in which the threads of a block take turns."""

    def __init__(self, grid, threads, log=None):
        self.log = log
        self.gridDim = SimpleNamespace(x=grid[0], y=grid[1])
        self.blockDim = SimpleNamespace(x=threads[0], y=threads[1])
        self.shared = SimpleNamespace(array=self._shared_array)
        self.local = SimpleNamespace(array=_uninitialised)
        self.current = None

    # -- What a kernel may ask for ---------------------------------------------------------------

    @property
    def threadIdx(self):
        return SimpleNamespace(x=self.current.x, y=self.current.y)

    @property
    def blockIdx(self):
        return SimpleNamespace(x=self.block[0], y=self.block[1])

    def grid(self, axes):
        x = self.block[0] * self.blockDim.x + self.current.x
        y = self.block[1] * self.blockDim.y + self.current.y
        return x if axes == 1 else (x, y)

    def syncthreads(self):
        self.current.pause()

    def _shared_array(self, shape, dtype, alignment=None):
        """The same array for all threads of the block: the first one that asks makes it.

        Where it begins makes no difference here.
        """
        number = self.current.shared
        self.current.shared += 1
        if number == len(self.tiles):
            array = _uninitialised(shape, dtype)
            name = f"shared array {number + 1}"
            self.tiles.append(Watched(array, name, self.name, self.note))
        return self.tiles[number]

    # -- Turns -----------------------------------------------------------------------------------

    def name(self) -> str:
        return self.current.name

    def note(self, did: str, array: str, places: list[int]) -> None:
        if self.log is not None:
            thread = self.current.x, self.current.y
            self.log.append(Access(self.block, thread, did, array, places))

    def run(self, blocks, body):
        """Block after block, each with the same workers."""
        ids = [(x, y) for y in range(self.blockDim.y) for x in range(self.blockDim.x)]
        workers = [_Worker(x, y, body) for x, y in ids]
        try:
            for block in blocks:
                self.block, self.tiles = block, []
                for worker in workers:
                    worker.begin(block)
                self._run_block(workers)
        finally:
            for worker in workers:
                worker.stop()

    def _run_block(self, workers):
        """Each thread up to the next barrier, again and again, until all have ended."""
        while not all(worker.ended for worker in workers):
            for worker in workers:
                self.current = worker
                worker.go_on()
            self._all_or_none(workers)
            for tile in self.tiles:
                tile.forget()

    def _all_or_none(self, workers):
        ended = [worker for worker in workers if worker.ended]
        if 0 < len(ended) < len(workers):
            raise Wrong(
                f"{ended[0].name} has ended, while others wait for it at cuda.syncthreads(). All "
                "threads of a block have to come to every barrier, those outside of the matrix "
                "too: no return before it, and no barrier inside of an if"
            )


class _Worker:
    """A thread of every block, which runs only between `go_on()` and its next barrier."""

    def __init__(self, x, y, body):
        self.x, self.y, self.body = x, y, body
        self.stopped, self.error = False, None
        self._my_turn, self._your_turn = threading.Lock(), threading.Lock()
        self._my_turn.acquire()
        self._your_turn.acquire()
        threading.Thread(target=self._work, daemon=True).start()

    def begin(self, block):
        self.name = f"thread (x={self.x}, y={self.y}) of block (x={block[0]}, y={block[1]})"
        self.shared = 0  # how many shared arrays it has asked for
        self.ended = False

    def go_on(self):
        self._my_turn.release()
        self._your_turn.acquire()  # until it has come to a barrier, or to its end
        if self.error is not None:
            raise self.error

    def pause(self):
        self._your_turn.release()
        self._my_turn.acquire()
        if self.stopped:
            raise SystemExit

    def stop(self):
        self.stopped = True
        self._my_turn.release()

    def _work(self):
        self._my_turn.acquire()
        while not self.stopped:
            try:
                self.body()
            except SystemExit:
                return
            except BaseException as error:
                self.error = error
            self.ended = True
            self._your_turn.release()
            self._my_turn.acquire()


def _uninitialised(shape, dtype) -> np.ndarray:
    """NaN, so that nobody mistakes it for a 0 (which on a GPU it may be, or not)."""
    dtype = as_dtype(dtype) if isinstance(dtype, numba.types.Type) else np.dtype(dtype)
    return np.full(shape, np.nan if dtype.kind == "f" else 99, dtype)


def _bound_to(device, kernel) -> FunctionType:
    """The kernel's plain function, in which the name `cuda` stands for our device."""
    for name in ("function", "py_func", "fn"):  # the library's, numba.cuda's, its simulator's
        kernel = getattr(kernel, name, kernel)
    names = dict(kernel.__globals__)
    for name in kernel.__code__.co_names:
        value = names.get(name)
        module = isinstance(value, ModuleType) and value.__name__.endswith("cuda")
        if value is not_imported_yet or module:
            names[name] = device
        elif value is numba:
            names[name] = SimpleNamespace(**{**vars(numba), "cuda": device})
        elif isinstance(value, CudaFunction):
            names[name] = _bound_to(device, value)
    closure, defaults = kernel.__closure__, kernel.__defaults__
    return FunctionType(kernel.__code__, names, kernel.__name__, defaults, closure)
