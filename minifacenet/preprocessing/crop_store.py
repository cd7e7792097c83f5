"""Crops of all faces of photos, kept by the photos' content: a photo is looked at once.

    FOLDER/.faces-<digest of the settings>/faces/<content>.png     its crops: see crop_files.py
    FOLDER/.faces-<digest of the settings>/manifest.csv            what was found: see manifest.py

`align_folder` keeps crops for people, by the names of one folder's photos. A command that meets
whole photos keeps them for the next command, which may be given one photo, another folder, or the
same one under a new name. So the key is the content: a photo that has changed is looked at again,
one that was moved is not. The folder is hidden, because photos may lie beside it, and nobody should
take the crops for more of them. It may be deleted at any time.

Of two processes that write at the same moment the last one wins, and what the other one added to
the manifest is found again when needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from ..files.arrays import CheckpointError
from ..files.atomic import digest, sweep, try_to_write
from ..machine.workers import Engine
from .align_folder import SAVE_SECONDS
from .choose_and_cut import CropSettings
from .crop_files import cropped
from .crop_note import untouched_photo
from .crop_places import is_below_faces
from .manifest import Entry, load_manifest, save_manifest
from .mtcnn import DIGEST, MTCNN, default_file
from .photo import PhotoError, read_bytes

FORMAT = "crop store 1"


@dataclass(frozen=True)
class CropStore:
    """A place for crops.

    Parameters
    ----------
    parent : Path
        The folder that holds it; it is made when the first face is cut out.
    settings : CropSettings
        They keep all faces: who reads them chooses.
    warn : callable(str)
        Called with a message about a manifest that could not be used.
    """

    parent: Path
    settings: CropSettings
    warn: Callable[[str], None] = lambda text: None

    @property
    def folder(self) -> Path:
        key = digest(FORMAT, DIGEST, repr(astuple(self.settings)))
        return self.parent / f".faces-{key}"

    def try_to_write(self) -> None:
        """Raise OSError if nothing can be kept here."""
        try_to_write(self.folder / "manifest.csv")

    def entries(
        self,
        root: Path,
        contents: Mapping[str, str],
        workers: int | Engine = 1,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> dict[str, Entry]:
        """Return what the photos show; those that are not known yet are looked at.

        `contents` are the photos, relative to `root`, each with its `crop_files.content`. Files of
        crops are relative to `folder`.

        Raises
        ------
        CheckpointError
            The detector is needed, and its weights are missing or not the right ones.
        OSError
            The disk is full, or the like; the message names the file.
        """
        sweep(self.folder)
        stored = self._stored()
        known = {key: stored[key] for key in {*contents.values()} & {*stored}}
        known = {key: entry for key, entry in known.items() if self._is_whole(entry)}
        first: dict[str, str] = {}  # the photos to look at, by content
        for name, key in contents.items():
            if key not in known:
                first.setdefault(key, name)
        if first:
            load_detector()
            sweep(self.folder, below=True)  # whose crop was killed is looked for again
        places = {name: key for key, name in first.items()}
        before, fresh = len(contents) - len(first), {}
        last_save = time.monotonic()
        progress(before, len(contents))
        try:
            arguments = (root, self.folder, self.settings, None, places)
            with closing(cropped([*places], arguments, workers)) as entries:
                for entry in entries:
                    fresh[places[entry.photo]] = entry
                    progress(before + len(fresh), len(contents))
                    if time.monotonic() > last_save + SAVE_SECONDS:
                        self._save(fresh)
                        last_save = time.monotonic()
        finally:
            self._save(fresh)
        known |= fresh
        return {name: replace(known[key], photo=name) for name, key in contents.items()}

    def _stored(self) -> dict[str, Entry]:
        try:
            entries = load_manifest(self.folder / "manifest.csv")
        except (ValueError, OSError) as error:
            self.warn(f"{str(error).split(': say')[0]}: faces are found anew")
            return {}
        return {
            key: entry
            for key, entry in entries.items()
            if key == entry.content and all(map(is_below_faces, filter(None, entry.crops)))
        }

    def _is_whole(self, entry: Entry) -> bool:
        """Return whether all crops are there, as they were written."""
        try:
            files = [self.folder / crop for crop in entry.crops if crop]
            return all(untouched_photo(read_bytes(file)) is not None for file in files)
        except PhotoError:
            return False

    def _save(self, fresh: Mapping[str, Entry]) -> None:
        """Add to the manifest what is known now of photos that did not change meanwhile."""
        new = {
            key: replace(entry, photo=key) for key, entry in fresh.items() if entry.content == key
        }
        if new:
            both = replace(self, warn=lambda text: None)._stored() | new
            save_manifest(self.folder / "manifest.csv", both.values())


def load_detector() -> None:
    """Raise CheckpointError, with what helps, unless the detector's weights are here."""
    try:
        MTCNN.load(None)
    except CheckpointError:
        if default_file().is_file():
            raise
        raise CheckpointError(
            f"{default_file()}: to find faces in whole photos takes the weights of the face "
            "detector, which are not there: run `minifacenet get mtcnn`"
        ) from None
