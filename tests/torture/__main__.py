"""Run attacks: all of them, those of a kind, or those that are named."""

import argparse
import itertools
import resource
import sys
import tempfile
import time
from pathlib import Path

from .attack import KINDS, Absent, Attack, attacks
from .children import spent
from .results import record, write_tables

SHOWN = 100  # failures of one attack that are printed


def processor_seconds() -> float:
    """Return the processor time of this process and of the children that it waited for."""
    of = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, of)) + sum(spent)


def played(attack: Attack, cases: int, seed: int, place: Path) -> tuple[int, int]:
    """Play an attack, with a line that shows how far it is; returns cases tried and survived."""
    begun, tried, survived, shown = time.monotonic(), 0, 0, 0.0
    play = attack.play(cases, seed, place)
    for failure in play:
        tried += 1
        survived += failure is None
        if failure is not None and tried - survived <= SHOWN:
            print(f"\r\x1b[K  {attack.name}, case {tried}: {failure}", flush=True)
        if sys.stdout.isatty() and time.monotonic() - shown > 0.5:
            shown = time.monotonic()
            left = (shown - begun) / tried * (cases - tried)
            print(f"\r\x1b[K  {tried:,} of {cases:,}, {left:.0f} s left", end="", flush=True)
    print("\r\x1b[K" if sys.stdout.isatty() else "", end="")
    return tried, survived


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("names", nargs="*", help="attacks or kinds; all if none is named")
    parser.add_argument("--cases", type=int, help="as many of each; nothing is recorded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="list them, and end")
    parser.add_argument("--tables", action="store_true", help="write the tables, and end")
    given = parser.parse_args()
    known = attacks()
    if given.tables:
        write_tables()
        return 0
    if wrong := [name for name in given.names if name not in known and name not in KINDS]:
        parser.error(f"no attack and no kind {wrong[0]!r}: see --list")
    chosen = [a for a in known.values() if not given.names or {a.kind, a.name} & set(given.names)]
    if given.list:
        for kind, of_kind in itertools.groupby(chosen, lambda a: a.kind):
            print(f"{kind}: {KINDS[kind]}")
            for a in of_kind:
                print(f"  {a.name:24} {a.cases:7,}  {a.what}")
        return 0
    failed = False
    for a in chosen:
        before = processor_seconds()
        try:
            with tempfile.TemporaryDirectory(prefix="torture-") as place:
                tried, survived = played(a, given.cases or a.cases, given.seed, Path(place))
        except Absent as what:
            print(f"{a.name}: not tried: {what}")
            continue
        seconds = processor_seconds() - before
        print(
            f"{a.name}: {survived:,} of {tried:,} survived, {seconds:.0f} s of processor",
            flush=True,
        )
        failed |= survived < tried or not tried
        if given.cases is None:
            record(a, tried, survived, given.seed, seconds)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
