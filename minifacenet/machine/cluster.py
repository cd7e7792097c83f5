"""The workers of a running Dask cluster, in the place of this machine's processes.

    with Cluster("tcp://HOST:8786") as cluster:
        align_folder("PHOTOS", "OUT", settings, workers=cluster)

Where tasks run, what happens if a worker dies, and how bytes travel is Dask's business: we use its
`concurrent.futures` interface. What is ours is that nothing goes wrong in silence:

    versions   each worker has those of this machine, or the bits of its answers may differ
    files      each sees the folder that is written to, by a token that lies in it meanwhile, and
               each file that it reads
    deaths     Dask gives the items of a worker that died to others. Some that have ended several
               workers are done one by one, and the one that ends them again is reported

The token has one more use. A worker looks at it before each item, and takes no more when it is
gone: so nobody writes into a folder from which this process, or its successor, has moved on.

Dask is an extra. It needs no more of us than what `shards.py` holds, which runs on the workers.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ..files.atomic import workplace
from .shards import (
    Answers,
    ClusterError,
    Shard,
    do,
    is_readable,
    not_seen,
    refuse_others,
    unseen,
)
from .versions import versions
from .workers import Job, Killed

CONNECT_SECONDS, CLOSE_SECONDS = 10, 2
LOOK_SECONDS = 2  # between two looks at how many workers there are
PATIENCE_SECONDS = 60  # without any: one that died is started anew within a few
# A line that says what to do is ours; they write theirs beside it.
LOGGERS = ("distributed.client", "distributed.core", "distributed.comm", "distributed.batched")


class Cluster:
    """A connection to a running cluster.

    Parameters
    ----------
    address : str
        The scheduler's, such as 'tcp://10.0.0.5:8786'.

    Raises
    ------
    ClusterError
        Dask is not installed, nobody answers, there are no workers, or a worker has other versions.
    """

    def __init__(self, address: str):
        try:
            from distributed import Client
            from distributed.comm import get_address_host_port
        except ModuleNotFoundError:
            raise ClusterError(
                "a scheduler takes dask.distributed: pip install 'minifacenet[dask]'"
            ) from None
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.address = address
        try:
            get_address_host_port(address)  # a client that never was complains again when it goes
            self.client: Any = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (ValueError, OSError) as error:
            raise ClusterError(
                f"no scheduler of Dask answers at '{address}' ({error}): start one with `dask "
                "scheduler`, which prints its address, such as tcp://10.0.0.5:8786"
            ) from None
        try:
            self._expect_workers()
            self.check_versions()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.client.close(timeout=CLOSE_SECONDS)

    def alone(self) -> Cluster:
        return self

    def _expect_workers(self) -> None:
        """Wait for one worker: they may be starting, too."""
        end = time.monotonic() + CONNECT_SECONDS
        while not self.threads():
            if time.monotonic() > end:
                raise ClusterError(self._without_workers("no workers are connected to"))
            time.sleep(0.1)

    def threads(self) -> int:
        """Return how many threads all workers have together."""
        with self._connected():
            return sum(self.client.nthreads().values())

    def check_versions(self) -> None:
        """Refuse workers that could give other answers, by name."""
        here = versions()
        for worker, there in self._asked(versions).items():
            if isinstance(there, Exception):
                raise ClusterError(
                    f"worker {worker} lacks what it takes ({there}): install minifacenet "
                    f"{here['minifacenet']} in the environment that it runs in"
                )
            refuse_others(worker, here, there)

    def check_sight(self, token: str | None, files: Sequence[str]) -> None:
        """Refuse workers that do not see these files, by name."""
        for worker, missing in self._asked(unseen, token, files).items():
            if isinstance(missing, Exception):
                raise ClusterError(f"worker {worker}: {missing}")
            if missing:
                raise ClusterError(not_seen(worker, missing[0]))

    def _asked(self, question, *arguments) -> dict[str, Any]:
        """Return what each worker answers, or the exception that it meets; one that goes away
        meanwhile is left out."""
        with self._connected():
            answers = self.client.run(question, *arguments, on_error="return")
        return {who: what for who, what in answers.items() if not isinstance(what, OSError)}

    @contextmanager
    def pool(self, job: Job) -> Iterator[_ClusterPool]:
        """Give a pool; at the end, what was not begun is left undone."""
        with ExitStack() as within:
            token = None
            if job.writes is not None:
                token = within.enter_context(_token(Path(job.writes)))
            executor = self.client.get_executor(pure=False)
            pool = _ClusterPool(self, executor, job, token)
            try:
                with self._connected():
                    yield pool
            except GeneratorExit:  # left early, in good order: the items under way are finished
                within.close()  # the token goes
                executor.shutdown(wait=job.writes is not None)
                raise
            finally:
                executor.shutdown(wait=False)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except (CancelledError, OSError) as error:
            ours = isinstance(error, ClusterError)
            if ours or (isinstance(error, OSError) and self.client.status == "running"):
                raise
            raise ClusterError(
                f"the connection to the scheduler at {self.address} is lost. What was done is "
                "kept: when one runs there again, give the same command once more"
            ) from None

    def _without_workers(self, how: str) -> str:
        return (
            f"{how} the scheduler at {self.address}: start some on each machine with `dask worker "
            f"{self.address} --nworkers -1 --nthreads 1`"
        )


class _ClusterPool:
    """What takes items for a cluster, in the place of this machine's processes."""

    def __init__(self, cluster: Cluster, executor: Any, job: Job, token: Path | None):
        self.cluster, self.executor, self.job = cluster, executor, job
        self.together, self.token = job.together, None if token is None else str(token)
        self.versions = versions()
        self.threads, self.looked = cluster.threads(), time.monotonic()
        self.checked = False

    @property
    def room(self) -> int:
        return max(1, 2 * self.threads)

    def submit(self, items: Sequence) -> Future:
        job = self.job
        files = () if job.reads is None else tuple(os.fspath(job.reads(item)) for item in items)
        if not self.checked:
            self.cluster.check_sight(self.token, [file for file in files if is_readable(file)][:1])
            self.checked = True
        shard = Shard(job.make, job.arguments, tuple(items), files, self.token, self.versions)
        return self.executor.submit(do, shard)

    def wait(self, under_way: Iterable[Future]) -> set[Future]:
        alive = time.monotonic()
        while True:
            done = wait(under_way, LOOK_SECONDS, FIRST_COMPLETED).done
            if not done or time.monotonic() > self.looked + LOOK_SECONDS:
                self.threads, self.looked = self.cluster.threads(), time.monotonic()
            if done:
                return done
            if self.threads:
                alive = self.looked
            elif self.looked > alive + PATIENCE_SECONDS:
                raise ClusterError(self.cluster._without_workers("all workers have gone from"))

    def answers(self, future: Future) -> Sequence:
        from distributed import KilledWorker

        try:
            found: Answers | None = future.result()
        except KilledWorker:
            self.cluster.check_versions()  # where our code is missing, it ends the worker, too
            raise Killed from None
        except (CancelledError, ClusterError, MemoryError):
            raise
        except Exception:
            self.cluster.check_versions()
            raise
        if found is None:
            raise ClusterError(f"a worker lost sight of {self.job.writes}: give the command again")
        for file in found.unread:
            if is_readable(file):  # by this machine
                raise ClusterError(not_seen(found.worker, file))
        return found.answers


@contextmanager
def _token(folder: Path) -> Iterator[Path]:
    """Let a file lie in `folder`, whose name nothing else has, where a kill's leftovers go."""
    with ExitStack() as hidden:
        token = hidden.enter_context(workplace(folder / "token"))
        token.touch()
        try:
            yield token
        finally:
            hidden.close()  # here, and without the error: `workplace` would take it for its own
