"""A command that several ranks do together: what must be alike, and how they share a machine."""

from __future__ import annotations

import os
import signal
import socket
import sys

import numba
import typer

from ..console.screen import say
from ..files.words import count_text
from ..machine.launcher import launched
from ..machine.ranks import Ranks
from ..machine.versions import versions
from ..nn.device.backend import blas_threads


def refuse_launcher(command: str) -> None:
    """Refuse several processes for a command that is one process's.

    Raises
    ------
    ValueError
        A launcher, such as mpiexec, has started it.
    """
    if launched() != 1:
        raise ValueError(
            f"`{command}` works in one process: say it without mpiexec. `train` takes several"
        )


def share_machines(
    context: typer.Context, ranks: Ranks, device: str, threads: int | None, plan: bool
) -> tuple[str, int | None]:
    """Return the device and the threads for this rank, as they were asked for if it is alone.

    Raises
    ------
    ValueError
        The ranks have different options or versions, or several cannot do what is asked for.
    """
    if ranks.size == 1:
        return device, threads
    ranks.refuse_difference("options", {name: str(it) for name, it in context.params.items()})
    ranks.refuse_difference("versions", versions())
    # After they have met: so all say it in one moment, and the first one for all.
    if sys.platform == "win32":
        raise ValueError("several ranks train on Linux and macOS: leave out mpiexec")
    if plan:
        raise ValueError("--plan tries a few steps in one process: say it without mpiexec")
    if device == "cuda":
        raise ValueError(f"{ranks.size} ranks train on CPUs: leave out --device cuda, or mpiexec")
    threads = threads or min(ranks.threads() or 1, numba.config.NUMBA_NUM_THREADS)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until there are steps that it may end
    context.with_resource(blas_threads(threads))  # NumPy's own products would take every core
    say(
        f"{ranks.size} ranks, here with {count_text(threads, 'thread')} each. Ctrl-C may end them "
        f"at once; `kill -USR1 {os.getpid()}` on {socket.gethostname()} saves first."
    )
    return "cpu", threads
