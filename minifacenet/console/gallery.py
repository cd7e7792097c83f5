"""The output of `minifacenet gallery search`: who is nearest."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..classification.gallery import Gallery
from ..files.words import count_text
from ..preprocessing.faces import Faces
from .screen import Table, say, show

ROWS = 40  # of the nearest, printed; the file has them all


def tell_nearest(
    data: Faces,
    gallery: Gallery,
    rows: np.ndarray,
    distances: np.ndarray,
    gate: float | None,
    source: str,
    out: Path | None,
) -> None:
    """Print the nearest templates to each face: (N, k) rows of the gallery, squared distances."""
    table = Table()
    for column in ("photo", "nearest", "its photo", "distance", "gate")[: 4 if gate is None else 5]:
        number = column == "distance"
        table.add_column(column, justify="right" if number else "left", no_wrap=number)
    k = rows.shape[1]
    faces = min(len(data), max(1, ROWS // k))
    for face in range(faces):
        for rank in range(k):
            row, distance = int(rows[face, rank]), float(distances[face, rank])
            verdict = [] if gate is None else ["within" if distance <= gate else "beyond"]
            photo = "" if rank else data.captions[face]
            person, path = gallery.people[row], gallery.paths[row]
            table.add_row(photo, person, path, f"{distance:.3f}", *verdict)
    show(table)
    if len(data) > faces:
        say(f"... and {len(data) - faces:,} more faces" + (f", all in {out}" if out else ""))
    among = f"{count_text(len(data), 'face')} among {len(gallery):,}. Squared distances, 0 to 4"
    if gate is None:
        say(f"{among}: the model holds no threshold that says which are one person.")
    else:
        within = int((distances[:, 0] <= gate).sum())
        say(f"{among}; {within:,} have somebody within {gate:.4f}, the gate from {source}.")
    if out is not None:
        say(f"In {out}: one row for each face and each of its {k} nearest")
