"""The checks' side: a stand-in for a learner's function, and what a check says of it.

A check runs here, and what it is given to call sends the arguments to a process that knows nothing
but the learner's code (`worker.py`), and takes back what comes, as data. So no code of the learner
can reach a check, a right answer, or a verdict: whoever wants 'right' has to send right numbers,
for numbers that are drawn anew.
"""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from exercises.core import Exercise, Wrong

from . import kernels, messages
from .draws import drawn_anew
from .messages import NoMessage, packed, unpacked
from .notebooks import constants_of, given_by

HERE = Path(__file__).resolve().parent
LESSONS = HERE.parent
ROOT = LESSONS.parent
START = 120  # seconds for a process to import what it needs; not the learner's


@dataclass(frozen=True)
class Limits:
    """What one exercise may take: seconds on the clock, and MiB beyond what is loaded."""

    seconds: int = 60
    memory: int = 1024


class NeedsCode(Exception):
    """A check wants the function itself, as those of kernels do."""


class Ended(Exception):
    """The learner's process is no more: it took too long, too much, or its leave."""


class Worker:
    """A process with a learner's code in it, and a pipe each way."""

    def __init__(self, kind: str, first: dict, limits: Limits, rest: list[str]):
        self.limits = limits
        ours, theirs = os.pipe(), os.pipe()
        settings = {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        settings["MALLOC_ARENA_MAX"] = "2"  # or each thread reserves what counts as memory
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "SYSTEMROOT", "LANG")}
        self.process = subprocess.Popen(
            [
                sys.executable, "-I", str(HERE / "worker.py"), kind, str(theirs[0]), str(ours[1]),
                str(ROOT), str(limits.memory), str(START + 20 * limits.seconds), *rest,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=(theirs[0], ours[1]), start_new_session=True, env=keep | settings,
        )  # fmt: skip
        os.close(theirs[0])
        os.close(ours[1])
        self.source, self.to = ours[0], theirs[1]
        self.until = time.monotonic() + START + limits.seconds
        try:
            self.ask(first)
        except BaseException:
            self.close()
            raise

    def ask(self, message: dict) -> dict:
        """Send a message and wait for what comes back; `Ended` if nothing does."""
        try:
            messages.send(self.to, message)
            return messages.receive(self.source, self.until)
        except NoMessage as error:
            raise Ended(str(error)) from None
        except OSError:
            raise Ended("its process ended") from None

    def close(self) -> None:
        """End the process, and all that it has started."""
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        for pipe in (self.source, self.to):
            with suppress(OSError):
                os.close(pipe)


class Absent(Exception):
    """The function that is asked for is not there; says why."""


class StandIn:
    """What a check calls in place of a learner's function."""

    def __init__(self, worker: Worker, name: str):
        self._worker, self._name = worker, name

    def __call__(self, *arguments):
        functions: list = []
        try:
            sent = [packed(one, functions) for one in arguments]
        except NoMessage:  # such as numbers that count who multiplies them
            raise NeedsCode(self._name) from None
        came = self._worker.ask({"name": self._name, "arguments": sent})
        while "call" in came:
            came = self._worker.ask({"result": packed(self._run(functions, came))})
        if "missing" in came:
            raise Absent(str(came["missing"])[:300])
        if "raised" in came:
            raise _error(came["raised"])
        try:
            for argument, changed in zip(arguments, came["changed"], strict=True):
                if changed is not None:
                    _take_over(argument, unpacked(changed))
            return unpacked(came["result"])
        except (KeyError, TypeError, ValueError, NoMessage):
            raise Ended("it sent what is no answer") from None

    @staticmethod
    def _run(functions: list, came: dict):
        try:
            return functions[came["call"]](*unpacked(came["arguments"]))
        except (LookupError, TypeError, NoMessage):
            raise Ended("it sent what is no answer") from None

    def __getattr__(self, name):
        raise NeedsCode(name)


def _take_over(argument, value) -> None:
    """Let an array of the check's be as the function has left it."""
    arrays = isinstance(argument, np.ndarray) and isinstance(value, np.ndarray)
    if arrays and argument.shape == value.shape and argument.dtype == value.dtype:
        argument[...] = value


def _error(raised) -> Exception:
    """The error that the function raised, as one of Python's own."""
    try:
        kind, text = map(str, raised)
    except (TypeError, ValueError):
        raise Ended("it sent what is no answer") from None
    known = getattr(builtins, kind, None)
    if not (isinstance(known, type) and issubclass(known, Exception)):
        return Raised(text)  # SystemExit among them: it ends nobody here
    if known in (NotImplementedError, ValueError, TypeError, IndexError, ZeroDivisionError):
        return known(text)
    return Raised(text)


class Raised(Exception):
    """Another error of a learner's function."""


def verdict(exercise: Exercise, worker: Worker, name: str, seed: int) -> tuple[bool, str]:
    """Judge one function by its check, on numbers drawn with `seed`.

    Raises
    ------
    NeedsCode
        The check looks at the function itself: `kernel_verdict` runs it.
    Ended
        The process is gone: the next exercise needs another one.
    """
    worker.until = time.monotonic() + worker.limits.seconds
    try:
        with drawn_anew(seed):
            exercise.verify(StandIn(worker, name))
    except (NeedsCode, Ended):
        raise
    except Absent as error:
        return False, f"not found: {error}"
    except NotImplementedError:
        return False, "not attempted"
    except Wrong as wrong:
        return False, str(wrong)
    except Exception as error:
        return False, f"it raises {_told(error)}"
    return True, "right"


def kernel_verdict(
    exercise: Exercise, written: dict[str, str], name: str, source: Path, limits: Limits, seed: int
) -> tuple[bool, str]:
    """Judge a kernel of the lesson in `source`, which runs beside its check, in another process.

    `written` are the texts of the learner's functions: it may call others of them.
    """
    if name not in written:
        return False, f"not found: there is no function {name}"
    try:
        if kernels.unattempted(written[name]):
            return False, "not attempted"
        text = kernels.permitted(written, name, constants_of(source))
    except kernels.Refused as refused:
        return False, f"refused before it ran, since no kernel needs it: {refused}"
    first = {"number": exercise.number, "parts": given_by(source), "kernel": text, "name": name}
    try:
        worker = Worker("kernel", first | {"seed": seed}, limits, [str(LESSONS)])
    except Ended as error:
        return False, str(error)
    try:
        worker.until = time.monotonic() + limits.seconds
        came = messages.receive(worker.source, worker.until)
        return came.get("solved") is True, str(came.get("message"))
    except NoMessage as error:
        return False, str(error)
    finally:
        worker.close()


def _told(error: Exception) -> str:
    text, name = str(error), type(error).__name__
    return text if isinstance(error, Raised) or text.startswith(name) else f"{name}: {text}"
