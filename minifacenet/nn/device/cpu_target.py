"""How a Python function becomes a CPU kernel, and when a kernel may start.

Every function of the package that Numba compiles comes through `cpu_kernel` or `cpu_function`: so
all keep their machine code on disk in one way (`kernel_cache`), or do without where nobody can
write, and all respect what Numba's threads cannot bear. That depends on its **threading layer**,
the library that runs a parallel loop, which Numba chooses at the first one:

    layer        two Python threads at once           a child by fork, after the first kernel
    tbb          works                                works
    omp          works                                GNU's OpenMP (Linux) ends the child
    workqueue    aborts the process                   works

On workqueue, Numba's own and its last resort, kernels therefore take turns. A child in which
OpenMP would end the process gets an error that says what to do. (Kernels of other packages are not
ours to guard.)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, update_wrapper
from importlib import import_module
from typing import Any

import numba

from . import kernel_cache

# Threads that wait for each other sleep instead of spinning. OpenMP reads this when it is loaded,
# at the first parallel kernel. Measured on a training step of nn1_mini with two cores: 1.1 times
# as fast on a quiet machine, 1.6 times beside another busy program.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def cpu_function(function: Callable | None = None, **options: Any) -> Callable:
    """Compile a function that runs on one thread: one that kernels call, or a loop of its own.

    It is compiled at its first call for the dtypes that it gets, and kept on disk for later ones.
    `options` are Numba's: `@cpu_function(fastmath={"reassoc"})`. Its `numpy` error model is set:
    x / 0 is inf, as in NumPy, and the loop around a division can vectorise.
    """
    if function is None:
        return partial(cpu_function, **options)
    kept = kernel_cache.usable(function)
    return numba.njit(cache=kept, error_model="numpy", **options)(function)


def cpu_kernel(function: Callable | None = None, **options: Any) -> Callable:
    """Compile a kernel, whose `prange` loops run on several threads; else as `cpu_function`.

    Returns
    -------
    callable
        Its `compiled` is Numba's dispatcher, its `py_func` the function itself. It is a plain
        function where Numba is switched off.
    """
    if function is None:
        return partial(cpu_kernel, **options)
    compiled = cpu_function(function, parallel=True, **options)
    if compiled is function:  # NUMBA_DISABLE_JIT
        return function

    def launch(*arguments):
        if _here.free:
            return compiled(*arguments)
        with _turn():
            return compiled(*arguments)

    kernel: Any = update_wrapper(launch, function)
    kernel.compiled, kernel.py_func = compiled, function
    return kernel


# -- When a kernel may start -----------------------------------------------------------------------


class _Thread(threading.local):
    """The facts known about a Python thread."""

    ready = False  # it has the number of threads that `set_threads` named
    free = False  # it may launch whenever it likes


_here = _Thread()
_turns = threading.RLock()
_named: int | None = None
_refused = False


def thread_count() -> int:
    """Return how many threads a kernel launched from here runs on."""
    _get_ready()
    return numba.get_num_threads()


def set_threads(count: int) -> None:
    """Run kernels on `count` threads from here on: in this Python thread, and in new ones.

    A thread that has launched a kernel before keeps its number.
    """
    global _named
    _get_ready()
    numba.set_num_threads(count)
    _named = count


def _get_ready() -> None:
    if not _here.ready:
        numba.get_num_threads()  # Numba chooses its layer, if it has not yet
        if _named is not None:
            numba.set_num_threads(_named)  # else it would give a new thread all there are
        _here.ready = True
        _here.free = not _refused and numba.threading_layer() != "workqueue"


@contextmanager
def _turn() -> Iterator[None]:
    _get_ready()
    if _refused:
        raise RuntimeError(
            "no kernel can run in a process that was forked after its parent had run one (OpenMP "
            "would end it): start workers with 'spawn', or load the model and use it in them only"
        )
    if _here.free:
        yield
    else:
        with _turns:
            yield


def _after_fork() -> None:
    """Forget in the child what was known of threads: it is outdated, and a lock may be taken."""
    global _here, _turns, _refused
    _here, _turns, _refused = _Thread(), threading.RLock(), _is_gnu_openmp()


def _is_gnu_openmp() -> bool:
    try:
        if numba.threading_layer() != "omp":
            return False
    except ValueError:  # not chosen: no kernel has run
        return False
    omppool = import_module("numba.np.ufunc.omppool")  # there, as the layer is in use
    return getattr(omppool, "openmp_vendor", "GNU") == "GNU"


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
