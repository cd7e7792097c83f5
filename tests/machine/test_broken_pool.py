"""Items outlive a pool that breaks while nobody waits for it."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import pytest

from minifacenet.machine import ranks
from minifacenet.machine.workers import in_processes
from minifacenet.training.files import refuse_other_folder


class Breaks:
    """An engine whose first pool is broken when an item is handed in for the n-th time."""

    room, together = 2, 1

    def __init__(self, number):
        self.left = number

    @contextmanager
    def pool(self, job):
        yield self

    def alone(self):
        return self

    def submit(self, items):
        self.left -= 1
        if not self.left:
            raise BrokenProcessPool
        future = Future()
        future.set_result([item.upper() for item in items])
        return future

    def wait(self, under_way):
        return set(list(under_way)[:1])

    def answers(self, future):
        return future.result()


@pytest.mark.parametrize("number", range(1, 8))
def test_no_item_is_lost_with_a_pool_that_broke_meanwhile(number):
    answers = list(in_processes("abcdef", str, (), Breaks(number)))
    assert sorted(answers) == [(item, item.upper()) for item in "abcdef"]


class Second(ranks.Ranks):
    """The second of two ranks, whose first one has made its token in `first`."""

    rank, size = 1, 2

    def __init__(self, first):
        self.first, self.said = first, []

    def texts(self, text):
        self.said.append(text)
        if len(self.said) == 1:
            (self.first / text).mkdir()
            return [text, "another"]
        return ["", text]

    def on_first(self, work):
        pass


def test_a_rank_that_sees_another_folder_is_named(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    refuse_other_folder(tmp_path / "one", ranks.ALONE)
    refuse_other_folder(tmp_path / "one", Second(tmp_path / "one"))
    with pytest.raises(ValueError, match=r"rank 1 on .* sees another folder at .*two than rank 0"):
        refuse_other_folder(tmp_path / "two", Second(tmp_path / "one"))
