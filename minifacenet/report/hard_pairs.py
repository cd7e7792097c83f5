"""The network errs most at these pairs: one person far apart, two people close together."""

from __future__ import annotations

import numpy as np

from ..classification.methods import OURS
from ..classification.verification import pair_distances
from .html import Html, join, tag
from .parts import ReportParts, StrangersParts
from .photos import Album, person
from .results import NO_STRANGERS, credit_line

COUNT = 8  # pairs of each kind


def hard_pairs_section(parts: ReportParts, album: Album) -> Html:
    """Both kinds of pairs stand side by side, the hardest first."""
    strangers = parts.strangers
    if strangers is None or not parts.metrics["open"]:
        return tag("p", NO_STRANGERS)
    labels = strangers.faces.labels
    distances, same = pair_distances(strangers.ours, labels)
    threshold = parts.metrics["open"][OURS.key]["balanced_accuracy_threshold"]
    columns = []
    for title, kind, sign in (
        ("One person, far apart", same, -1),
        ("Two people, close together", ~same, 1),
    ):
        chosen = hardest(np.where(kind, sign * distances, np.inf), len(labels))
        pairs = [_pair(strangers, album, *pair, threshold) for pair in chosen]
        columns.append(tag("div", tag("h3", title), tag("ul", pairs, class_="pairs")))
    return join(
        tag("p", "The strangers' pairs that fool the network most; no photo is shown twice on a "
            f"side. ✗: judged wrongly at a threshold of {threshold:.2f}, the best for these pairs. "
            "Look for what they share: glasses, a pose, the light."),
        tag("div", columns, class_="sides"),
        credit_line(parts),
    )  # fmt: skip


def hardest(order_by: np.ndarray, photos: int, count: int = COUNT) -> list[tuple[int, int]]:
    """Find the pairs with the smallest values, with each photo in at most one of them.

    Parameters
    ----------
    order_by : ndarray of shape (N (N - 1) / 2,)
        Values in the order of `pair_distances`; an infinite one leaves its pair out.
    photos : int
        The number of photos, N.
    count : int
        How many pairs are wanted.
    """
    # These are the places at which the pairs of each first photo begin.
    starts = np.concatenate([[0], np.cumsum(np.arange(photos - 1, 0, -1))])
    chosen: list[tuple[int, int]] = []
    used: set[int] = set()
    for pair in np.argsort(order_by, kind="stable"):
        if len(chosen) == count or np.isinf(order_by[pair]):
            break
        first = int(np.searchsorted(starts, pair, side="right")) - 1
        second = int(pair - starts[first]) + first + 1
        if not used & {first, second}:
            chosen.append((first, second))
            used |= {first, second}
    return chosen


def _pair(
    strangers: StrangersParts, album: Album, first: int, second: int, threshold: float
) -> Html:
    faces, vectors = strangers.faces, np.asarray(strangers.ours, dtype=np.float64)
    distance = ((vectors[first] - vectors[second]) ** 2).sum()
    same = faces.labels[first] == faces.labels[second]
    mark = "✓" if (distance <= threshold) == same else "✗"
    names = dict.fromkeys(person(faces, index) for index in (first, second))
    return tag(
        "li",
        tag("div", (album.face(faces, index) for index in (first, second)), class_="faces"),
        tag("p", tag("strong", f"{distance:.2f} {mark}"), " ", " and ".join(names)),
        tag("p", faces.paths[first], tag("br"), faces.paths[second], class_="path"),
    )
