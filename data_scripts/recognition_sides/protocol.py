"""One side of `../compare_recognition.py` or `../measure_recognise.py`: a process that is told
which photos to name.

Orders come as lines of JSON on standard input, and one line of JSON goes back for each. This file
needs nothing but Python, as every side runs in an environment of its own.

    {"enrol": [[NAME, PATH], ...]}    learn these people        -> how many faces were found
    {"ask": [PATH, ...]}              name these photos         -> a list: see `Answer`
    {"folder": [PHOTOS, KNOWN, OUT]}  name all faces of a folder  -> a `FolderAnswer`
    {"about": true}                   say what it is, and what it has taken so far

A side knows the orders that its script gives.

Time is the processor time of the process: it runs on one thread, and what other programs do
meanwhile does not count.
"""

from __future__ import annotations

import json
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any, Protocol, TypedDict

NOT_COUNTED = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack", "distutils-")


class Answer(TypedDict):
    """What a side says of a photo: whether it shows a face, whose ('' for a stranger), and the
    seconds that each stage took."""

    found: bool
    name: str
    seconds: dict[str, float]


class FolderAnswer(TypedDict):
    """What a side says of a folder: for each face its photo, its box (x0, y0, x1, y1) in pixels and
    the name ('' for a stranger); and the seconds that each stage took for all photos."""

    faces: list[tuple[str, list[float], str]]
    seconds: dict[str, float]


class Side(Protocol):
    def about(self) -> dict: ...


class Asked(Side, Protocol):
    """A side of `compare_recognition.py`."""

    def enrol(self, people: list[tuple[str, str]]) -> int: ...

    def ask(self, paths: list[str]) -> list[Answer]: ...


class Folders(Side, Protocol):
    """A side of `measure_recognise.py`."""

    def folder(self, photos: str, known: str, out: str) -> FolderAnswer: ...


class Stopwatch:
    """A clock that gives each stage the processor time since the one before."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.process_time()

    def stage(self, name: str) -> None:
        now = time.process_time()
        self.seconds[name] = now - self.last
        self.last = now


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def installed_bytes() -> int:
    """The bytes of all packages of this environment, without those that install packages."""
    places = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    entries = [entry for place in places for entry in place.iterdir()]
    return sum(
        bytes_below(entry) if entry.is_dir() else entry.stat().st_size
        for entry in entries
        if not entry.name.startswith(NOT_COUNTED)
    )


def peak_bytes() -> int:
    """The most memory that this process has held (Linux)."""
    # Not getrusage: a child's figure there begins with what its parent held.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def serve(side: Any) -> None:
    """Obey orders until there are no more."""
    # What libraries print goes elsewhere.
    answers, sys.stdout = sys.stdout, sys.stderr

    def say(answer: object) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    for line in sys.stdin:
        order = json.loads(line)
        if "enrol" in order:
            say(side.enrol(order["enrol"]))
        elif "ask" in order:
            say(side.ask(order["ask"]))
        elif "folder" in order:
            say(side.folder(*order["folder"]))
        else:
            say({"peak": peak_bytes(), "installed": installed_bytes(), **side.about()})
