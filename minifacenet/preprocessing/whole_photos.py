"""Whole photos for a network that knows faces: they are found and cut out on the way.

    faces = read_whole_photos("PHOTOS", embedder.cut, size=150)               # the largest of each
    faces = read_whole_photos("PHOTOS", embedder.cut, size=150, every=True)   # all of each
    faces.images, faces.paths, faces.boxes, faces.captions

A network keeps the words for how the faces of its training were cut, and they say how to cut those
of a photo: see align_listed.py. A folder may hold crops of `align` beside photos. Those that were
cut so already are taken as they are; where there are others, all is read as it is, and
`Faces.cut` says what was read.

A photo of a known person gives its largest face. Where nobody is known yet, it gives all, from left
to right: `paths` repeats the photo for each, `numbers` counts them, `boxes` tells them apart.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

from ..files.words import count_text
from ..machine.workers import Engine
from .align_listed import settings_for
from .choose_and_cut import CropSettings, Face
from .crop_files import content
from .crop_note import how_cut, is_crop
from .crop_store import CropStore
from .faces import Box, Faces, area
from .lazy_images import LazyImages
from .listing import FolderError
from .manifest import Entry
from .photo import PhotoError, read_bytes
from .read_folder import read_listed, read_photos

Tell = Callable[[int, int], None]


class NoFace(FolderError):
    """The error for photos of which none shows a face, each with what was looked at."""


@dataclass
class FaceFinder:
    """A reader in the place of `read_listed`, which finds the faces of whole photos.

    Parameters
    ----------
    cut : str
        How faces are cut, in words: `Embedder.cut`.
    every : bool
        Take all faces of a whole photo, not the largest one.
    cache : path, optional
        A folder that keeps what was found, by the content of each photo: see crop_store.py.
    workers : int or Cluster
        See `align_folder`. A cluster needs a `cache`, in a folder that all machines see.
    begin : callable(whole, crops)
        Called once there are whole photos: how many, and how many faces are cut so already.
    finding, reading : callable() -> context manager
        They give what is called as tell(done, total) while faces are found, and while files are
        read.
    warn : callable(str)
        Called with a message about a cache that could not be used.
    memory : int, optional
        As in `read_listed`.

    Attributes
    ----------
    found : dict of Entry
        What each whole photo showed, by its path in the folder that was read last.
    """

    cut: str
    every: bool = False
    cache: str | os.PathLike | None = None
    workers: int | Engine = 1
    begin: Callable[[int, int], None] = lambda whole, crops: None
    finding: Callable[[], AbstractContextManager[Tell | None]] = nullcontext
    reading: Callable[[], AbstractContextManager[Tell | None]] = nullcontext
    warn: Callable[[str], None] = lambda text: None
    memory: int | None = None
    found: dict[str, Entry] = field(default_factory=dict, init=False)

    def __call__(
        self,
        root: str | os.PathLike,
        photos: Sequence[str],
        size: int = 96,
        channels: int | None = None,
        progress: Tell | None = None,
        mixed: Callable[[str], None] | None = None,
    ) -> Faces:
        """Read the listed photos; arguments and errors are those of `read_listed`, and NoFace."""
        self.found = {}
        settings, root = settings_for(self.cut, size, select="all"), Path(root)
        whole, crops, lost = _sorted(root, photos)
        if not whole or any(cut != self.cut for cut in crops.values()):
            with self.reading() as tell:
                return read_listed(
                    root, photos, size, channels, progress or tell, mixed, memory=self.memory
                )
        self.begin(len(whole), len(crops))
        store = self._store(settings)
        with self.finding() as tell:
            tell = progress or tell or (lambda done, total: None)
            self.found = store.entries(root, whole, self.workers, tell)
        cut_out = {name: self._taken(self.found[name], store.folder) for name in whole}
        lost |= {name: self.found[name].reason for name in whole if not cut_out[name]}
        kept = [name for name in photos if name not in lost]
        if not kept:
            raise NoFace(_nothing(root, photos, lost, settings))
        with self.reading() as tell:
            faces = read_listed(root, kept, size, channels, tell, mixed, cut_out, self.memory)
        if isinstance(faces.images, LazyImages):
            faces.images.held = store  # whose folder has the files
        lost |= dict(faces.skipped)
        return replace(faces, skipped=tuple((name, lost[name]) for name in photos if name in lost))

    @property
    def several(self) -> list[str]:
        """The whole photos that showed several faces."""
        return [name for name, entry in self.found.items() if entry.kept > 1]

    def chosen(self, photo: str) -> Face:
        """Return the largest face of a photo that was read."""
        return max((face for face in self.found[photo].faces if not face.reason), key=_area)

    def _store(self, settings: CropSettings) -> CropStore:
        """Return the place for crops: the cache, or a folder that goes when nobody holds it."""
        elsewhere = not isinstance(self.workers, int)
        if elsewhere and self.cache is None:
            raise ValueError(
                "the faces that other machines find need a folder that all of them see: say "
                "--cache FOLDER"
            )
        if self.cache is not None:
            store = CropStore(Path(self.cache), settings, self.warn)
            try:
                store.try_to_write()
            except OSError as error:
                if elsewhere:
                    raise
                self.warn(f"{error}: the faces that are found are not kept")
            else:
                return store
        folder = mkdtemp(prefix="minifacenet-")
        store = CropStore(Path(folder), settings)
        finalize(store, rmtree, folder, ignore_errors=True)
        return store

    def _taken(self, entry: Entry, folder: Path) -> list[tuple[Path, Box]]:
        """Return the files of a photo's faces that are to be read, each with its box."""
        kept = {
            face: folder / crop
            for face, crop in zip(entry.faces, entry.crops, strict=True)
            if crop and face.box is not None
        }
        faces = sorted(kept, key=_middle)
        if faces and not self.every:
            faces = [max(faces, key=_area)]
        return [(kept[face], face.box or ()) for face in faces]


def read_whole_photos(
    root: str | os.PathLike,
    cut: str,
    size: int = 96,
    channels: int | None = None,
    every: bool = False,
    cache: str | os.PathLike | None = None,
    workers: int | Engine = 1,
    layout: Callable[..., Faces] = read_photos,
) -> Faces:
    """Find the faces of photos, cut them out and read them.

    Parameters
    ----------
    root : path
        A folder of photos, or one photo. Crops that were cut so are taken as they are.
    cut : str
        How faces are cut, in words: `Embedder.cut`.
    size, channels : int
        As in `read_faces`.
    every : bool
        Take all faces of a photo, from left to right, not the largest one.
    cache : path, optional
        A folder that keeps what was found: a photo is looked at again only if it has changed.
    workers : int or Cluster
        Processes of this machine, or a Dask cluster: see machine/cluster.py. With more than one
        process, a script has to guard its start with `if __name__ == "__main__":`, as always with
        processes that are started afresh.
    layout : {read_photos, read_faces}
        `read_faces` takes `root/person/photo` alone.

    Returns
    -------
    Faces
        `skipped` has the photos without a face, with the reason.

    Raises
    ------
    NoFace
        None of the photos shows a face.
    FolderError, CheckpointError, ValueError
        As in `read_faces`; the detector's weights are missing; nothing is cut by such words.
    """
    return layout(root, size, channels, reader=FaceFinder(cut, every, cache, workers))


def _sorted(
    root: Path, photos: Sequence[str]
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return whole photos with their content, crops with their cut, and what cannot be read."""
    whole, crops, lost = {}, {}, {}
    for name in photos:
        try:
            data = read_bytes(root / name)
        except PhotoError as error:
            lost[name] = error.reason
            continue
        if is_crop(data):
            crops[name] = how_cut(data, name)[0]
        else:
            whole[name] = content(data)
    return whole, crops, lost


def _nothing(
    root: Path, photos: Sequence[str], lost: Mapping[str, str], settings: CropSettings
) -> str:
    """Say that no photo gave a face, and what was looked for."""
    done = (
        f"MTCNN looked at the upright photo for faces of {settings.min_size:g} pixels or more, "
        f"with a score of {settings.min_score:g} or more"
    )
    if len(photos) == 1:
        reason = lost[photos[0]]
        looked = f" ({done})" * reason.startswith("no face")
        return f"{root / photos[0]}: {reason}{looked}"
    names = "; ".join(f"{name}: {lost[name]}" for name in photos[:3])
    return (
        f"no face in any of the {count_text(len(photos), 'photo')} in '{root}' ({done}): {names}"
        + "; ..." * (len(photos) > 3)
    )


def _area(face: Face) -> float:
    return area(face.box or ())


def _middle(face: Face) -> float:
    return sum((face.box or ())[::2])
