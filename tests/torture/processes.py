"""Start, kill and await commands that run as processes of their own: see zygote.py."""

import atexit
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0  # seconds: a command that has not ended by then is killed, and has failed
ROOM = 2**20  # bytes of output
THREADS = {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Strike:
    """The write before or within which a process is killed: see `zygote.watch_writes`."""

    number: int = 0
    how: str = "before"
    after: float = 0.0


@dataclass(frozen=True)
class How:
    """How a command is to be run.

    Parameters
    ----------
    strike : Strike
    largest : int, optional
        No file grows beyond so many bytes.
    nobody : bool
        As a user without rights.
    short : bool
        With few steps where the command line has no option for them.
    """

    strike: Strike = field(default_factory=Strike)
    largest: int | None = None
    nobody: bool = False
    short: bool = False


class Running:
    """A command under way; its files other than those that it is there to write are in `place`.

    Attributes
    ----------
    status : int
        At its end, as `said` and `seconds`; -9 if it was killed.
    said : str
        What it has printed.
    """

    status: int
    said: str
    seconds: float

    def __init__(self, arguments: tuple, place: Path, how: How):
        place.mkdir(parents=True, exist_ok=True)
        log, self._trace, temporary = place / "log", place / "trace", place / "temporary"
        temporary.mkdir(exist_ok=True)
        temporary.chmod(0o777)
        self._trace.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
        os.mkfifo(log)  # no limit of files is one of its own
        self._output = os.open(log, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, ROOM)
        strike = {"below": str(place.parent / "work"), **vars(how.strike)}
        self._zygote = _zygote()
        self.began = time.monotonic()
        self.pid = self._zygote.ask(
            arguments=[str(given) for given in arguments],
            log=str(log), trace=str(self._trace), temporary=str(temporary),
            strike=strike, largest=how.largest, nobody=how.nobody, short=how.short,
        )  # fmt: skip

    def kill(self, group: bool = False) -> None:
        """Kill it, alone or with the processes that it has started."""
        try:
            (os.killpg if group else os.kill)(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # no group as yet
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        """Wait for its end."""
        late = threading.Timer(PATIENCE, self.kill, (True,))
        late.start()
        self.status = self._zygote.ask(wait=self.pid)
        self.seconds = time.monotonic() - self.began
        late.cancel()
        self.said = self._printed()

    def _printed(self) -> str:
        parts: list[bytes] = []
        with suppress(BlockingIOError):  # there is no more
            while part := os.read(self._output, ROOM):
                parts.append(part)
        os.close(self._output)
        return b"".join(parts).decode(errors="replace")

    def left_alone(self, seconds: float = 90.0) -> bool:
        """Whether no process that it has started is still there, at the latest after a while.

        A worker that still imports what it needs sees only then that its parent is gone, and on a
        busy machine that takes long.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                os.killpg(self.pid, 0)
            except ProcessLookupError:
                return True
            time.sleep(0.02)
        return False

    def noted(self, what: str) -> list[str]:
        """Return what it wrote down: the 'write's, or the 'step's of a training."""
        if not self._trace.exists():  # its folder has a limit, too
            return []
        lines = self._trace.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{what} ")]


class _Zygote:
    def __init__(self):
        environment = {**os.environ, **THREADS, "COLUMNS": "400"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.zygote"], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._answer() == "ready"
        atexit.register(self.end)

    def ask(self, **request) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        atexit.unregister(self.end)


@cache
def _zygote() -> _Zygote:
    return _Zygote()


@contextmanager
def counted() -> Iterator[None]:
    """End the zygote after the block: the processor time of its children is ours from then on."""
    try:
        yield
    finally:
        if _zygote.cache_info().currsize:
            _zygote().end()
            _zygote.cache_clear()


def completed(arguments: tuple, place: Path, how: How | None = None) -> Running:
    """Run a command to its end; `status` says how that was."""
    command = Running(arguments, place, how or How())
    command.wait()
    return command
