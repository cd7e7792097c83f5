"""Many items go through several processes, one thread each, and no item can end the work.

Photos do not depend on each other, so two cores do two at a time: faster than two threads inside
one photo, whose many small steps would wait for each other. The processes are started afresh
("spawn"), on every system alike; they inherit nothing but the arguments.

A damaged file may make a decoder crash, or a machine may be short of memory and kill a process.
Then the pool is gone, and with it the answers to the few items that were under way. These are done
again, each in a process of its own; an item that ends that one, too, is reported and left out.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import active_children, get_context
from typing import Any

_worker: Callable[[str], Any]  # in each of our processes


class Died:
    """A stand-in for an answer: the process that worked on the item ended."""


def in_processes(
    items: Iterable[str], make: Callable, arguments: tuple, workers: int
) -> Generator[tuple[str, Any]]:
    """Yield pairs (item, answer), in the order in which they are ready.

    Parameters
    ----------
    items : iterable of str
    make : callable(*arguments) -> callable(item) -> answer
        Called once in each process. It and its arguments have to be picklable: a class or function
        of a module.
    workers : int
        Processes, one thread each.

    Notes
    -----
    Close it (`contextlib.closing`) where it may be left early, so that a Ctrl-C meanwhile comes
    through: Python drops what is raised in a generator that is collected without being closed.
    """
    left = deque(items)
    while left:
        under_way: dict[Future, Any] = {}
        with suppress(BrokenProcessPool), _pool(make, arguments, workers) as pool:
            while left or under_way:
                while left and len(under_way) < 2 * workers:
                    item = left.popleft()
                    under_way[pool.submit(_work, item)] = item
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    answer = future.result()
                    yield under_way.pop(future), answer
        for item in under_way.values():
            yield item, _alone(item, make, arguments)


def _alone(item, make, arguments):
    with _pool(make, arguments, 1) as pool:
        try:
            return pool.submit(_work, item).result()
        except BrokenProcessPool:
            return Died()


@contextmanager
def _pool(make, arguments, workers) -> Iterator[ProcessPoolExecutor]:
    """Start processes that finish their items when the block ends; Ctrl-C does not wait for it."""
    others = set(active_children())

    def kill():
        for process in set(active_children()) - others:
            process.terminate()

    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (make, arguments))
    try:
        try:
            yield pool
        except KeyboardInterrupt:
            kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    except KeyboardInterrupt:  # it may as well have come during the shutdown
        kill()
        raise


def _begin(make, arguments) -> None:
    """Set up a new process: one thread, and Ctrl-C is left to the process that waits."""
    from ..nn.device.backend import set_threads

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_threads(1)
    global _worker
    _worker = make(*arguments)


def _work(item: str) -> Any:
    return _worker(item)
