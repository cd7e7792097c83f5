"""A gallery of templates: all photos of a million people, to ask for the nearest.

A template is the embedding of one enrolled photo, with its person and its path. Asking compares a
face with every template, exactly (see `nearest.py`), and whoever is nearest may be told their name.

In float32 a template of the paper's 128 dimensions takes 512 bytes. As bytes (`quantised`, see
`embedding/quantise.py`) it takes 128, with one scale for all, and distances are those of the codes:

    d = sum over k of (code_k - its code_k)² / scale²       a whole number, divided once

Names and paths stay UTF-8 until somebody asks for one (`files/texts.py`). On disk all this is one
file, written whole or not at all, with digests that tell when it has been damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..embedding.quantise import LARGEST, quantise
from ..embedding.store import Embeddings
from ..files.arrays import CheckpointError, load_arrays, save_arrays
from ..files.locks import locked
from ..files.stored import is_number
from ..files.texts import Texts
from ..files.words import shortened
from .nearest import Nearest

FORMAT = 1
ARRAYS = ("vectors", "people", "people_ends", "paths", "paths_ends")
PART = 65_536  # templates that are converted at a time
# Squared L2 between two embeddings of one photo: float32 rounds otherwise in another batch, and a
# byte may be another one. Two photos of one person are a thousand times as far apart.
SAME = 1e-4


@dataclass(frozen=True, eq=False)
class Gallery:
    """Templates to search, of one network.

        gallery = Gallery.of(Embeddings.load("vectors"))
        rows, distances = gallery.nearest(embedder.transform(photos), k=5)
        gallery.people[rows[0, 0]]                   # the person who is nearest to the first photo

    Attributes
    ----------
    vectors : ndarray of shape (N, D), float32; or int8, if there is a scale
        They are kept, not copied; do not change them.
    people : sequence of N str
        The person of each template; '' if unknown.
    paths : sequence of N str
        The photo of each.
    model, preprocessing : str
        `FaceNet.digest` of the network, and `Embedder.preprocessing`.
    scale : float, optional
        The number that codes are divided by; None for float32.

    Raises
    ------
    ValueError
        There are no templates, a type or shape is wrong, a value is NaN or infinite, or a template
        lacks a person or a path.
    """

    vectors: np.ndarray
    people: Sequence[str]
    paths: Sequence[str]
    model: str
    preprocessing: str
    scale: float | None = None

    def __post_init__(self) -> None:
        kind = np.float32 if self.scale is None else np.int8
        if self.vectors.dtype != kind or self.vectors.ndim != 2:
            raise ValueError(
                f"vectors are {np.dtype(kind)} of shape (N, D), got {self.vectors.dtype} "
                f"{self.vectors.shape}"
            )
        if self.scale is not None and not is_number(self.scale, 1e-30, 1e32):
            raise ValueError(f"a scale is finite and positive, got {shortened(self.scale)}")
        for name in ("people", "paths"):
            object.__setattr__(self, name, Texts.of(getattr(self, name)))
        if not len(self.vectors) == len(self.people) == len(self.paths):
            raise ValueError(
                f"{len(self.vectors)} vectors need as many people ('' if unknown) and paths, got "
                f"{len(self.people)} and {len(self.paths)}"
            )
        self._search  # noqa: B018  refuses what cannot be searched now, not at the first question

    @cached_property
    def _search(self) -> Nearest:
        return Nearest(self.vectors)

    @classmethod
    def of(cls, embeddings: Embeddings) -> Gallery:
        """Make a gallery of stored embeddings."""
        it = embeddings
        return cls(it.vectors, it.names, it.paths, it.model, it.preprocessing)

    def __len__(self) -> int:
        return len(self.vectors)

    def nearest(
        self,
        queries: np.ndarray,
        k: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the k nearest templates to each query, the nearest first.

        Parameters
        ----------
        queries : ndarray of shape (Q, D), floating
            Embeddings of the same network. A gallery of bytes rounds them to codes first; an entry
            beyond the largest code becomes that one.
        k : int
            1 to N.
        progress : callable(done, total), optional
            Called with queries.

        Returns
        -------
        rows : ndarray of shape (Q, k), int64
            Of equally near templates the first comes first.
        distances : ndarray of shape (Q, k), float64
            Squared L2.

        Raises
        ------
        ValueError
            The queries do not fit, hold NaN or infinity, or there is no such k.
        """
        if self.scale is None:
            return self._search.search(queries, k, progress)
        rows, whole = self._search.search(_codes(queries, self.scale), k, progress)
        return rows, whole / self.scale**2

    def quantised(self) -> Gallery:
        """Return the gallery with a byte for each number; itself, if it is so already."""
        if self.scale is not None:
            return self
        small = quantise(self.vectors, "global")
        return Gallery(
            small.codes, self.people, self.paths, self.model, self.preprocessing, float(small.scale)
        )

    def joined(self, new: Gallery) -> tuple[Gallery, int]:
        """Return a gallery with the templates of `new` after these, and how many were added.

        A template that is here already, with its path, is left out. Bytes stay bytes: where a new
        entry is larger than all before, the earlier ones are rounded once more, to a coarser scale.

        Raises
        ------
        ValueError
            They are of another network, or of photos that were prepared in another way.
        """
        for what in ("model", "preprocessing"):
            one, two = getattr(self, what), getattr(new, what)
            if one != two:
                raise ValueError(
                    f"templates of two {what}s do not compare, {one!r} and {two!r}: embed all "
                    "photos in one way"
                )
        if new.vectors.shape[1] != self.vectors.shape[1]:
            raise ValueError(
                f"templates of {self.vectors.shape[1]} and of {new.vectors.shape[1]} dimensions "
                "do not compare"
            )
        rows = self._missing(new)
        if not len(rows):
            return self, 0
        added = new.floats(rows)
        vectors, scale = self._with(added)
        people, paths = ([texts[i] for i in rows] for texts in (new.people, new.paths))
        joined = Gallery(
            vectors,
            Texts.of(self.people) + Texts.of(people),
            Texts.of(self.paths) + Texts.of(paths),
            self.model,
            self.preprocessing,
            scale,
        )
        return joined, len(rows)

    def floats(self, rows: Any) -> np.ndarray:
        """Return the vectors of some rows, float32 of shape (n, D)."""
        some = self.vectors[rows]
        return some if self.scale is None else (some / np.float32(self.scale)).astype(np.float32)

    def _missing(self, new: Gallery) -> list[int]:
        """Return the rows of `new` that are not here under the same path."""
        here: dict[str, list[int]] = {path: [] for path in new.paths}
        for row, path in enumerate(self.paths):
            if path in here:
                here[path].append(row)
        missing = []
        for row, path in enumerate(new.paths):
            if not here[path]:
                missing.append(row)
                continue
            gaps = np.square(self.floats(here[path]) - new.floats([row])).sum(axis=1)
            if not (gaps <= SAME).any():
                missing.append(row)
        return missing

    def _with(self, added: np.ndarray) -> tuple[np.ndarray, float | None]:
        """Return these vectors and the added ones, and their scale."""
        if self.scale is None:
            return np.concatenate([self.vectors, added]), None
        scale = min(self.scale, float(quantise(added, "global").scale))
        vectors = np.empty((len(self) + len(added), added.shape[1]), np.int8)
        for start in range(0, len(self), PART):
            part = self.vectors[start : start + PART]
            if scale != self.scale:
                part = _codes(self.floats(slice(start, start + PART)), scale)
            vectors[start : start + len(part)] = part
        vectors[len(self) :] = _codes(added, scale)
        return vectors, scale

    def save(self, path: str | Path) -> None:
        """Write the gallery, atomically; `path` should end in .safetensors."""
        arrays = {"vectors": self.vectors}
        for name in ("people", "paths"):
            texts = Texts.of(getattr(self, name))
            arrays |= {name: texts.data, f"{name}_ends": texts.ends}
        save_arrays(
            path,
            arrays,
            {
                "gallery_format": FORMAT,
                "version": __version__,
                "model": self.model,
                "preprocessing": self.preprocessing,
                "scale": self.scale,
            },
        )

    @classmethod
    def load(cls, path: str | Path) -> Gallery:
        """Read what `save` wrote.

        Raises
        ------
        CheckpointError
            The file is missing, damaged, of a newer format, or holds no gallery.
        """
        if not Path(path).is_file():
            raise CheckpointError(
                f"{path}: no such gallery: minifacenet gallery add PHOTOS --gallery {path} makes it"
            )
        arrays, stored = load_arrays(path)
        if "gallery_format" not in stored:
            raise CheckpointError(f"{path} holds no gallery: choose a file of `gallery add`")
        if stored["gallery_format"] != FORMAT:
            raise CheckpointError(
                f"{path}: format {shortened(stored['gallery_format'])} of a gallery, but "
                f"minifacenet {__version__} reads {FORMAT}"
            )
        try:
            texts = (Texts(arrays[name], arrays[f"{name}_ends"]) for name in ("people", "paths"))
            origin = (str(stored[name]) for name in ("model", "preprocessing"))
            return cls(arrays["vectors"], *texts, *origin, stored["scale"])
        except (KeyError, ValueError) as error:
            raise CheckpointError(f"{path}: damaged ({error}): make it anew") from None


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
        As `Gallery.joined` and `Gallery.load`; or another process is at work in the folder. The
        file stays as it was.
    """
    path = Path(path)
    with locked(path.parent):
        if not path.exists():
            new.save(path)
            return new, len(new)
        joined, added = Gallery.load(path).joined(new)
        if added:
            joined.save(path)
        return joined, added


def _codes(vectors: np.ndarray, scale: float) -> np.ndarray:
    """Round vectors to whole numbers from -127 to 127 at a given scale, int8."""
    vectors = np.asarray(vectors)
    if not np.isfinite(vectors).all():
        raise ValueError("queries hold NaN or infinity")
    whole = np.rint(vectors * np.float32(scale))
    return np.clip(whole, -LARGEST, LARGEST).astype(np.int8)
