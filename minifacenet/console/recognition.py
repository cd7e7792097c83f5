"""The output of `minifacenet recognise`: who is known, who was found, and what to do next."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ..classification.classifier import UNKNOWN
from ..classification.known_faces import KnownFaces
from ..classification.named_faces import NamedFace
from ..classification.recognition import Recognition
from ..classification.recognition_plan import Plan
from .alignment import counted, tell_alignment
from .names import gates_text
from .screen import say

PEOPLE, REASONS = 12, 5  # that are named in a line


def tell_plan(plan: Plan, known: Path | None, out: Path) -> None:
    """Print what a recognition would do."""
    done = plan.photos - plan.fresh
    before = f", and {done:,} that an earlier run has done" if done else ""
    say(f"Faces would be looked for in {counted(plan.fresh, 'photo')}{before}; cut: {plan.cut}.")
    if known is not None:
        say(f"Known, from {known}: {_people(Counter(plan.people))}")
    hand = plan.renames + plan.wishes
    if hand:
        say(f"{counted(hand, 'name')} given by hand, {plan.wishes:,} of them new.")
    say(f"Nothing was written; {out} would hold names.csv, album.html and what later runs need.")


def tell_known(known: KnownFaces) -> None:
    """Print who is known, and what could not be taken."""
    say(f"Known: {_people(Counter(known.people.values()))}")
    several = [f"{photo} ({faces})" for photo, faces in known.several]
    lost = [f"{photo}: {reason}" for photo, reason in known.lost]
    for title, lines in (
        ("without a usable face, so nobody gets this name", list(known.without)),
        ("known photos without a usable face", lost),
        ("known photos that show several faces, of which the largest is taken", several),
        (
            "two people or one? Names that differ in case or in blanks at the ends only",
            [" and ".join(f"'{name}'" for name in names) for names in known.alike],
        ),
    ):
        if lines:
            more = f" ... and {len(lines) - REASONS} more" if len(lines) > REASONS else ""
            say(f"  {title}: {'; '.join(lines[:REASONS])}{more}", style="yellow")


def tell_recognition(found: Recognition) -> None:
    """Print a summary whose numbers add up."""
    if found.known is not None:
        tell_known(found.known)
    if found.alignment is not None:
        tell_alignment(found.alignment, "all")
    if found.away:
        say(f"  {counted(found.away, 'face')} left out: the crop was removed or damaged by hand")
    for wish in found.missed[:REASONS]:
        text = f"  line {wish.line} of the names: there is no face {wish.face} in {wish.photo}"
        say(text, style="yellow")
    if found.missed:
        say(f"  {counted(len(found.missed), 'name')} could not be given", style="yellow")
    if found.left:
        return
    rows = found.rows
    named, strangers = [r for r in rows if r.known], [r for r in rows if not r.known]
    people = f" ({_people(Counter(row.name for row in named))})" if named else ""
    say(f"{counted(len(rows), 'face')}: {len(named):,} named{people}, {_strangers(strangers)}")
    by_hand = sum(row.by_hand for row in rows)
    if by_hand:
        yours = f"  {counted(by_hand, 'face')} named by hand"
        say(f"{yours}: they keep these names, and are examples for the others")
    if found.gate is not None:
        gates = gates_text(found.gate.by_person.values())
        say(f"Gate: {gates}, from {found.gate.source}.")


def tell_written(out: Path, drawn: bool, single: bool) -> None:
    """Print the files, and how to go on."""
    beside = [] if single else ["album/"]
    names = ["names.csv", "album.html", *beside, *["drawn/"] * drawn]
    say(f"In {out}: {', '.join(names)}")
    say(
        f"Look at {out / 'album.html'}: name groups or correct names there, download them, and run "
        "the same command with --rename FILE"
    )


def _strangers(rows: list[NamedFace]) -> str:
    groups = Counter(row.group for row in rows if row.group)
    alone = len(rows) - groups.total()
    text = f"{len(rows):,} {UNKNOWN}"
    if not groups:
        return text
    return f"{text} ({groups.total():,} in {counted(len(groups), 'group')}, {alone:,} alone)"


def _people(counts: Counter) -> str:
    most = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(PEOPLE))
    more = len(counts) - PEOPLE
    return f"{most} and {counted(more, 'more person', 'more people')}" if more > 0 else most
