"""A command is run and looked at while it works: its processor time, its memory, what it has done.

Time and memory are those of all its processes together, so that workers count. (Pages that they
share count several times.) Linux only, since it reads /proc.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

PROC = Path("/proc")
PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}


@dataclass(frozen=True)
class Look:
    """What was seen at one moment: items done, processor seconds, bytes in memory."""

    done: int
    seconds: float
    memory: int


@dataclass(frozen=True)
class Watched:
    """A command that has ended: its status, its output, and what was seen meanwhile."""

    status: int
    output: str
    looks: list[Look]

    @property
    def peak(self) -> int:
        return max((look.memory for look in self.looks), default=0)


def watched(
    arguments: Sequence[object],
    done: Callable[[], int] = lambda: 0,
    interrupt_at: int | None = None,
    every: float = 1.0,
) -> Watched:
    """Run `minifacenet` with these arguments; SIGINT once `done` says `interrupt_at` or more."""
    command = [sys.executable, "-m", "minifacenet", *map(str, arguments)]
    looks = []
    with TemporaryFile("w+", encoding="utf-8") as output:  # a pipe might be full
        process = subprocess.Popen(
            command, env=os.environ | ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                looks.append(Look(done(), *_usage(process.pid)))
                if interrupt_at is not None and looks[-1].done >= interrupt_at:
                    process.send_signal(signal.SIGINT)
                    interrupt_at = None
                time.sleep(every)
            output.seek(0)
            return Watched(process.returncode, output.read(), looks)
        finally:
            process.kill()
            process.wait()


def _usage(pid: int) -> tuple[float, int]:
    """Return processor seconds and resident bytes of a process and all below it.

    The time of children that have ended stands at their parents.
    """
    parents, of = {}, {}
    for folder in PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        number = int(folder.name)
        parents[number] = int(fields[1])
        of[number] = sum(map(int, fields[11:15])) / TICKS, int(fields[21]) * PAGE
    ours = {pid}
    while more := {one for one, parent in parents.items() if parent in ours} - ours:
        ours |= more
    seen = [of[one] for one in ours if one in of]
    return sum(seconds for seconds, _ in seen), sum(memory for _, memory in seen)
