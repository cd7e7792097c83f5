"""Names that a terminal would obey, printed by every command, on a pseudo-terminal."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from .attack import attack
from .children import Ended, command
from .world import ALL, COLOURS, make_world, run

# What each would do: write the clipboard, set the title, clear, colour, ask the terminal to answer,
# the same with the C1 signs of one byte, hide, forge lines, turn the text round.
HARMFUL = {
    "clipboard": "\x1b]52;c;T1dORUQ=\x1b\\",
    "title": "\x1b]0;OWNED\x07",
    "clear": "\x1b[2J\x1b[H",
    "blink": "\x1b[5;31m",
    "answer": "\x1b[6n\x1bP$q q\x1b\\",
    "c1": "\x9b2J\x9d0;OWNED\x9c",
    "back": "OK\x08\x08\x7f",
    "line": "two\nFORGED line",
    "return": "two\rFORGED line",
    "up": "\x0b\x0c\x85FORGED",
    "bidi": "\u202egnp.exe\u2066",
    "lines": "\u2028FORGED\u2029",
    "tags": "\U000e0041\u200b\ufeff",
    "markup": "[red]OWNED[/red] :x: [link=file:///]x[/link]".replace("/", "\\"),
}
# What Rich sends of its own accord: styles, and what bars need.
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\r+\n|\r|\n")
JOINERS = "\u200c\u200d"


def obeyed(ended: Ended, payloads: Sequence[str]) -> str | None:
    """Return what a terminal would have obeyed of what was printed; None if nothing."""
    if ended.fault:
        return ended.fault
    for payload in payloads:
        if payload.encode() in ended.printed and not payload.isprintable():
            return f"{payload!r} stands in the output as it is"
    if re.search(r"^\s*FORGED", ended.text, re.MULTILINE):
        return "a line was forged"
    if "[red]" not in ended.text and "\x1b[31mOWNED" in ended.text:
        return "markup was obeyed"
    left = OURS.sub("", ended.text)
    bad = [s for s in left if unicodedata.category(s)[0] in "CZ" and not _harmless(s)]
    return f"{bad[0]!r} stands in the output" if bad else None


def _harmless(sign: str) -> bool:
    return sign in JOINERS or unicodedata.category(sign) in ("Zs", "Co", "Cn")


@attack(
    "hostile",
    "terminal-names",
    "names that hold what a terminal obeys (clipboard, title, clearing, C1, bidi, line breaks), "
    "every command, on a pseudo-terminal: nothing is obeyed, no line is forged",
    len(ALL) * -(-len(HARMFUL) // len(COLOURS)),
)
def names(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    order = np.random.default_rng(seed).permutation(len(ALL))
    for number, group in enumerate(batched(HARMFUL.values(), len(COLOURS))):
        if cases <= 0:
            return
        names = [f"{n}{sign}" for n, sign in zip(range(6), cycle(group), strict=False)]
        world = make_world(place / str(number), names)
        for name in [list(ALL)[i] for i in order][:cases]:
            failure = obeyed(run(name, world, place / f"{number} {name} {group[-1]}"), group)
            yield failure and f"{name}, {group!r}: {failure}"
        cases -= len(ALL)


def batched(values: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """As that of Python 3.12."""
    rest = iter(values)
    while group := tuple(islice(rest, size)):
        yield group


@attack(
    "hostile",
    "terminal-arguments",
    "the same signs in arguments: a missing file, an extra argument, an unknown option, a word "
    "where a number belongs, as a shell's * may give them",
    len(ALL) * len(HARMFUL),
)
def arguments(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    rng = np.random.default_rng(seed)
    for payload in list(HARMFUL.values())[: -(-cases // len(ALL))]:
        for name in list(ALL)[: min(cases, len(ALL))]:
            forms = ([payload], [payload] * 4, [f"--{payload}"], [f"--size={payload}", payload])
            given = forms[rng.integers(len(forms))]
            failure = obeyed(command(*name.split(), *given, folder=place), [payload])
            yield failure and f"{name} {given!r}: {failure}"
        cases -= len(ALL)
