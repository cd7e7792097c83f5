"""The section of groups: the strangers' photos were grouped without their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from ..classification.methods import OURS
from ..files.words import count_text
from ..preprocessing.faces import Faces
from .html import Html, join, percent, tag
from .parts import ReportParts
from .photos import Album, person
from .results import NO_STRANGERS, credit_line

ROWS = 60  # groups that are shown
FACES = 30  # that are shown of each group


def groups_section(parts: ReportParts, album: Album) -> Html:
    """The largest group comes first, and the photos that are in none come last."""
    strangers = parts.strangers
    if strangers is None:
        return tag("p", NO_STRANGERS)
    groups = strangers.groups
    if groups is None:
        return tag("p", "Left out: the photos of the strangers were not grouped in this run.")
    numbers, sizes = np.unique(groups[groups >= 0], return_counts=True)
    order = numbers[np.argsort(-sizes, kind="stable")]
    rows = [
        _row(strangers.faces, album, np.flatnonzero(groups == number)) for number in order[:ROWS]
    ]
    alone = np.flatnonzero(groups < 0)
    score = (parts.metrics["open"] or {}).get(OURS.key, {}).get("bcubed_f1")
    people = len(np.unique(strangers.faces.labels))
    more = len(order) - ROWS
    return join(
        tag("p", f"Photos of one person should lie close together, so groups can be found without "
            f"a single name. Here {count_text(len(order), 'group')} came out of {people} people; "
            f"{count_text(len(alone), 'photo')} joined none. Best would be one group per person. A "
            "dashed frame marks a face whose person is not the most frequent one of its group.",
            "" if score is None else " B-cubed F1, which is 1 for perfect groups and counts both "
            f"people who are mixed and people who are torn apart: {score:.3f}."),
        tag("ol", rows, class_="groups"),
        tag("p", f"And {count_text(more, 'smaller group')}.") if more > 0 else None,
        _alone(strangers.faces, album, alone) if len(alone) else None,
        credit_line(parts),
    )  # fmt: skip


def _row(faces: Faces, album: Album, members: np.ndarray) -> Html:
    counts = Counter(person(faces, index) for index in members)
    (first, most), *_ = counts.most_common()
    said = ", ".join(f"{count} {name}" for name, count in counts.most_common(5))
    if len(counts) > 5:
        said += f" and {count_text(len(counts) - 5, 'more person', 'more people')}"
    pure = "one person" if len(counts) == 1 else f"{percent(most / len(members))} one person"
    order = sorted(members.tolist(), key=lambda index: person(faces, index) != first)
    kinds = ("plain" if person(faces, index) == first else "wrong" for index in order)
    return tag(
        "li",
        tag("p", f"{count_text(len(members), 'photo')}, {pure}: {said}"),
        tag("div", _shown(faces, album, order, kinds), class_="faces"),
    )


def _alone(faces: Faces, album: Album, alone: np.ndarray) -> Html:
    kinds = ("plain" for _ in alone)
    return join(
        tag("h3", "In no group"),
        tag("div", _shown(faces, album, alone.tolist(), kinds), class_="faces"),
    )


def _shown(faces: Faces, album: Album, indices: list[int], kinds: Iterable[str]) -> Iterator[Html]:
    for index, kind in list(zip(indices, kinds, strict=True))[:FACES]:
        yield album.face(faces, index, kind)
    if len(indices) > FACES:
        yield tag("span", f"and {len(indices) - FACES} more", class_="more")
