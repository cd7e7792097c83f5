"""The output of `minifacenet cluster`: groups of photos, and how well they fit the folders."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..classification.clustering import Clustering, cut, sweep
from ..classification.clustering_scores import adjusted_rand, bcubed, pairwise
from ..preprocessing.faces import Faces
from .names import ROWS
from .screen import Table, say, show


def tell_sweep(
    tree: np.ndarray,
    distance: float,
    source: str,
    people: np.ndarray | None,
    counts: list[int],
) -> None:
    """Print the groups that other distances would give, the chosen one among them.

    Where folders name `people`, these faces count: `Faces.largest`.
    """
    places = [distance * factor for factor in (0.5, 0.7, 0.85, 1, 1.2, 1.5, 2)]
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
