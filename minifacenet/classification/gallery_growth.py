"""A gallery grows: templates come to those that are there, in memory and in its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..embedding.quantise import quantise
from ..files.locks import locked
from ..files.texts import Texts
from .gallery import Gallery, codes_at

PART = 65_536  # templates that are rounded at a time
# Squared L2 between two embeddings of one photo, since float32 rounds otherwise in another batch.
# Two photos of one person are a thousand times as far apart, even where bytes add to this.
SAME = 1e-4


def add_to(path: str | Path, new: Gallery) -> tuple[Gallery, int]:
    """Put templates into the gallery at `path`, which is made if it is missing.

    Returns
    -------
    gallery : Gallery
        All that the file holds now.
    added : int
        How many templates are new there.

    Raises
    ------
    ValueError
        As `joined` and `Gallery.load`; or another process is at work in the folder. The file stays
        as it was.
    """
    path = Path(path)
    with locked(path.parent):
        if not path.exists():
            new.save(path)
            return new, len(new)
        whole, added = joined(Gallery.load(path), new)
        if added:
            whole.save(path)
        return whole, added


def joined(gallery: Gallery, new: Gallery) -> tuple[Gallery, int]:
    """Return a gallery with the templates of `new` after its own, and how many were added.

    A template that is there already, with its path, is left out. Bytes stay bytes: where a new
    entry is larger than all before, the earlier ones are rounded once more, to a coarser scale.

    Raises
    ------
    ValueError
        They are of another network, or of photos that were prepared in another way; or `new` holds
        bytes, and the gallery float32.
    """
    for what in ("model", "preprocessing"):
        one, two = getattr(gallery, what), getattr(new, what)
        if one != two:
            raise ValueError(
                f"templates of two {what}s do not compare, {one!r} and {two!r}: embed all photos "
                "in one way"
            )
    dims = gallery.vectors.shape[1], new.vectors.shape[1]
    if dims[0] != dims[1]:
        raise ValueError(f"templates of {dims[0]} and of {dims[1]} dimensions do not compare")
    if gallery.scale is None and new.scale is not None:
        raise ValueError("the gallery holds float32, and not bytes: add float32 to it")
    rows = _missing(gallery, new)
    if not rows:
        return gallery, 0
    vectors, scale = _with(gallery, new.floats(rows))
    people, paths = (
        Texts.of(here) + Texts.of(texts[i] for i in rows)
        for here, texts in ((gallery.people, new.people), (gallery.paths, new.paths))
    )
    origin = gallery.model, gallery.preprocessing
    return Gallery(vectors, people, paths, *origin, scale), len(rows)


def _missing(gallery: Gallery, new: Gallery) -> list[int]:
    """Return the rows of `new` that are not in the gallery under the same path."""
    here: dict[str, list[int]] = {path: [] for path in new.paths}
    # A byte is off by half a step of its scale at most, so two of them differ by half of both.
    steps = sum(1 / one.scale for one in (gallery, new) if one.scale is not None)
    same = SAME + gallery.vectors.shape[1] * (steps / 2) ** 2
    for row, path in enumerate(gallery.paths):
        if path in here:
            here[path].append(row)
    return [
        row
        for row, path in enumerate(new.paths)
        if not here[path] or _gaps(gallery.floats(here[path]), new.floats([row])).min() > same
    ]


def _gaps(vectors: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return np.square(vectors - vector).sum(axis=1)


def _with(gallery: Gallery, added: np.ndarray) -> tuple[np.ndarray, float | None]:
    """Return the gallery's vectors and the added ones, and their scale."""
    if gallery.scale is None:
        return np.concatenate([gallery.vectors, added]), None
    scale = min(gallery.scale, float(quantise(added, "global").scale))
    vectors = np.empty((len(gallery) + len(added), added.shape[1]), np.int8)
    for start in range(0, len(gallery), PART):
        rows = slice(start, min(start + PART, len(gallery)))
        same = scale == gallery.scale
        vectors[rows] = gallery.vectors[rows] if same else codes_at(gallery.floats(rows), scale)
    vectors[len(gallery) :] = codes_at(added, scale)
    return vectors, scale
