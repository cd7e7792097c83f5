"""The process that tries the cases of one reader: see fuzzing.py.

python -m tests.torture.fuzz_child MODULE READER --again FILE    # one case, with its traceback
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import resource
import signal
import sys
import time
import traceback
from contextlib import nullcontext, suppress
from importlib.metadata import version
from pathlib import Path
from random import Random

import minifacenet
from minifacenet.files.words import printable, shortened

from .fuzzing import LARGEST, LONGEST, READERS, Reader, Slot
from .mutations import mutated

ROOM = 2**31  # bytes of addresses above those of the beginning: no case may take down the machine
PATIENCE = 8  # times the reader's seconds, after which a case is not waited for


class Memory:
    """The most memory that this process has had since `reset`; nothing where there is no /proc."""

    def __init__(self):
        self._status = self._clear = None
        with suppress(OSError):
            self._status = open("/proc/self/status", "rb", buffering=0)  # noqa: SIM115
            self._clear = open("/proc/self/clear_refs", "wb", buffering=0)  # noqa: SIM115
        self.reset()

    def close(self) -> None:
        for file in filter(None, (self._status, self._clear)):
            file.close()

    def reset(self) -> None:
        self._before = 0
        if self._clear:
            self._clear.write(b"5")
        self._before = self._most()

    def grown(self) -> int:
        return max(0, self._most() - self._before)

    def _most(self) -> int:
        if not self._status:
            return 0
        text = os.pread(self._status.fileno(), 4096, 0)
        return int(text.partition(b"VmHWM:")[2].split(None, 1)[0]) * 1024


def outcome(reader: Reader, data: bytes) -> tuple[bool, str, str]:
    """Try a case; returns whether it was accepted, what failed or '', and where."""
    try:
        reader.read(data)
    except (Exception, SystemExit) as error:
        if lack := _lack(error):
            return False, "asked for more memory than there may be", _place(lack)
        if not isinstance(error, reader.errors):
            return False, f"{type(error).__name__}: {shortened(str(error))}", _place(error)
        message = str(error)
        if message and message == printable(message) and len(message) <= LONGEST:
            return False, "", ""
        words = f"a message of {len(message)} characters, {shortened(message)}"
        return False, f"{type(error).__name__} with {words}", _place(error)
    return True, "", ""


def _lack(error: BaseException | None) -> MemoryError | None:
    """The MemoryError that was turned into another error."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error


def _place(error: BaseException) -> str:
    """The last line of ours that the error passed."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "minifacenet" in f.filename or "data_scripts" in f.filename]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def with_kernels() -> list[str]:
    """The modules of ours that Numba compiles: it cannot compile what Atheris has changed."""
    package = Path(minifacenet.__file__).parent
    return [
        ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for path in package.rglob("*.py")
        if re.search(r"^@cpu_|^(import|from) numba", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]


class Trial:
    """Tries one case after another, and keeps the tally."""

    def __init__(self, reader: Reader, place: Path, cases: int):
        self._reader, self._place, self._cases = reader, place, cases
        self._slot, self._memory = Slot(place / "slot"), Memory()
        self._failures = (place / "failures").open("ab")
        self._known: dict[tuple[str, str], str] = {}

    def __call__(self, data: bytes) -> None:
        slot, reader = self._slot, self._reader
        slot.tried += 1
        slot.begin(data[:LARGEST])
        self._memory.reset()
        # Unhandled, SIGPROF ends the process, even within a decoder's loop.
        signal.setitimer(signal.ITIMER_PROF, PATIENCE * reader.seconds)
        begun = time.process_time()
        accepted, failure, at = outcome(reader, data)
        seconds, memory = time.process_time() - begun, self._memory.grown()
        signal.setitimer(signal.ITIMER_PROF, 0)
        slot.seconds, slot.memory = max(slot.seconds, seconds), max(slot.memory, memory)
        if not failure and seconds > reader.seconds:
            failure = f"took {seconds:.1f} s of processor, may take {reader.seconds:g}"
        if not failure and memory > reader.memory:
            failure = f"took {memory / 2**20:.0f} MiB, may take {reader.memory / 2**20:.0f}"
        slot.failed += bool(failure)
        slot.accepted += accepted and not failure
        slot.refused += not accepted and not failure
        if failure:
            self._tell(data, failure, at)
        slot.put()
        if slot.accepted + slot.refused + slot.failed >= self._cases:
            os._exit(0)

    def _tell(self, data: bytes, failure: str, at: str) -> None:
        # One case per place is kept: a fault may be met ten thousand times.
        key = at or failure.split()[0], failure.split(":")[0].split(" with ")[0]
        if key not in self._known:
            self._known[key] = f"case-{os.getpid()}-{len(self._known)}"
            (self._place / self._known[key]).write_bytes(data)
        text = printable(f"{failure} ({at})" if at else failure)
        self._failures.write(json.dumps([text, self._known[key]]).encode() + b"\n")
        self._failures.flush()


def at_random(reader: Reader, trial: Trial, seeds: list[bytes], seed: int) -> None:
    """Mutate valid files, one to four times over, for ever."""
    rng = Random(seed)
    for data in seeds:
        trial(data)
    while True:
        data = rng.choice(seeds)
        for _ in range(rng.randint(1, 4)):
            data = _one(reader, data, rng, lambda part: mutated(part, rng))
        trial(data)


def _one(reader: Reader, data: bytes, rng: Random, inner) -> bytes:
    """A mutation that knows the form, or one that does not."""
    known = reader.mutate(data, rng, inner) if reader.mutate and rng.random() < 0.7 else None
    return inner(data) if known is None else known


def guided(atheris, reader: Reader, trial: Trial, folder: Path, seed: int) -> None:
    """Let libFuzzer choose what is mutated, for ever; each fourth case comes from a valid file."""
    seeds = reader.seeds()
    longest = min(LARGEST, max(4096, 4 * max(map(len, seeds))))

    def mutator(data: bytes, most: int, seed: int) -> bytes:
        rng = Random(seed)
        if rng.random() < 0.25:
            data = rng.choice(seeds)
        made = _one(reader, data, rng, lambda part: atheris.Mutate(part, len(part) + 64))
        return made if len(made) <= most else atheris.Mutate(data, most)

    # Memory, time and signals are our own affair. It also wants a seed above 0.
    options = [
        "-timeout=1000000",
        "-report_slow_units=1000000",
        "-rss_limit_mb=0",
        "-malloc_limit_mb=0",
        "-verbosity=0",
    ]
    options += [
        f"-handle_{name}=0" for name in ("segv", "bus", "abrt", "ill", "fpe", "int", "term")
    ]
    options += ["-len_control=0", f"-max_len={longest}", f"-seed={seed + 1}"]
    atheris.Setup([sys.argv[0], *options, str(folder)], trial, custom_mutator=mutator)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.fuzz_child", description=__doc__)
    parser.add_argument("module")
    parser.add_argument("reader")
    parser.add_argument("guides", nargs="?", default="")
    parser.add_argument("--again", type=Path, metavar="FILE")
    parser.add_argument("--place", type=Path)
    parser.add_argument("--cases", type=int)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    try:
        import atheris
    except ImportError:
        atheris = None
    counted = atheris is not None and not given.again
    guides = given.guides.split(",")
    changes = nullcontext()
    if counted:
        changes = atheris.instrument_imports(include=guides, exclude=with_kernels())
    with changes:
        importlib.import_module(given.module)
    reader = READERS[given.reader]
    if given.again:
        reader.read(given.again.read_bytes())
        print("accepted")
        return 0
    driver = f"atheris {version('atheris')}" if atheris else "at random, without atheris"
    (given.place / "driver").write_text(driver)
    trial = Trial(reader, given.place, given.cases)
    if Path("/proc/self/statm").exists():
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:  # neither of them ends: the last case ends the process
        if atheris:
            guided(atheris, reader, trial, given.place / "seeds", given.seed)
        else:
            seeds = [path.read_bytes() for path in sorted((given.place / "seeds").iterdir())]
            at_random(reader, trial, seeds, given.seed)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)  # an interpreter's usual end waits for Atheris for ever


if __name__ == "__main__":
    sys.exit(main())
