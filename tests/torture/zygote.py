"""Processes of the command that begin within milliseconds: this one forks, once all is imported.

    python -m tests.torture.zygote

A line of its standard input asks for a process, or for the end of one; processes.py writes them. No
kernel is ever used here, so a child has threads of its own, as a process that began afresh.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress

WRITES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink")
UNUSED = {"__main__", "speed", "data_scripts", "mpi", "cluster"}
NOBODY = 65534  # the user and the group without rights


def import_everything() -> None:
    """Import what commands import when they are called; nothing starts a thread by that."""
    import minifacenet

    for module in pkgutil.walk_packages(minifacenet.__path__, "minifacenet."):
        if not UNUSED & {*module.name.split(".")}:
            importlib.import_module(module.name)
    for name in ("get_orl", "fetching"):
        importlib.import_module(f"minifacenet.data_scripts.{name}")
    for name in ("backends.backend_agg", "pyplot"):
        importlib.import_module(f"matplotlib.{name}")
    from PIL import Image

    Image.init()
    from minifacenet import cli

    with suppress(ValueError):  # what Typer imports when it is asked
        cli.app(["make-pairs", "missing", "--out", "missing"], standalone_mode=False)


def serve() -> dict | None:
    """Answer requests until the input ends; in a child, return what it is to be."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, status = os.waitpid(asked["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
        elif (child := os.fork()) == 0:
            return asked
        else:
            print(child, flush=True)
    return None


def prepare(asked: dict) -> None:
    """Make this child what was asked for: its output, its rights, its limits, its end."""
    os.setsid()
    log = os.open(asked["log"], os.O_WRONLY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(number, target)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, encoding="utf-8") for number in (1, 2))
    trace = asked["trace"] if asked["largest"] is None else os.devnull
    trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.environ["TMPDIR"] = asked["temporary"]
    os.chdir(asked["temporary"])
    if asked["nobody"]:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    if asked["largest"] is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["largest"], hard))
    if asked["short"]:
        shorten_benchmarks()
    note_steps(trace)
    watch_writes(trace, **asked["strike"])


def shorten_benchmarks() -> None:
    """Let `benchmark`, which has no option for it, train for a few steps."""
    from functools import partial

    from minifacenet.commands import training
    from minifacenet.training.settings import TrainConfig

    short = TrainConfig(steps=4, people=3, photos=2)
    training.RunConfig = partial(training.RunConfig, training=short, dim=8)  # type: ignore


def note_steps(trace: int) -> None:
    """Write down each step of a training, before what it gave is saved."""
    from minifacenet.training import run

    saved = run._Run.after_step

    def after_step(self, record, *rest):
        os.write(trace, b"step %d\n" % record.step)
        return saved(self, record, *rest)

    run._Run.after_step = after_step  # type: ignore[method-assign]


def watch_writes(trace: int, below: str, number: int, how: str, after: float) -> None:
    """Write down each write below a folder; at that of this number (0: never) be killed.

    `how`: 'before' it; 'emptied', once a file that is written anew is empty; 'within', `after` so
    many seconds.
    """
    left = number

    def hook(event, given):
        nonlocal left
        writes = event in WRITES or (
            event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if not writes or not isinstance(given[0], str | bytes | os.PathLike):
            return
        path = os.fsdecode(given[0])
        if not path.startswith(below) or path.endswith(".lock"):
            return
        os.write(trace, f"write {event} {path}\n".encode(errors="surrogateescape"))
        left -= 1
        if left:
            return
        if how == "within":
            threading.Thread(target=end_after, args=(after,), daemon=True).start()
            return
        if how == "emptied" and event == "open" and given[2] & os.O_TRUNC:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666))
        os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def end_after(seconds: float) -> None:
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


def run(arguments: list[str]) -> None:
    """Be a command, to the end of the process; what frees memory at the end is left out."""
    from minifacenet.__main__ import main as command

    status: object = 1
    sys.argv = ["minifacenet", *arguments]
    try:
        command()
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 1)


def main() -> None:
    import_everything()
    gc.freeze()
    print("ready", flush=True)
    if asked := serve():
        prepare(asked)
        run(asked["arguments"])


if __name__ == "__main__":
    main()
