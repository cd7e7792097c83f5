"""What an attack is, and the list of all: each module of this folder adds its own."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# The order of the tables. Each has a module, or several.
KINDS = {
    "kill": "killed, and begun again",
    "disk": "no room, no permission, two at once",
    "fuzz": "damaged and foreign files",
    "hostile": "hostile names and files",
    "same": "the same bits",
    "numbers": "numbers at their limits",
    "load": "large loads, long runs",
    "range": "other versions",
    "privacy": "networks, code in files, modes",
}

Play = Callable[[int, int, Path], Iterator[str | None]]


class Absent(Exception):
    """An attack cannot be tried here; the text says what is not there."""


@dataclass(frozen=True)
class Attack:
    """One way of doing harm.

    `play(cases, seed, place)` tries `cases` cases in the empty folder `place`, or fewer where there
    are no more, and gives one value per case: None if it was survived, otherwise what failed, in a
    line with which it can be found again. What is drawn comes from `seed`. It raises Absent where
    something that it needs is not there.
    """

    kind: str
    name: str
    what: str
    cases: int  # of a whole run
    play: Play


_found: dict[str, Attack] = {}


def attack(kind: str, name: str, what: str, cases: int) -> Callable[[Play], Play]:
    """Add a function to the list: `kind` one of KINDS, `what` the words of the table's row."""
    assert kind in KINDS
    assert name not in _found

    def add(play: Play) -> Play:
        _found[name] = Attack(kind, name, what, cases, play)
        return play

    return add


def attacks() -> dict[str, Attack]:
    """Return all attacks by name, in the order of KINDS."""
    here = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(here.__path__):
        if not module.name.startswith(("__", "test_")):
            importlib.import_module(f"{__package__}.{module.name}")
    order = {kind: number for number, kind in enumerate(KINDS)}
    return {a.name: a for a in sorted(_found.values(), key=lambda a: (order[a.kind], a.name))}
