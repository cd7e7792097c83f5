"""The drawing of threads shows what a kernel does: each access, those who idle, and a fault."""

import numpy as np
import pytest
import threads
from exercises.simulator import Access, launch
from matplotlib.patches import Rectangle
from numba import float32

from minifacenet.nn.device.cuda_target import cuda


def neighbours(x, out):
    i = cuda.grid(1)
    if i < out.shape[0]:
        out[i] = x[i] + x[i + 1]


def turned(x, out):
    tile = cuda.shared.array(4, float32)
    t = cuda.threadIdx.x
    tile[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    out[cuda.grid(1)] = tile[3 - t]


def arrays(n, m):
    return {"x": np.arange(n, dtype=np.float32), "out": np.full(m, np.nan, np.float32)}


def test_the_log_says_who_did_what_in_order():
    log = []
    launch(neighbours, (1, 1), (2, 1), arrays(3, 2), log)
    assert log[:3] == [
        Access((0, 0), (0, 0), "reads", "x", [0]),
        Access((0, 0), (0, 0), "reads", "x", [1]),
        Access((0, 0), (0, 0), "writes", "out", [0]),
    ]
    assert [one.thread for one in log] == [(0, 0)] * 3 + [(1, 0)] * 3


def test_each_access_is_a_line_and_who_has_nothing_to_do_is_hatched():
    ax = threads.show_threads(neighbours, 2, 4, arrays(7, 6)).axes[0]
    assert len(ax.lines) == 6 * 3
    boxes = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert len(boxes) == 7 + 8 + 6
    assert sum(patch.get_hatch() is not None for patch in boxes) == 2
    assert ax.get_title(loc="left") == "12 reads of x"


def test_shared_memory_has_a_line_of_its_own():
    ax = threads.show_threads(turned, 2, 4, arrays(8, 8)).axes[0]
    names = [text.get_text() for text in ax.texts if text.get_ha() == "right"]
    assert names == ["x", "threads", "shared array 1", "threads", "out"]
    assert len(ax.lines) == 8 * 4


def test_a_fault_stands_in_the_title():
    ax = threads.show_threads(neighbours, 2, 4, arrays(6, 6)).axes[0]
    assert "touches x[6], outside of its shape" in ax.get_title(loc="left").replace("\n", " ")
    assert len(ax.lines) == 5 * 3 + 1


def test_what_is_too_large_to_see_is_refused():
    with pytest.raises(ValueError, match="at most 40 numbers can be drawn: got"):
        threads.show_threads(neighbours, 2, 4, arrays(50, 6))
