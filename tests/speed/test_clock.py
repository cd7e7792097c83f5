from types import SimpleNamespace

import numba
import pytest

from minifacenet.speed import clock as module
from minifacenet.speed.clock import Call, Timing, clock_name, medians, time_row

from .fake import Clock


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock.module)
    numba.set_num_threads(1)
    return clock


def test_calls_take_turns_and_the_first_round_does_not_count(clock):
    order = []
    seconds = {"a": iter([9, 1, 5, 2]), "b": iter([9, 4, 4, 40])}

    def call(name):
        def run():
            order.append(name)
            clock.now += next(seconds[name])

        return Call(run, before=clock.takes(100))

    assert medians({name: call(name) for name in "ab"}, rounds=3) == {"a": 2, "b": 4}
    assert order == list("abababab")


def test_one_thread_is_timed_by_the_processor_and_more_by_the_wall(clock):
    call = {"a": Call(clock.takes(1))}
    medians(call, 1)
    assert set(clock.read) == {"process"}
    assert clock_name() == "processor time"
    clock.read.clear()
    numba.set_num_threads(2)
    medians(call, 1)
    assert set(clock.read) == {"wall"}
    assert clock_name() == "time on the wall"


def test_a_median_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1 round, got 0"):
        medians({}, 0)


def test_the_better_layout_counts_pass_by_pass(clock):
    sides = {
        "contiguous": {"forward": Call(clock.takes(3)), "both": Call(clock.takes(8))},
        "channels_last": {"forward": Call(clock.takes(2)), "both": Call(clock.takes(9))},
    }
    ours = {"forward": Call(clock.takes(4)), "both": Call(clock.takes(4))}
    timing = time_row("conv", {"forward": 8e9, "both": 0}, ours, sides, rounds=2)
    assert timing.ours == {"forward": 4, "both": 4}
    assert timing.best("forward") == ("channels_last", 2)
    assert timing.best("both") == ("contiguous", 8)
    assert timing.ratio("forward") == 0.5
    assert timing.ratio("both") == 2
    assert timing.gflops("forward") == 2
    assert timing.gflops("both") is None


@pytest.mark.parametrize(("ours", "theirs"), [(1e-6, 1), (1, 1e-6), (0, 0)])
def test_next_to_no_time_has_no_ratio(ours, theirs):
    assert Timing("concat", {"f": 0}, {"f": ours}, {"contiguous": {"f": theirs}}).ratio("f") is None


def test_without_a_yardstick_there_is_no_ratio():
    assert Timing("conv", {"f": 1}, {"f": 1.0}, {}).ratio("f") is None


class Queue:
    """A GPU's: a launch returns at once, the work is done when somebody waits for it."""

    def __init__(self, clock):
        self.clock, self.waiting = clock, 0.0
        self.module = SimpleNamespace(synchronize=self.synchronize)

    def launches(self, seconds):
        def run():
            self.clock.now += 0.5  # the launch itself
            self.waiting += seconds

        return run

    def synchronize(self):
        self.clock.now, self.waiting = self.clock.now + self.waiting, 0.0


def test_on_a_gpu_the_wall_clock_waits_for_the_work_before_and_after(clock, monkeypatch):
    queue = Queue(clock)
    monkeypatch.setattr(module, "numba_cuda", lambda: queue.module)
    call = Call(queue.launches(3), before=queue.launches(100))
    assert medians({"a": call, "b": call}, 2, "cuda") == {"a": 3.5, "b": 3.5}
    assert set(clock.read) == {"wall"}
    assert clock_name("cuda").startswith("time on the wall, with the GPU's work done")


def test_a_row_of_a_gpu_has_bytes_and_their_rate(clock, monkeypatch):
    queue = Queue(clock)
    monkeypatch.setattr(module, "numba_cuda", lambda: queue.module)
    call = {"f": Call(queue.launches(1.5))}
    timing = time_row("relu", {"f": 0}, call, {"contiguous": call}, 1, "cuda", {"f": 4e9})
    assert (timing.bandwidth("f"), timing.gflops("f"), timing.ratio("f")) == (2, None, 1)
    assert Timing("relu", {"f": 0}, {"f": 1.0}, {}).bandwidth("f") is None
