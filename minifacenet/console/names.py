"""The output of `minifacenet classify`: who is enrolled, and the names that photos got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from ..classification.classifier import UNKNOWN, Answers
from ..classification.identification import CrossValidation
from ..classification.people import People
from ..files.words import printable
from ..preprocessing.faces import Faces
from ..preprocessing.person_names import hard_to_tell_apart
from .screen import Table, say, screen, show

ROWS = 40  # printed of a list of photos; the file has them all
LEAST = 32  # columns of the terminal that a photo and two distances need


def tell_enrolment(people: People, checked: CrossValidation, strangers: float | None) -> None:
    """Print how well the enrolled photos name each other, beside simpler methods, and the gate."""
    count, by_mean = len(people.classifier.classes_), people.classifier.named_by == "mean"
    if by_mean and count > 1:
        say(f"{count:,} people: named by the nearest mean, without an SVM.")
    if count == 1:
        say(
            f"Only {people.classifier.classes_[0]} is enrolled: nobody to tell them apart "
            "from, so a photo is verified by its distance alone."
        )
    elif checked.asked:
        table = Table()
        table.add_column("each photo asked for where it is not enrolled")
        table.add_column("accuracy", justify="right")
        for name, share in (
            ("linear SVM, which is used", checked.svm),
            (f"nearest mean of a person{', which is used' * by_mean}", checked.nearest_mean),
            ("3 nearest photos", checked.neighbours),
        ):
            if not np.isnan(share):
                table.add_row(name, f"{share:.4f}")
        show(table)
    else:
        say("Everybody has one photo: enrolled, but how well they are named cannot be measured.")
    gates = gates_text(people.classifier.gates())
    say(f"Gate: {gates}, from {people.source}.")
    if checked.asked:
        say(f"With it, {checked.rejected:.1%} of these photos would be called '{UNKNOWN}'.")
    if strangers is not None:
        say(
            f"Of each person's photos, where they are not enrolled, {strangers:.1%} would get "
            "the name of somebody else."
        )


def tell_names(people: People, data: Faces, answers: Answers, out: Path | None) -> None:
    """Print one row per face: name, distance, runner-up."""
    paths, things = data.captions, "photos" if len(data.largest) == len(data) else "faces"
    classes, by = people.classifier.classes_, people.classifier.named_by
    show(_names_table(classes, paths[:ROWS], answers))
    if len(paths) > ROWS:
        say(f"... and {len(paths) - ROWS} more {things}" + (f", all in {out}" if out else ""))
    counts = Counter(str(classes[p]) for p in answers.person[answers.known])
    most = ", ".join(f"{name} {count}" for name, count in counts.most_common(10))
    more = ", ..." * (len(counts) > 10)
    say(
        f"{answers.known.sum()} of {len(paths)} {things} named"
        + (f" ({most}{more})" if counts else "")
        + f", {(~answers.known).sum()} {UNKNOWN}. Squared distances, 0 to 4; a name takes at most "
        f"{_spread(people.classifier.gates())}."
        + " An SVM chooses the name: a runner-up may be nearer."
        * (by == "svm")
    )


def gates_text(gates: Collection[float]) -> str:
    """Return people's gates in words: 'a squared distance of 0.2000', where all have one."""
    if min(gates) == max(gates):
        return f"a squared distance of {_spread(gates)}"
    return f"squared distances of {_spread(gates)}, one per person, as it is crowded around them"


def _spread(gates: Collection[float]) -> str:
    low, high = min(gates), max(gates)
    return f"{low:.4f}" if low == high else f"{low:.4f} to {high:.4f}"


def _names_table(classes, paths, answers: Answers) -> Table:
    """Return the table; names are folded only if the photo would have no room otherwise."""
    table = Table()
    for column in ("photo", "name", "distance", "runner-up", "distance"):
        number = column == "distance"
        table.add_column(column, justify="right" if number else "left", no_wrap=number)
    for i, path in enumerate(paths):
        name, second = str(classes[answers.person[i]]), answers.runner_up[i] >= 0
        unsure = Text.assemble((UNKNOWN, "yellow"), f" ({printable(name)}?)")
        table.add_row(
            path,
            name if answers.known[i] else unsure,
            f"{answers.distance[i]:.3f}",
            str(classes[answers.runner_up[i]]) if second else "",
            f"{answers.runner_up_distance[i]:.3f}" if second else "",
        )
    columns = table.columns[1], table.columns[3]
    widths = [max(cell_len(str(cell)) for cell in column.cells) for column in columns]
    for names in columns:
        names.no_wrap = sum(widths) + LEAST < screen.width
    return table


def tell_right(
    names: np.ndarray, truth: np.ndarray, classes: np.ndarray, several: bool = False
) -> None:
    """Print how many names are right, where folders are called after people.

    With `several` faces on some photos, these names are those of the largest.
    """
    known = np.isin(truth, classes)
    if known.any():
        right, rejected = names[known] == truth[known], names[known] == UNKNOWN
        say(
            f"By their folders, {known.sum()} photos show enrolled people: {right.mean():.1%} "
            f"named correctly, {rejected.mean():.1%} {UNKNOWN}, {(~right & ~rejected).mean():.1%} "
            "taken for somebody else."
        )
        if (~known).any():
            wrong = (names[~known] != UNKNOWN).mean()
            say(f"{(~known).sum()} photos lie in other folders: {wrong:.1%} of them got a name.")
        if several:
            say("Of a photo with several faces, the largest counts there.")
    _tell_spellings({*truth.tolist()} - {*classes.tolist()}, classes.tolist())


def _tell_spellings(folders: set[str], enrolled: list) -> None:
    """Warn of folders that match enrolled people except for case, or for blanks at the ends."""
    groups = hard_to_tell_apart([*map(str, enrolled), *sorted(folders)])
    for names in (group for group in groups if folders & {*group}):
        alike = " and ".join(f"'{name}'" for name in names)
        text = f"  somebody else? {alike} differ in case or in blanks at the ends only"
        say(text, style="yellow")
