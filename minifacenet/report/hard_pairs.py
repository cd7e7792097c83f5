"""Where the network errs most: one person far apart, two people close together."""

from __future__ import annotations

import numpy as np

from ..classification.methods import OURS
from ..classification.verification import pair_distances
from .html import Html, join, tag
from .parts import ReportParts
from .photos import Album, person
from .results import NO_STRANGERS, credit_line

COUNT = 8  # pairs of each kind


def hard_pairs_section(parts: ReportParts, album: Album) -> Html:
    """Both kinds side by side, the hardest first."""
    if parts.strangers is None or not parts.metrics["open"]:
        return tag("p", NO_STRANGERS)
    labels, vectors = parts.strangers.labels, parts.strangers_vectors[OURS.key]
    distances, same = pair_distances(vectors, labels)
    threshold = parts.metrics["open"][OURS.key]["balanced_accuracy_threshold"]
    columns = []
    for title, kind, sign in (
        ("One person, far apart", same, -1),
        ("Two people, close together", ~same, 1),
    ):
        chosen = hardest(np.where(kind, sign * distances, np.inf), len(labels))
        pairs = [_pair(parts, album, *pair, threshold) for pair in chosen]
        columns.append(tag("div", tag("h3", title), tag("ul", pairs, class_="pairs")))
    return join(
        tag("p", "The strangers' pairs that fool the network most; no photo is shown twice on a "
            f"side. ✗: judged wrongly at a threshold of {threshold:.2f}, the best for these pairs. "
            "Look for what they share: glasses, a pose, the light."),
        tag("div", columns, class_="sides"),
        credit_line(parts),
    )  # fmt: skip


def hardest(order_by: np.ndarray, photos: int, count: int = COUNT) -> list[tuple[int, int]]:
    """The pairs with the smallest values, each photo in one of them at most.

    Parameters
    ----------
    order_by : ndarray of shape (N (N - 1) / 2,)
        In the order of `pair_distances`; infinite: not this pair.
    photos : int
        N.
    count : int
    """
    starts = np.concatenate([[0], np.cumsum(np.arange(photos - 1, 0, -1))])  # of each first photo
    chosen, used = [], set()
    for pair in np.argsort(order_by, kind="stable"):
        if len(chosen) == count or np.isinf(order_by[pair]):
            break
        first = int(np.searchsorted(starts, pair, side="right")) - 1
        second = int(pair - starts[first]) + first + 1
        if not used & {first, second}:
            chosen.append((first, second))
            used |= {first, second}
    return chosen


def _pair(parts: ReportParts, album: Album, first: int, second: int, threshold: float) -> Html:
    faces = parts.strangers
    vectors = np.asarray(parts.strangers_vectors[OURS.key], dtype=np.float64)
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
