"""The CUDA suite: in Numba's simulator (NUMBA_ENABLE_CUDASIM=1) or on a real GPU, the same files.

`tests/test_cuda.py` runs it in a process of its own, since the simulator must be chosen before
numba is imported. In the main test process there is nothing to collect here.
"""

import os
from contextlib import contextmanager
from threading import Lock

import pytest
from numba import config

from minifacenet.machine.gpu import choose_device
from minifacenet.speed.card import card_name

SIMULATED = bool(config.ENABLE_CUDASIM)
ON_GPU = os.environ.get("MINIFACENET_TEST_GPU") == "1"

if SIMULATED and hasattr(os, "sched_setaffinity"):
    # Its threads take turns, one per CUDA thread. On one core a turn costs less than on several,
    # above all where the others are busy: nobody has to be woken elsewhere.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@contextmanager
def swapped_until_the_last_thread_leaves(function, fake):
    """What a simulated function knows as `cuda` while any thread is in it.

    Numba's own puts the real module back when the first thread leaves, and the others, which may
    have been interrupted within the function, find that `numba.cuda` has no `local`.
    """
    names = function.__globals__
    with LOCK:
        real = {name: value for name, value in names.items() if value is cuda}
        entry = WITHIN.setdefault(id(names), [0, real])
        entry[0] += 1
        names.update(dict.fromkeys(entry[1], fake))
    try:
        yield
    finally:
        with LOCK:
            entry[0] -= 1
            if not entry[0]:
                names.update(WITHIN.pop(id(names))[1])


if SIMULATED:
    LOCK, WITHIN = Lock(), {}
    from numba import cuda
    from numba.cuda.simulator import kernel

    kernel.swapped_cuda_module = swapped_until_the_last_thread_leaves
if not (SIMULATED or ON_GPU):
    collect_ignore_glob = ["test_*.py"]


def pytest_report_header():
    if SIMULATED:
        return "CUDA kernels: simulated by Numba on the CPU"
    if ON_GPU:
        from numba import cuda

        return f"CUDA kernels: on {card_name(cuda.get_current_device())}"
    return None


def pytest_sessionstart():
    """Where a GPU is asked for, its absence is one error, not one a test."""
    if ON_GPU and not SIMULATED:
        try:
            choose_device("cuda")
        except ValueError as error:
            pytest.exit(f"no GPU to test on: {error}", returncode=1)
