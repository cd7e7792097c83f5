"""A library of photos, the photos of people who are known, and the folder for what is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..embedding.embedder import Embedder
from ..files.atomic import holds_anything
from ..files.links import real_path
from ..files.reading import read_whole
from ..files.stored import json_object
from ..preprocessing.align_folder import Alignment, align_folder
from ..preprocessing.align_listed import settings_for
from ..preprocessing.choose_and_cut import CropSettings
from ..preprocessing.listing import FolderError, photos_below
from ..preprocessing.results import refuse_among

WORK = "work"


@dataclass(frozen=True)
class RecognitionSettings:
    """What decides about the names.

    Attributes
    ----------
    model : str or path
        A run's folder, a model file, or the name of a published network.
    far : float
        The share of strangers' faces that may get a name. The model holds gates for a few shares.
    threshold : float, optional
        The gate itself, a squared distance from 0 to 4.
    distance : float, optional
        The mean squared distance up to which strangers are one group; the model's, if left out.
    min_size : float
        The smallest face, in pixels of the photo.
    try_rotations : bool
        Turn photos in which there is no face.
    """

    model: str | Path = "dlib_resnet"
    far: float = 0.01
    threshold: float | None = None
    distance: float | None = None
    min_size: float = CropSettings.min_size
    try_rotations: bool = False

    def crops(self, embedder: Embedder) -> CropSettings:
        """Return how all faces of a photo are cut out for a network."""
        return settings_for(
            embedder.cut,
            embedder.architecture.input_shape[0],
            select="all",
            min_size=self.min_size,
            try_rotations=self.try_rotations,
        )


@dataclass(frozen=True)
class Library:
    """The folders of a recognition: photos, known people (or None), and results."""

    photos: Path
    known: Path | None
    out: Path

    @property
    def work(self) -> Path:
        """The folder of what later runs go on from."""
        return self.out / WORK

    def check(self) -> None:
        """Refuse folders that lie in each other's way.

        Raises
        ------
        ValueError
        """
        refuse_among(self.out, self.photos)
        if self.known is not None:
            refuse_among(self.out, self.known)
            self._check_apart(real_path(self.photos), real_path(self.known))
        if self.out.is_dir() and holds_anything(self.out) and not self._is_ours():
            raise ValueError(f"{self.out} holds something else: choose a new folder")

    def _is_ours(self) -> bool:
        """Return whether OUT holds what an earlier run has left, however early it was killed."""
        if any((self.work / one / "align.json").is_file() for one in ("known", "photos")):
            return True
        return {path.name for path in self.out.iterdir() if path.name[0] != "."} <= {WORK}

    def _check_apart(self, photos: Path, known: Path) -> None:
        if photos.is_relative_to(known):
            how = "are one folder" if photos == known else "lie in each other, PHOTOS in KNOWN"
            raise ValueError(
                f"{self.photos} and {self.known} {how}: put a few photos of each known person into "
                "a folder of their own"
            )

    def to_name(self) -> list[str]:
        """Return the photos whose faces are to be named: all but those of KNOWN, which may lie
        among them.

        Raises
        ------
        FolderError
            There are none.
        """
        if os.path.isfile(self.photos):
            raise FolderError(f"'{self.photos}' is a file: recognise takes a folder of photos")
        listed = photos_below(self.photos).photos
        photos = real_path(self.photos)
        known = None if self.known is None else real_path(self.known)
        if known is None or not known.is_relative_to(photos):
            return list(listed)
        below = known.relative_to(photos).as_posix() + "/"
        names = [name for name in listed if not name.startswith(below)]
        if not names:
            raise FolderError(f"all photos of '{self.photos}' lie in '{self.known}': none to name")
        return names

    def align_known(
        self,
        settings: CropSettings,
        progress: Callable[[int, int], None],
        stop: Callable[[], bool],
        **how: Any,
    ) -> Alignment:
        """Cut out the largest face of each known photo.

        Another KNOWN than the last time is no mistake: its photos are done anew.
        """
        assert self.known is not None
        out = self.work / "known"
        how["force"] = how["force"] or _made_from(out) not in ("", str(self.known.absolute()))
        return align_folder(self.known, out, settings, progress=progress, stop=stop, **how)


def _made_from(out: Path) -> str:
    """Return the folder that an earlier run has aligned into `out`; '' if that is not known."""
    try:
        return str(json_object(read_whole(out / "align.json")).get("photos", ""))
    except (OSError, ValueError):
        return ""
