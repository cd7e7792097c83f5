"""The same seed gives the same bits, whatever surrounds a command: each is run in many places."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .attack import attack
from .command_digests import commands
from .material import orl

ROOT = Path(__file__).parents[2]
PEOPLE = {"Ada": "s1", "Émilie": "s2", "Łukasz": "s3", "s10": "s4", "s2": "s5"}
NEEDS = {  # commands whose files others read
    "train-packed": ("pack",),
    "train-harmonic": ("train-adam",), "embed": ("train-adam",),
    "embed-cached": ("train-adam",), "embed-again": ("train-adam", "embed-cached"),
    "embed-read-twice": ("train-adam",), "embed-quantised": ("train-bn",),
    "cluster": ("train-adam",), "fit": ("train-adam",), "predict": ("train-adam", "fit"),
    "gallery-add": ("train-adam",), "gallery-search": ("train-adam", "gallery-add"),
    "gallery-quantised": ("train-bn",), "verify": ("train-resnet",), "recognise": ("train-adam",),
}  # fmt: skip


@dataclass(frozen=True)
class Surroundings:
    """What is around a command: its environment, options of Python, folders, and their order.

    `order` draws in which order the photos are created, and how they are listed; `below` is
    where the folder lies, if another file system is meant; `elsewhere` starts in another folder,
    and names all paths from the root; `processors` is how many the process may use.
    """

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    order: int | None = None
    below: Path | None = None
    elsewhere: bool = False
    umask: int = 0o022
    processors: int | None = None


def surroundings(place: Path) -> list[Surroundings]:
    """Return what should change no bit, several things in each; all are compared with the first."""
    two = {"NUMBA_NUM_THREADS": "2"}
    kept = {"NUMBA_CACHE_DIR": str(place / "kernels")}
    return [
        Surroundings("one thread"),
        Surroundings("two threads", two),
        Surroundings("the same again"),
        Surroundings(
            "locale C, Kathmandu's time, hash seed 1",
            {"LC_ALL": "C", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "1"},
        ),
        Surroundings(
            "locale POSIX, St John's time, hash seed 2, two threads of BLAS, umask 077",
            {
                "LC_ALL": "POSIX", "TZ": "America/St_Johns", "PYTHONHASHSEED": "2",
                "OPENBLAS_NUM_THREADS": "2",
            },
            umask=0o077,
        ),
        Surroundings(
            "locale tr_TR, ASCII for what is printed, a narrow terminal",
            {
                "LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "1", "PYTHONIOENCODING": "ascii",
                "COLUMNS": "40", "TERM": "dumb", "NO_COLOR": "1",
            },
            options=("-O",),
        ),
        Surroundings("OpenMP, python -OO", two | {"NUMBA_THREADING_LAYER": "omp"}, ("-OO",)),
        Surroundings("workqueue, listed in order 1", two | {"NUMBA_THREADING_LAYER": "workqueue"},
                     order=1),
        Surroundings("memory filled with 165, listed in order 2", {"MALLOC_PERTURB_": "90"},
                     order=2),
        Surroundings("memory filled with 90, one processor", {"MALLOC_PERTURB_": "165"},
                     processors=1),
        Surroundings("a file system in memory, absolute paths, listed in order 3", order=3,
                     below=Path("/dev/shm"), elsewhere=True),
        Surroundings("fresh kernels, two threads", two | kept),
        Surroundings("kernels that another process kept, python -X dev", kept, ("-Xdev",)),
    ]  # fmt: skip


def make_inputs(folder: Path, order: int | None) -> None:
    """Write faces of five people, and photos in two levels, perhaps in an order that is drawn."""
    copies = {}
    for name, source in PEOPLE.items():
        for number in range(1, 6):
            to = Path("faces", name) if number < 5 else Path("photos", *["sub"] * (name > "Z"))
            copies[folder / to / f"{name} {number}.png"] = orl() / source / f"{number}.png"
    targets = sorted(copies)
    if order is not None:
        random.Random(order).shuffle(targets)
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(copies[target], target)
        os.utime(target, (10**9, 10**9))  # an album sorts by it


def run_in(around: Surroundings, place: Path, names: list[str]) -> dict[str, dict | str]:
    """Run commands in a fresh process with these surroundings; returns what each wrote."""
    folder = Path(around.below or place) / f"{place.name} {around.name}".replace("/", "-")
    make_inputs(folder, around.order)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore::DeprecationWarning",
        **({} if around.order is None else {"TORTURE_LISTING": str(around.order)}),
        **around.environment,
    }  # fmt: skip

    def begin():
        os.umask(around.umask)
        if around.processors:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: around.processors])

    program = [sys.executable, *around.options, "-m", "tests.torture.command_digests"]
    try:
        done = subprocess.run(
            [*program, str(folder), *names], env=environment, preexec_fn=begin,
            cwd="/" if around.elsewhere else folder, capture_output=True, text=True,
            encoding="utf-8", errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            return dict.fromkeys(names, f"status {done.returncode}: {done.stderr[-300:]!r}")
        return json.loads(done.stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def difference(one: dict | str, other: dict | str) -> str | None:
    """Say what differs between the files of two runs; None if nothing does."""
    for found in (one, other):
        if not isinstance(found, dict):
            return found
    if not one:
        return "no file was written"
    differ = sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))
    return f"differs in {', '.join(differ)}" if differ else None


def with_needs(names: list[str]) -> list[str]:
    """Return these commands and those whose files they read, in the order of all."""
    wanted = {*names, *(needed for name in names for needed in NEEDS.get(name, ()))}
    return [name for name in commands() if name in wanted]


@attack(
    "same", "same-commands",
    "24 commands in 12 surroundings (threads, threading layers, kernels old and fresh, hash "
    "seeds, locales, time zones, orders and kinds of file systems, folders, umask, processors, "
    "-OO, memory that is not zero): the same bits in every file",
    cases=288,
)  # fmt: skip
def same_commands(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    every = [*commands()]
    first, *others = surroundings(place)
    expected = run_in(first, place, with_needs(every[: min(cases, len(every))]))
    left = cases
    for around in others:
        names = every[:left]
        if not names:
            return
        found = run_in(around, place, with_needs(names))
        for name in names:
            wrong = difference(expected[name], found[name])
            yield wrong and f"{name}, {around.name}: {wrong}"
        left -= len(names)
