"""Embeddings of faces that lie on the disk, part by part, each made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..embedding.cache import EmbeddingCache, part_of
from ..embedding.embedder import Embedder
from ..preprocessing.listed_images import ENOUGH
from ..preprocessing.listing import FolderError
from ..preprocessing.read_folder import read_listed
from .enrolment import Progress

Who = TypeVar("Who")


class Stopped(Exception):
    """The end of a run that was asked to stop; its text says what is left."""


class FaceVectors:
    """Reads faces and embeds them, in parts; what was embedded once is remembered in `folder`."""

    def __init__(
        self, folder: Path, embedder: Embedder, progress: Progress, stop: Callable[[], bool]
    ):
        self.cache, self.embedder = EmbeddingCache(folder, embedder), embedder
        self.progress, self.stop = progress, stop

    def of(self, root: Path, crops: Mapping[str, Who], title: str) -> tuple[np.ndarray, list[Who]]:
        """Return the embeddings (N, D) of the files `crops` below `root`, and whom they show.

        A file that cannot be read, since somebody has damaged it, is left out.

        Raises
        ------
        Stopped
            Between two parts, when `stop` says so.
        """
        names, parts, who = list(crops), [], []
        with self.progress(title) as tell:
            count = part_of(len(names))
            for start in range(0, len(names), count):
                if tell is not None:
                    tell(start, len(names))
                if start and self.stop():
                    raise Stopped(f"{len(names) - start:,} faces to embed")
                part, paths = self._part(root, names[start : start + count])
                parts.append(part)
                who += [crops[path] for path in paths]
        return np.concatenate([self._none(), *parts]), who

    def _part(self, root: Path, crops: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:
        size, _, channels = self.embedder.architecture.input_shape
        try:
            faces = read_listed(root, crops, size, channels, mixed=lambda text: None, memory=ENOUGH)
        except FolderError:  # not one of them can be read
            return self._none(), ()
        return self.cache.transform(faces.images), faces.paths

    def _none(self) -> np.ndarray:
        return np.empty((0, self.embedder.architecture.dim), np.float32)
