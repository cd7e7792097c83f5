"""What runs on the workers of a cluster: a few items at a time, by one process's one worker.

A worker of Dask may have several threads, and each would take a shard. Here they take turns: what
works on items need not bear several threads, and Numba's parallel code of two threads ends a
process on some of its layers. So one thread for each worker, and as many workers as cores, are
best.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .versions import versions

KEPT = 2  # workers that a process keeps for the next shards

_turns = threading.Lock()
_seen: set[str | None] = set()  # tokens
_workers: dict[tuple, Callable[[Any], Any]] = {}  # of this process, by what made them


class ClusterError(OSError):
    """The error for a cluster, or one of its workers, that cannot do the work."""


@dataclass(frozen=True)
class Shard:
    """Items on their way to a worker, with all that it needs to do them.

    Attributes
    ----------
    make, arguments
        As in `workers.Job`.
    items : tuple
    files : tuple of str
        The file that each is read from; or none at all.
    token : str, or None
        A file that is there as long as somebody waits for the answers.
    versions : dict of str
        Those of the machine that waits.
    """

    make: Callable
    arguments: tuple
    items: tuple
    files: tuple[str, ...]
    token: str | None
    versions: dict[str, str]


@dataclass(frozen=True)
class Answers:
    """The answers to the items of a shard, who gave them, and which files it could not read."""

    worker: str
    answers: list
    unread: tuple[str, ...]


def do(shard: Shard) -> Answers | None:
    """Work on the items of a shard; None if nobody waits for the answers any more.

    Raises
    ------
    ClusterError
        The error of the work itself, or of a worker that should not do it; it names the worker.
    """
    from ..nn.device.backend import set_threads

    with _turns:
        name, answers = _name(), []
        set_threads(1)
        try:
            worker = _worker(shard, name)
            for item in shard.items:
                if missing := unseen(shard.token, ()):
                    if shard.token in _seen:
                        return None
                    raise ClusterError(not_seen(name, missing[0]))
                _seen.add(shard.token)
                answers.append(worker(item))
        except ClusterError:
            raise
        except (ValueError, OSError) as error:
            raise ClusterError(f"worker {name}: {error}") from None
        return Answers(name, answers, tuple(unseen(None, shard.files)))


def unseen(token: str | None, files: Sequence[str]) -> list[str]:
    """Return what this machine cannot read of `files`, after the folder that it should write to."""
    missing = [file for file in files if not is_readable(file)]
    if token is None or (is_readable(token) and os.access(os.path.dirname(token), os.W_OK)):
        return missing
    return [os.path.dirname(os.path.dirname(token)), *missing]


def is_readable(file: str) -> bool:
    return os.access(file, os.R_OK)


def refuse_others(worker: str, here: dict[str, str], there: dict[str, str]) -> None:
    """Raise ClusterError for a worker with other packages than `here`; Python may be another."""
    other = [name for name in here if name != "python" and here[name] != there.get(name)]
    if other:
        theirs = ", ".join(f"{name} {there.get(name, 'missing')}" for name in other)
        ours = ", ".join(f"{name} {here[name]}" for name in other)
        raise ClusterError(
            f"worker {worker} has {theirs}, and this machine has {ours}: install the same there, "
            "or the last bits of its answers may differ"
        )


def not_seen(worker: str, path: str) -> str:
    """Say that a worker does not get at what is there."""
    return (
        f"worker {worker} cannot get at {path}, which is there on this machine: photos and results "
        "have to lie under the same path on all machines, on a disk that they share"
    )


def _worker(shard: Shard, name: str) -> Callable[[Any], Any]:
    """Return what works on the items: it is made once, and anew only for other work."""
    key = (shard.make, shard.arguments)
    if key not in _workers:
        refuse_others(name, shard.versions, versions())
        while len(_workers) >= KEPT:
            del _workers[next(iter(_workers))]
        _workers[key] = shard.make(*shard.arguments)
    return _workers[key]


def _name() -> str:
    from distributed import get_worker

    return f"{get_worker().address} on {socket.gethostname()}"
