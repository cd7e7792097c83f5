"""Readers of files are given damaged ones, each in the thousands, until they break.

A module of readers says what it reads, and adds an attack per reader to the list:

    fuzzed(Reader(
        name="fuzz-note",
        what="the words of the table's row",
        read=lambda data: how_cut(data, "a/b.png"),  # what it gives is an accepted file
        seeds=lambda: [small, valid, files],         # bytes
        errors=(),                                   # what it may raise
        guided_by=("minifacenet.preprocessing.crop_note",),
        mutate=mutated_png,                          # knows the form; see mutations.py, forms.py
    ))

The cases are tried in a process of their own, fuzz_child.py, which imports that module and works in
an empty folder: `read` may write a file there under any relative name. An error is survived if it
is one of `errors` with a message of one line, at most LONGEST characters, without signs that a
terminal obeys. Any other exception (an AssertionError of `read` itself, too), a case that takes
more memory or processor time than `memory` and `seconds`, and the end of the process are failures.
What caused one lies in build/torture/ afterwards, and the line says how to try it again.

Where atheris is installed (the extra `torture`), it drives: what reaches new branches of the
modules `guided_by` is mutated further. Elsewhere seeds are mutated at random, by a generator.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from .attack import Play, attack

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "torture"
CASES = 200_000
LONGEST = 600  # characters of a message
MOST_DEATHS = 20  # of the child; then the attack ends
WAITED = 300  # seconds without a new case, which a sleeping child would need, too
LARGEST = 2**22  # bytes of a case

Inner = Callable[[bytes], bytes]
"""Mutates bytes of which nothing is known: for the inside of a file whose form is known."""


@dataclass(frozen=True)
class Reader:
    """What is attacked.

    Attributes
    ----------
    name, what : str
        As of an attack.
    read : function of bytes
        Reads a file with these bytes. What it gives is not looked at: let it check that itself.
    seeds : function
        Makes small valid files, from which the damaged ones come.
    errors : tuple of exceptions
        What may be raised for a damaged file.
    guided_by : tuple of str
        Modules, or packages, whose branches are counted. They must be imported by the module that
        defines the reader, not before.
    mutate : function of (bytes, Random, Inner), or None
        Gives a damaged file that keeps to its form, checksums and lengths; None where the bytes
        have no form any more.
    memory : int
        Bytes that one case may take.
    seconds : float
        Of processor that one case may take.
    """

    name: str
    what: str
    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    errors: tuple[type[Exception], ...]
    guided_by: tuple[str, ...]
    mutate: Callable[[bytes, Random, Inner], bytes | None] | None = None
    memory: int = 2**26
    seconds: float = 1.0


READERS: dict[str, Reader] = {}


class Slot:
    """What the child is at, in a file that both processes see: it outlives the child."""

    _HEAD = struct.Struct("<6Qd")  # tried, refused, accepted, failed, most bytes, length, worst

    def __init__(self, path: Path):
        if not path.exists():
            path.write_bytes(bytes(self._HEAD.size + LARGEST))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.get()

    def get(self) -> None:
        """Take over what the other process wrote."""
        values = self._HEAD.unpack_from(self._map)
        self.tried, self.refused, self.accepted, self.failed, self.memory = values[:5]
        self._length, self.seconds = values[5:]

    def put(self) -> None:
        values = (self.tried, self.refused, self.accepted, self.failed, self.memory)
        self._HEAD.pack_into(self._map, 0, *values, self._length, self.seconds)

    def begin(self, data: bytes) -> None:
        """Put down the case before it is tried."""
        self._length = len(data)
        self._map[self._HEAD.size : self._HEAD.size + len(data)] = data
        self.put()

    def data(self) -> bytes:
        return self._map[self._HEAD.size : self._HEAD.size + self._length]


def fuzzed(reader: Reader, cases: int = CASES) -> None:
    """Add a reader to the attacks."""
    READERS[reader.name] = reader
    attack("fuzz", reader.name, reader.what, cases)(_play(reader))


def _play(reader: Reader) -> Play:
    def play(cases: int, seed: int, place: Path) -> Iterator[str | None]:
        _prepare(reader, place)
        slot, failures = Slot(place / "slot"), Failures(place / "failures")
        given = deaths = 0
        while given < cases and deaths < MOST_DEATHS:
            child, dead = _child(reader, place, cases, seed + deaths), None
            while dead is None:
                dead = _ended(child, slot, place / "said")
                slot.get()
                told = failures.told()
                yield from told
                passed = max(0, slot.refused + slot.accepted + slot.failed - given - len(told))
                yield from [None] * passed
                given += len(told) + passed
            if dead:
                deaths, given, slot.failed = deaths + 1, given + 1, slot.failed + 1
                slot.put()
                yield f"{dead}: {kept(reader, slot.data())}"
        driver = (place / "driver").read_text()
        print(
            f"\r  {reader.name}: {slot.refused:,} refused, {slot.accepted:,} accepted; at most "
            f"{slot.seconds:.2f} s and {slot.memory / 2**20:.0f} MiB for one; {driver}"
        )

    return play


def _prepare(reader: Reader, place: Path) -> None:
    (place / "seeds").mkdir()
    for number, seed in enumerate(reader.seeds()):
        (place / "seeds" / f"{number:04}").write_bytes(seed)


def _child(reader: Reader, place: Path, cases: int, seed: int) -> subprocess.Popen:
    (place / "work").mkdir(exist_ok=True)
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    threads = {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    with (place / "said").open("wb") as said:
        return subprocess.Popen(
            [*_command(reader), "--place", place, "--cases", str(cases), "--seed", str(seed)],
            cwd=place / "work", stdout=said, stderr=said,
            env={**os.environ, **threads, "PYTHONPATH": paths},
        )  # fmt: skip


def _command(reader: Reader) -> list[str]:
    module = reader.read.__module__
    guides = ",".join(reader.guided_by)
    return [sys.executable, "-m", f"{__package__}.fuzz_child", module, reader.name, guides]


def _ended(child: subprocess.Popen, slot: Slot, said: Path) -> str | None:
    """Wait a little; returns '' after a good end, how it died, or None if it is still at work."""
    slot.get()
    tried, until = slot.tried, time.monotonic() + WAITED
    while True:
        try:
            code = child.wait(0.3)
        except subprocess.TimeoutExpired:
            slot.get()
            if slot.tried > tried:
                return None
            if time.monotonic() > until:
                child.kill()
                child.wait()
                return f"no answer for {WAITED} s"
            continue
        if code > 0:  # no reader did that
            raise RuntimeError(f"{said.read_text(errors='replace')[-2000:]}\nexit status {code}")
        return "" if code == 0 else f"killed by {signal.Signals(-code).name}"


class Failures:
    """The file of failures, a line each, as far as the child has written it."""

    def __init__(self, path: Path):
        path.touch()
        self._path, self._at = path, 0

    def told(self) -> list[str]:
        with self._path.open("rb") as file:
            file.seek(self._at)
            lines = file.read()
        whole = lines[: lines.rfind(b"\n") + 1]
        self._at += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def kept(reader: Reader, data: bytes) -> str:
    """Keep what caused a failure; returns the command that tries it again."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{reader.name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    name = path.relative_to(ROOT)
    command = f"{__package__}.fuzz_child {reader.read.__module__} {reader.name}"
    return f"python -m {command} --again {name}"
