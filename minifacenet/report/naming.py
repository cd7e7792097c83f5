"""The section of naming: do the enrolled get the right name, and do the others get none?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ..classification.classifier import UNKNOWN
from ..classification.identification import FAR_TARGETS
from ..classification.methods import OURS
from ..files.words import count_text
from .confusion import confusion_matrix
from .html import Html, join, tag
from .parts import Naming, ReportParts
from .photos import Album
from .results import credit_line, score_table

PEOPLE = 100  # whose bars are shown
CONFUSIONS = 16  # that are shown of each kind
EXAMPLES = 6  # photos that are shown of each confusion
RATES = {
    "correct_name_rate": "correct name",
    "misnamed_rate": "wrong name",
    "rejected_rate": "no name",
    "false_accept_rate": "strangers named",
}
# Each part of a bar has a word for what it counts, and a class.
ENROLLED = (("right", "right"), ("wrong name", "wrong"), (f"'{UNKNOWN}'", "none"))
STRANGERS = ((f"'{UNKNOWN}'", "none"), ("named", "wrong"))
DIRS = {f"dir_at_far_{far:g}": f"DIR at FAR {far:g}" for far in FAR_TARGETS}


def naming_section(parts: ReportParts, album: Album) -> Html:
    """Show the rates of all methods, one bar per person, and the mistakes that happened."""
    naming = None if parts.strangers is None else parts.strangers.naming
    if naming is None:
        return tag(
            "p",
            "Left out: nobody was asked for by name, because that takes a threshold measured on "
            "further people who are held out of the training, and there were too few.",
        )
    stranger = naming.expected == UNKNOWN
    right = naming.answers == naming.expected
    scores = parts.metrics["open"] or {}
    rated = "correct_name_rate" in scores.get(OURS.key, {})
    return join(
        tag("p", f"Some photos of {len(np.unique(naming.expected[~stranger]))} people were "
            f"enrolled. Then {(~stranger).sum()} other photos of them were asked for, and "
            f"{stranger.sum()} photos of strangers. A name is given if the distance to the person "
            f"is at most {naming.threshold:.2f}; all others are '{UNKNOWN}'. Of the enrolled, "
            f"{(right & ~stranger).sum()} got their name; of the strangers, "
            f"{(~right & stranger).sum()} got one, which is a false accept. The network was "
            "trained on these very photos of the enrolled, which makes their names far easier than "
            "those of new people."),
        score_table("All methods, each at its own threshold", parts.methods, scores, RATES | DIRS)
        if rated else None,
        tag("p", "DIR at FAR: the share of the enrolled who get their own name, if the threshold "
            "let that share of these very strangers get one.") if rated else None,
        tag("h3", "Who was named correctly"),
        tag("p", "One row for each person who was not always named correctly: blue is right, "
            "orange a wrong name, hollow 'unknown'. None of the strangers should have a name."),
        _bars(naming),
        tag("h3", "Confusion matrix"),
        confusion_matrix(naming),
        tag("h3", "Which names were confused"),
        _confusions(naming, album),
        credit_line(parts),
    )  # fmt: skip


def _bars(naming: Naming) -> Html:
    """Show those not always named correctly, the worst first; then strangers; then all others."""
    mistaken, perfect = [], []
    for name in dict.fromkeys(naming.expected[naming.expected != UNKNOWN].tolist()):
        answers = naming.answers[naming.expected == name]
        right, unknown = int((answers == name).sum()), int((answers == UNKNOWN).sum())
        if right == len(answers):
            perfect.append(name)
        else:
            mistaken.append((name, right, len(answers) - right - unknown, unknown))
    mistaken.sort(key=lambda row: row[1] / sum(row[1:]))
    rows = [_bar(name, ENROLLED, counts) for name, *counts in mistaken[:PEOPLE]]
    if len(mistaken) > PEOPLE:
        rows.append(tag("li", f"and {len(mistaken) - PEOPLE} people with fewer mistakes"))
    strangers = naming.answers[naming.expected == UNKNOWN]
    refused = int((strangers == UNKNOWN).sum())
    if len(strangers):
        rows.append(_bar("strangers", STRANGERS, (refused, len(strangers) - refused)))
    names = ", ".join(perfect[:PEOPLE]) + (", …" if len(perfect) > PEOPLE else "")
    always = f"{count_text(len(perfect), 'person', 'people')} always named correctly: {names}."
    return join(tag("ul", rows, class_="bars"), tag("p", always) if perfect else None)


def _bar(name: str, kinds: Iterable[tuple[str, str]], counts: Sequence[int]) -> Html:
    left, parts = 0.0, []
    for (_, kind), count in zip(kinds, counts, strict=True):
        width = 100 * count / sum(counts)
        if count:
            parts.append(
                tag("rect", x=f"{left:.2f}", y=0, width=f"{width:.2f}", height=10, class_=kind)
            )
        left += width
    said = ", ".join(
        f"{count} {what}" for (what, _), count in zip(kinds, counts, strict=True) if count
    )
    drawn = {"viewBox": "0 0 100 10", "preserveAspectRatio": "none", "aria_hidden": "true"}
    return tag(
        "li",
        tag("span", name, class_="who"),
        tag("svg", parts, class_="bar", **drawn),
        tag("span", said, class_="counts"),
    )


def _confusions(naming: Naming, album: Album) -> Html:
    """List the three kinds of mistakes, each with faces."""
    stranger, refused = naming.expected == UNKNOWN, naming.answers == UNKNOWN
    wrong = naming.answers != naming.expected
    kinds = (
        ("Strangers who got a name, the surest first", wrong & stranger, 1),
        ("Enrolled people who got somebody else's name", wrong & ~stranger & ~refused, 1),
        ("Enrolled people who got no name, the farthest first", wrong & refused, -1),
    )
    content = []
    for title, which, sign in kinds:
        indices = np.flatnonzero(which)
        order = indices[np.argsort(sign * naming.distance[indices], kind="stable")]
        content.append(tag("h4", f"{title}: {len(order)}"))
        if len(order):
            items = list(_groups(naming, album, order))
            content.append(tag("ul", items[:CONFUSIONS], class_="confusions"))
            if len(items) > CONFUSIONS:
                more = count_text(len(items) - CONFUSIONS, "further confusion")
                content.append(tag("p", f"And {more}."))
    return join(content)


def _groups(naming: Naming, album: Album, order: np.ndarray) -> Iterator[Html]:
    """Make one item for each (person, answer) that happened, with its photos."""
    faces = naming.faces
    kinds: dict[tuple[str, str], list[int]] = {}
    for index in order.tolist():
        who = faces.people[faces.labels[index]]
        kinds.setdefault((who, str(naming.answers[index])), []).append(index)
    for (who, answer), indices in kinds.items():
        examples = np.flatnonzero((naming.expected == answer) & (answer != UNKNOWN))[:1]
        photos = [
            tag("figure", album.face(faces, index, "asked"),
                tag("figcaption", f"{naming.distance[index]:.2f}"))
            for index in indices[:EXAMPLES]
        ]  # fmt: skip
        photos += [
            tag("figure", album.face(faces, index, "wrong"), tag("figcaption", answer))
            for index in examples
        ]
        said = f"{who} → {answer}" + (f", {len(indices)} times" if len(indices) > 1 else "")
        yield tag("li", tag("p", said), tag("div", photos, class_="faces"))
