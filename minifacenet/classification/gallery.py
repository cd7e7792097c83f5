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
from ..files.stored import is_number
from ..files.texts import Texts
from ..files.words import shortened
from .nearest import Nearest

FORMAT = 1
SCALES = 1e-30, 1e33  # the smallest vectors' is 1.27e32, and squared a float64 holds each
ARRAYS = ("vectors", "people", "people_ends", "paths", "paths_ends")


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
        if self.scale is not None and not is_number(self.scale, *SCALES):
            raise ValueError(
                f"a scale is a number from {SCALES[0]} to {SCALES[1]}, got {shortened(self.scale)}"
            )
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
        rows, whole = self._search.search(codes_at(queries, self.scale), k, progress)
        return rows, whole / self.scale**2

    def quantised(self) -> Gallery:
        """Return the gallery with a byte for each number; itself, if it is so already."""
        if self.scale is not None:
            return self
        small = quantise(self.vectors, "global")
        return Gallery(
            small.codes, self.people, self.paths, self.model, self.preprocessing, float(small.scale)
        )

    def floats(self, rows: Any) -> np.ndarray:
        """Return the vectors of some rows, float32 of shape (n, D)."""
        some = self.vectors[rows]
        return some if self.scale is None else (some / np.float32(self.scale)).astype(np.float32)

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
            return cls(
                arrays["vectors"],
                Texts(arrays["people"], arrays["people_ends"]),
                Texts(arrays["paths"], arrays["paths_ends"]),
                str(stored["model"]),
                str(stored["preprocessing"]),
                stored["scale"],
            )
        except (KeyError, ValueError) as error:
            raise CheckpointError(f"{path}: damaged ({error}): make it anew") from None


def codes_at(vectors: np.ndarray, scale: float) -> np.ndarray:
    """Round vectors to whole numbers from -127 to 127 at a given scale, int8."""
    vectors = np.asarray(vectors)
    if not np.isfinite(vectors).all():
        raise ValueError("queries hold NaN or infinity")
    whole = np.rint(vectors * np.float32(scale))
    return np.clip(whole, -LARGEST, LARGEST).astype(np.int8)
