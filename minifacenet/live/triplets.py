"""The hardest triplets of a batch: found in its distances, and shown as faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..files.words import printable
from ..preprocessing.faces import Faces
from ..report.html import Html, tag
from ..report.photos import Album, person

MOST = 6  # that are shown


@dataclass(frozen=True)
class Trio:
    """A triplet: photos as indices into the faces that are trained on; distances are squared L2."""

    anchor: int
    positive: int
    negative: int
    to_positive: float
    to_negative: float

    @property
    def gap(self) -> float:
        """How much farther the negative is than the positive; below 0, it is nearer."""
        return self.to_negative - self.to_positive


def hardest_trios(
    photos: np.ndarray, labels: np.ndarray, distances: np.ndarray, most: int = MOST
) -> list[Trio]:
    """Find the anchors whose nearest negative is least far beyond their farthest positive.

    Parameters
    ----------
    photos : ndarray of shape (N,), int64
        What the rows of `distances` are.
    labels : ndarray of shape (N,), int64
        The person of each row.
    distances : ndarray of shape (N, N)
        Squared L2.
    most : int
        How many triplets; none has an anchor of the same person as another.

    Returns
    -------
    list of Trio
        The hardest first. It may be empty.
    """
    if not len(photos):
        return []
    same = labels[:, None] == labels[None]
    itself = photos[:, None] == photos[None]  # offline mining may show a photo twice
    to_positive = np.where(same & ~itself, distances, -np.inf)
    to_negative = np.where(same, np.inf, distances)
    positive, negative = to_positive.argmax(axis=1), to_negative.argmin(axis=1)
    rows = np.arange(len(photos))
    gaps = to_negative[rows, negative] - to_positive[rows, positive]
    trios: dict[int, Trio] = {}
    for row in np.argsort(gaps, kind="stable"):
        if len(trios) == most or not np.isfinite(gaps[row]):
            break
        p, n = positive[row], negative[row]
        trio = Trio(int(photos[row]), int(photos[p]), int(photos[n]),
                    float(distances[row, p]), float(distances[row, n]))  # fmt: skip
        trios.setdefault(int(labels[row]), trio)
    return list(trios.values())


def verdict(trio: Trio, margin: float) -> tuple[str, str]:
    """Return the kind of a triplet by the paper's words, and what this means in numbers."""
    if trio.gap <= 0:
        return "hard", f"the other person is nearer by {-trio.gap:.2f}"
    if trio.gap < margin:
        return "semi-hard", f"the other person is farther by {trio.gap:.2f}, less than the margin"
    return "easy", f"the other person is farther by {trio.gap:.2f}"


RULES = {
    "semi-hard": "learns from negatives that are farther than the positive, but within the margin; "
    "it passes over hard ones, which may be wrong names or bad photos",
    "hardest": "learns from the closest negative of each anchor, wrong names among them",
    "all": "learns from every negative that violates the margin, wrong names among them",
}
RULES["semi-hard-random"] = RULES["semi-hard"]


def trios_section(
    trios: Sequence[Trio], faces: Faces, album: Album, step: int, rule: str, margin: float
) -> Html:
    """Show triplets as faces; `album` collects the pictures."""
    about = (
        f"Of the batch of step {step}, one per anchor's person: the photo of the same person that "
        "is farthest from the anchor, and the nearest of anybody else, by squared distance. Wrong "
        f"names and bad photos show up here. The rule in force, {rule}, {RULES[rule]}."
    )
    return tag(
        "div",
        tag("p", about),
        tag("ul", (_trio(trio, faces, album, margin) for trio in trios), class_="trios"),
    )


def _trio(trio: Trio, faces: Faces, album: Album, margin: float) -> Html:
    kind, words = verdict(trio, margin)
    return tag(
        "li",
        tag("p", tag("strong", kind), ": ", words, class_=f"verdict {kind}"),
        tag(
            "div",
            _face("anchor", "", trio.anchor, None, faces, album),
            _face("positive", "same", trio.positive, trio.to_positive, faces, album),
            _face("negative", "other", trio.negative, trio.to_negative, faces, album),
            class_="trio",
        ),
    )


def _face(
    role: str, frame: str, index: int, distance: float | None, faces: Faces, album: Album
) -> Html:
    name, path = printable(person(faces, index)), printable(faces.paths[index])
    return tag(
        "figure",
        tag(
            "svg",
            tag("title", f"{role}: {name}, {path}"),
            tag("use", href=f"#{album.add(faces.images[index])}", width=1, height=1),
            class_=f"face {frame}".rstrip(),
            viewBox="0 0 1 1",
            role="img",
            aria_label=f"{role}: {name}, {path}",
        ),
        tag(
            "figcaption",
            tag("span", role, tag("b", "" if distance is None else f"{distance:.2f}"),
                class_=f"role {frame}".rstrip()),
            tag("span", name, class_="who", dir="auto"),
            tag("small", path, dir="auto"),
        ),
    )  # fmt: skip
