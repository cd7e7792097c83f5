"""Many items go through several processes, one thread each, and no item can end the work.

Photos do not depend on each other, so two cores do two at a time: faster than two threads inside
one photo, whose many small steps would wait for each other. The processes are started afresh
("spawn"), on every system alike; they inherit nothing but the arguments. Or they run on many
machines, as workers of a Dask cluster: see cluster.py. Both stand behind `concurrent.futures`.

A damaged file may make a decoder crash, or a machine may be short of memory and kill a process.
Then the pool is gone, and with it the answers to the few items that were under way. These are done
again, each in a process of its own; an item that ends that one, too, is reported and left out.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing import active_children, get_context, parent_process
from typing import Any, Protocol

_worker: Callable[[Any], Any]  # in each of our processes


class Died:
    """A stand-in for an answer: the process that worked on the item ended."""


class Killed(Exception):
    """The error for items whose processes ended, while the pool itself goes on."""


@dataclass(frozen=True)
class Job:
    """The work on items, whichever they are.

    Attributes
    ----------
    make : callable(*arguments) -> callable(item) -> answer
        Called once in each process. It and its arguments have to be picklable: a class or function
        of a module. On a cluster the arguments are small, and known by their equality.
    arguments : tuple
    reads : callable(item) -> path, optional
        The file that an item is read from: all machines have to see it.
    writes : path, optional
        The folder that is written to: all machines have to see this one, too.
    together : int
        Items that travel to another machine at once.
    """

    make: Callable
    arguments: tuple
    reads: Callable[[Any], str | os.PathLike] | None = None
    writes: str | os.PathLike | None = None
    together: int = 1


class Pool(Protocol):
    """What takes items, a few at a time."""

    @property
    def together(self) -> int:
        """How many items it takes at once."""

    @property
    def room(self) -> int:
        """How many times it may be given items before the first answers are there."""

    def submit(self, items: Sequence) -> Future: ...

    def wait(self, under_way: Iterable[Future]) -> set[Future]:
        """Return those that are done, one at least."""

    def answers(self, future: Future) -> Sequence:
        """Return the answers to the items; Killed, or BrokenProcessPool, if there are none."""


class Engine(Protocol):
    """What gives a pool for a job: the processes of this machine, or those of a cluster."""

    def pool(self, job: Job) -> AbstractContextManager[Pool]: ...

    def alone(self) -> Engine:
        """Return what works on single items, one after the other."""


def in_processes(
    items: Iterable, make: Callable, arguments: tuple, workers: int | Engine, **more: Any
) -> Generator[tuple[Any, Any]]:
    """Yield pairs (item, answer), in the order in which they are ready.

    Parameters
    ----------
    items : iterable
        Taken as there is room for them.
    make, arguments
        See `Job`, whose further fields are `more`.
    workers : int or Engine
        Processes of this machine, one thread each; or a `cluster.Cluster`.

    Notes
    -----
    Close it (`contextlib.closing`) where it may be left early, so that a Ctrl-C meanwhile comes
    through: Python drops what is raised in a generator that is collected without being closed.
    """
    engine: Engine = Processes(workers) if isinstance(workers, int) else workers
    job = Job(make, arguments, **more)
    items, left = iter(items), True
    while left:
        under_way: dict[Future, list] = {}
        again: list[list] = []
        with suppress(BrokenProcessPool), engine.pool(job) as pool:
            while left or under_way:
                while left and len(under_way) < pool.room:
                    if few := list(islice(items, pool.together)):
                        try:
                            under_way[pool.submit(few)] = few
                        except BrokenProcessPool:  # while the caller was busy
                            again.append(few)
                            raise
                    else:
                        left = False
                for future in pool.wait(under_way) if under_way else ():
                    try:
                        answers = pool.answers(future)
                    except Killed:
                        again.append(under_way.pop(future))
                        continue
                    yield from zip(under_way.pop(future), answers, strict=True)
        for item in chain(*again, *under_way.values()):
            yield item, _alone(item, engine.alone(), job)


def _alone(item, engine: Engine, job: Job):
    with engine.pool(job) as pool:
        future = pool.submit([item])
        pool.wait([future])
        try:
            return pool.answers(future)[0]
        except (BrokenProcessPool, Killed):
            return Died()


@dataclass(frozen=True)
class Processes:
    """Processes of this machine."""

    number: int

    @contextmanager
    def pool(self, job: Job) -> Iterator[_ProcessPool]:
        with _executor(job.make, job.arguments, self.number) as executor:
            yield _ProcessPool(executor, 2 * self.number)

    def alone(self) -> Processes:
        return Processes(1)


@dataclass(frozen=True)
class _ProcessPool:
    executor: ProcessPoolExecutor
    room: int
    together: int = 1

    def submit(self, items: Sequence) -> Future:
        return self.executor.submit(_work, items)

    def wait(self, under_way: Iterable[Future]) -> set[Future]:
        return wait(under_way, return_when=FIRST_COMPLETED).done

    def answers(self, future: Future) -> Sequence:
        return future.result()


@contextmanager
def _executor(make, arguments, workers) -> Iterator[ProcessPoolExecutor]:
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

    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_threads(1)
    global _worker
    _worker = make(*arguments)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, killed, say.

    A worker that waits for items would wait for ever: it holds the other end of their pipe, too.
    """
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(items: Sequence) -> list:
    return [_worker(item) for item in items]
