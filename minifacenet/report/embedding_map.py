"""The map of the strangers, where every face can be pointed at, tapped, or reached by keyboard."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from ..plots.map_layout import MapLayout, lay_out
from ..plots.style import HUES
from ..preprocessing.faces import Faces
from .html import Html, join, json_block, tag
from .parts import ReportParts, StrangersParts
from .photos import Album, describe, person
from .results import NO_STRANGERS, credit_line

NEIGHBOURS = 5  # that are listed for a face
SIZE = 0.86  # of a face, in cells


def map_section(parts: ReportParts, album: Album) -> Html:
    """Make the map, the panel for the face that is pointed at, and the data for the script."""
    strangers = parts.strangers
    if strangers is None:
        return tag("p", NO_STRANGERS)
    faces = strangers.faces
    layout = lay_out(strangers.ours, faces.labels)
    shown = layout.chosen
    of = f"{len(shown)} of the {len(faces)}" if len(shown) < len(faces) else f"the {len(shown)}"
    return join(
        tag("p", f"{of} faces".capitalize() + ", placed so that near faces have near embeddings; "
            "how far apart they stand means nothing. A frame belongs to one person. The network "
            "has met none of them, so people who stand together are its own finding."),
        tag("p", "Point at a face, tap it, or use Tab and the arrow keys: it appears below with "
            "its nearest neighbours among the faces shown.", class_="hint", hidden=True),
        tag("div", _drawing(faces, album, layout), class_="scroll"),
        tag("div", id="map-panel", class_="panel", aria_live="polite", hidden=True),
        json_block("map-data", _data(strangers, album, layout)),
        credit_line(parts),
    )  # fmt: skip


def _drawing(faces: Faces, album: Album, layout: MapLayout) -> Html:
    width, height = (layout.cells.max(axis=0) + 1).tolist()
    spots = []
    for number, (index, (x, y), turn) in enumerate(
        zip(layout.chosen, layout.cells.tolist(), layout.turns.tolist(), strict=True)
    ):
        place = {"width": SIZE, "height": SIZE}
        hue = HUES[turn % len(HUES)]
        dashed = turn // len(HUES) % 2 == 1
        spots.append(
            tag(
                "g",
                tag("title", describe(faces, index)),
                tag("use", href=f"#{album.add(faces.images[index])}", **place),
                tag("rect", class_="gap", **place) if dashed else None,
                tag(
                    "rect",
                    stroke="currentColor" if hue == "#000000" else hue,
                    stroke_dasharray="0.14 0.08" if dashed else None,
                    **place,
                ),
                class_="spot",
                role="img",
                aria_label=describe(faces, index),
                data_spot=number,
                transform=f"translate({x + (1 - SIZE) / 2:.2f} {y + (1 - SIZE) / 2:.2f})",
            )
        )
    # A face of 26 pixels can still be told from its neighbour, and be tapped.
    return tag(
        "svg",
        spots,
        id="map-drawing",
        viewBox=f"0 0 {width} {height}",
        style=f"min-width: {26 * width}px; max-width: {64 * width}px",
        role="group",
        aria_label="Map of embeddings",
    )


def _data(strangers: StrangersParts, album: Album, layout: MapLayout) -> list[dict[str, Any]]:
    """Collect for each face on the map its photo, name, path, and nearest neighbours."""
    faces, shown = strangers.faces, layout.chosen
    vectors = np.asarray(strangers.ours, dtype=np.float64)[shown]
    distances = cdist(vectors, vectors, "sqeuclidean")
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(shown) - 1)]
    return [
        {
            "photo": album.add(faces.images[index]),
            "name": person(faces, index),
            "path": faces.paths[index],
            "cell": layout.cells[number].tolist(),
            "near": [[int(other), round(distances[number, other], 3)] for other in near[number]],
        }
        for number, index in enumerate(shown)
    ]
