"""Commands in processes of their own, forked from one that has loaded everything and done nothing.

A fresh interpreter takes seconds, and a process that has run kernels must not be forked. So a
server, which only imports, forks a child per command.
"""

import multiprocessing
import os
import resource
import struct
import sys
import termios
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from threading import Thread

from minifacenet import cli

from ..tile_photos import stand_in

PRELOADED = [__name__, "matplotlib.figure", "sklearn.svm", "sklearn.cluster", "scipy.spatial"]
PATIENCE = 300  # seconds for a command, on a busy machine
COLUMNS = 300
TIMED_OUT = -1
spent: list[float] = []  # seconds of processor of each child: the server waits for them, not we


@dataclass(frozen=True)
class Ended:
    """How a command ended: what it printed, and the memory it took at most, in bytes."""

    status: int
    printed: bytes
    seconds: float
    peak: int

    @property
    def text(self) -> str:
        return self.printed.decode("utf-8", "replace")

    @property
    def fault(self) -> str | None:
        """What is wrong with any end: no end, a traceback, a signal."""
        if self.status == TIMED_OUT:
            return f"no end after {self.seconds:.0f} s"
        if "Traceback (most recent call last)" in self.text:
            return self.text.strip().splitlines()[-1][:200]
        return f"ended by signal {-self.status}" if self.status < 0 else None


class Tiles:
    """What pytest's monkeypatch does, for the rest of a child's life."""

    setattr = staticmethod(setattr)


_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(PRELOADED)


def command(
    *arguments: object,
    tiles: bool = False,
    before: Callable[[], None] | None = None,
    seconds: float = PATIENCE,
    folder: Path | None = None,
) -> Ended:
    """Run a command in a pseudo-terminal.

    Parameters
    ----------
    arguments : texts or paths
        Those of the command line.
    tiles : bool
        Whether the detector and the network of `tile_photos` take the places of ours.
    before : callable, optional
        A function of a module, called in the child first.
    seconds : float
        After which the child is killed.
    folder : path, optional
        Where it runs.
    """
    ours, theirs = os.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, COLUMNS, 0, 0))
    texts = [os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments]
    asked, answer = _server.Pipe(duplex=False)
    child = _server.Process(
        target=_run, args=(texts, os.ttyname(theirs), tiles, before, folder, answer)
    )
    begun, printed = time.monotonic(), bytearray()
    child.start()
    answer.close()
    reader = Thread(target=_read, args=(ours, printed), daemon=True)
    reader.start()
    child.join(seconds)
    late = child.is_alive()
    if late:
        child.kill()
        child.join()
    os.close(theirs)
    reader.join(5)
    os.close(ours)
    status, peak = child.exitcode, 0
    with suppress(EOFError):  # it was killed
        status, peak, used = asked.recv()
        spent.append(used)
    asked.close()
    child.close()
    return Ended(TIMED_OUT if late else status, bytes(printed), time.monotonic() - begun, peak)


def _read(descriptor: int, printed: bytearray) -> None:
    while True:
        try:
            part = os.read(descriptor, 1 << 16)
        except OSError:  # the other side is closed
            return
        printed += part


def _run(texts, terminal, tiles, before, folder, answer) -> None:
    os.setsid()
    place = os.open(terminal, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(place, descriptor)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS))
    if folder is not None:
        os.chdir(folder)
    if tiles:
        stand_in(Tiles)
    status = 0
    try:
        if before is not None:
            before()
        sys.argv = ["minifacenet", *texts]
        cli.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    used = resource.getrusage(resource.RUSAGE_SELF)
    answer.send((status, used.ru_maxrss * 1024, used.ru_utime + used.ru_stime))
    termios.tcdrain(1)
