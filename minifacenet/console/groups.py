"""The output of `minifacenet cluster`: groups of photos, and how well they fit the folders."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..classification.clustering import Clustering, cut, sweep
from ..classification.clustering_scores import adjusted_rand, bcubed, pairwise
from ..classification.near_chain import Level
from ..files.words import duration_text
from ..preprocessing.faces import Faces
from .names import ROWS
from .screen import Table, say, show

FACTORS = (0.5, 0.7, 0.85, 1, 1.2, 1.5, 2)  # of the distance, at which groups are counted
MANY = 20_000  # faces: beyond them nobody waits for distances that were not asked for
SECONDS = 12 / 20_000**2  # per cluster squared, to search all on one core: clustering_kernels.py


def farthest_look(faces: int) -> float:
    """Return up to how many times the chosen distance the tree of so many faces is made."""
    return FACTORS[-1] if faces <= MANY else 1


def tell_level(level: Level) -> None:
    """Say how long it takes to search all clusters, before that begins."""
    if level.limit == np.inf and level.clusters > MANY:
        say(
            f"The {level.clusters:,} clusters that are left have too many near pairs for a list, "
            f"and all are searched: about {duration_text(SECONDS * float(level.clusters) ** 2)} of "
            "one core. A smaller --distance takes less.",
            style="yellow",
        )


def tell_sweep(
    tree: np.ndarray,
    distance: float,
    source: str,
    people: np.ndarray | None,
    counts: list[int],
    most: float,
) -> None:
    """Print the groups that other distances would give, the chosen one among them.

    Where folders name `people`, these faces count: `Faces.largest`. The tree reaches `most` times
    the chosen distance.
    """
    places = [distance * factor for factor in FACTORS if factor <= most]
    table = Table()
    for column in ("distance", "groups", "largest", "alone"):
        table.add_column(column, justify="right")
    if people is not None:
        table.add_column("B-cubed F1", justify="right")
    for row in sweep(tree, places):
        score = []
        if people is not None:
            score = [f"{bcubed(cut(tree, row.distance)[counts], people[counts]).f1:.4f}"]
        style = "bold" if row.distance == distance else ""
        table.add_row(
            f"{row.distance:.4f}", str(row.groups), str(row.largest), str(row.singletons), *score,
            style=style,
        )  # fmt: skip
    show(table)
    say(f"Taken: a mean squared distance of {distance:.4f} between groups, from {source}.")


def tell_groups(groups: Clustering, folders: list[str], data: Faces) -> None:
    """Print one row per group: its size, its tightness, and its people if folders name them."""
    if (warning := groups.warning()) is not None:
        say(warning, style="yellow")
    named = len(data.people) > 1
    table = Table()
    things = "photos" if len(data.largest) == len(data) else "faces"
    for column in ("group", things, "mean distance", "largest"):
        table.add_column(column, justify="left" if column == "group" else "right")
    if named:
        table.add_column("most from folder")
    for group in range(min(len(groups.sizes), ROWS)):
        own = groups.labels == group
        most, count = Counter(data.people[label] for label in data.labels[own]).most_common(1)[0]
        table.add_row(
            folders[int(own.argmax())],
            str(groups.sizes[group]),
            f"{groups.cohesion[group]:.4f}",
            f"{groups.diameter[group]:.4f}",
            *([f"{most} ({count})"] if named else []),
        )
    show(table)
    if len(groups.sizes) > ROWS:
        say(f"... and {len(groups.sizes) - ROWS} smaller groups")
    noise = int((groups.labels < 0).sum())
    if noise:
        say(f"{noise} {things} are in no group.")
    say(
        f"Average linkage: the mean distance of two groups decides, so two {things} of one group "
        "may be farther apart than the distance taken."
    )


def tell_group_scores(labels: np.ndarray, people: np.ndarray) -> None:
    """Print how well the groups fit the people that the folders name."""
    precision, recall, f1 = bcubed(labels, people)
    pairs = pairwise(labels, people)
    say(
        f"Against the folders: B-cubed F1 {f1:.4f} (precision {precision:.4f}, recall "
        f"{recall:.4f}), pairs' F1 {pairs.f1:.4f}, adjusted Rand index "
        f"{adjusted_rand(labels, people):.4f}."
    )
