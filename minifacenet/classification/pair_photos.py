"""The photos behind a list of pairs.

A list of 6,000 pairs names 12,000 photos, but few different ones: LFW's has 7,701. So the photos
are found first, each is embedded once, and the pairs become indices into the embeddings. A photo
may be missing, say where faces were not found: then its pairs are left out and counted, and all
others keep their folds. An evaluation on fewer pairs is another benchmark, so report the number.
"""

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..preprocessing.align_listed import Crops
from ..preprocessing.faces import Faces
from ..preprocessing.person_names import person_name
from ..preprocessing.photo import EXTENSIONS
from ..preprocessing.read_folder import read_listed
from .pair_lists import Pairs, PairsError

_LFW_PATH = re.compile(r"([^/]+)/\1_[0-9]{4,}\.jpg")


@dataclass(frozen=True, eq=False)
class FoundPairs:
    """The pairs whose two photos are there, and these photos, each once.

    Attributes
    ----------
    paths : tuple of str
        N distinct photos relative to the root, with '/': embed these, in this order.
    first, second : ndarray of shape (M,), int64
        Indices into `paths`.
    same : ndarray of shape (M,), bool
    fold : ndarray of shape (M,), int64
        Numbers as in the list, whatever is missing.
    missing : tuple of str
        Photos of the list that are not there, as the list names them.
    left_out : int
        Pairs with a missing photo.
    incomplete : tuple of (fold, pairs same, pairs different)
        Folds with no pair of a kind: `folds.evaluate` cannot score them.
    """

    paths: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    fold: np.ndarray
    missing: tuple[str, ...]
    left_out: int
    incomplete: tuple[tuple[int, int, int], ...]

    def distances(self, embeddings: ArrayLike, seconds: ArrayLike | None = None) -> np.ndarray:
        """Return the pairs' squared L2 distances, (M,) float64, from embeddings of `paths`.

        `seconds` are those of another model, from which each pair's second photo is taken.
        """
        first = self._checked(embeddings)
        second = first if seconds is None else self._checked(seconds)
        return np.square(first[self.first] - second[self.second]).sum(axis=1)

    def _checked(self, embeddings: ArrayLike) -> np.ndarray:
        embeddings = np.asarray(embeddings, dtype=np.float64)
        if embeddings.ndim != 2 or len(embeddings) != len(self.paths):
            raise ValueError(
                f"expected embeddings of shape ({len(self.paths)}, D), one a photo of `paths`, "
                f"got {embeddings.shape}"
            )
        return embeddings

    def summary(self) -> str:
        """Return a line: '5,998 of 6,000 pairs found, 7,699 photos; 2 photos missing: ...'."""
        pairs = f"{len(self.same):,} of {len(self.same) + self.left_out:,} pairs found"
        line = f"{pairs}, {len(self.paths):,} photos"
        if self.missing:
            names = ", ".join(self.missing[:3]) + ", ..." * (len(self.missing) > 3)
            line += f"; {len(self.missing):,} photo{'s' * (len(self.missing) > 1)} missing: {names}"
        for fold, same, different in self.incomplete:
            line += f"; fold {fold} has {same} same and {different} different pairs"
        return line


def read_pair_photos(
    root: str | os.PathLike,
    pairs: Pairs,
    size: int,
    channels: int | None,
    progress: Callable[[int, int], None] | None = None,
    mixed: Callable[[str], None] | None = None,
    crops: Crops | None = None,
    reader: Callable[..., Faces] = read_listed,
) -> tuple[FoundPairs, Faces]:
    """Find the photos and read them, or their `crops`; row i of the faces is `paths[i]`.

    A photo that cannot be read, or has no crop, counts as missing, and stands in `Faces.skipped`
    with the reason. Other arguments and errors are those of `find_photos` and
    `read_folder.read_faces`.
    """
    without = {} if crops is None else dict(crops.reasons)
    found = find_photos(root, pairs, without)
    if crops is None:
        faces = reader(root, found.paths, size, channels, progress, mixed)
    else:
        photo_of = {crops.files[path]: path for path in found.paths}
        faces = reader(crops.folder, [*photo_of], size, channels, progress, mixed)
        skipped = tuple((photo_of[crop], reason) for crop, reason in faces.skipped)
        faces = replace(faces, paths=tuple(photo_of[crop] for crop in faces.paths), skipped=skipped)
    skipped = (*without.items(), *faces.skipped)
    if faces.skipped:
        found = find_photos(root, pairs, dict(skipped))
        row = {path: i for i, path in enumerate(faces.paths)}
        faces = faces.subset(np.array([row[path] for path in found.paths]))
    return found, replace(faces, skipped=skipped)


def find_photos(
    root: str | os.PathLike, pairs: Pairs, unreadable: Collection[str] = ()
) -> FoundPairs:
    """Find the photos of a list of pairs under a folder; leave out pairs without both.

    LFW's `Name/Name_0001.jpg` may have any photo's ending on disk, such as `.png` or `.JPG`.
    All other paths are taken as they are, in any Unicode form. The paths in `unreadable` count as
    missing.

    Raises
    ------
    PairsError
        If no pair is found, or if a photo is there with several endings or in several forms.
    """
    root = Path(root)
    located = {name: _locate(root, name) for name in dict.fromkeys(pairs.first + pairs.second)}
    located = {name: None if path in unreadable else path for name, path in located.items()}
    missing = tuple(name for name, path in located.items() if path is None)
    couples = [(located[a], located[b]) for a, b in zip(pairs.first, pairs.second, strict=True)]
    kept = np.array([None not in couple for couple in couples], dtype=bool)
    if not kept.any():
        found = "" if root.is_dir() else f"; '{root}' is no folder"
        raise PairsError(
            f"0 of {len(pairs):,} pairs found in '{root}'; first missing: "
            f"{root / missing[0]}{found}"
        )
    index: dict[str, int] = {}
    indices = [
        [index.setdefault(path, len(index)) for path in (first, second)]
        for first, second in couples
        if first is not None and second is not None
    ]
    first, second = np.array(indices, dtype=np.int64).T
    same, fold = np.array(pairs.same, dtype=bool)[kept], np.array(pairs.fold, np.int64)[kept]
    counts = [
        (number, int(same[fold == number].sum()), int((~same)[fold == number].sum()))
        for number in sorted(set(pairs.fold))
    ]
    return FoundPairs(
        paths=tuple(index),
        first=first,
        second=second,
        same=same,
        fold=fold,
        missing=missing,
        left_out=int((~kept).sum()),
        incomplete=tuple(count for count in counts if 0 in count[1:]),
    )


def _locate(root: Path, name: str) -> str | None:
    """Return the path of a photo relative to the root, or None if it is not there."""
    if os.path.isfile(root / name):  # unlike Path.is_file, also False for a name that no disk takes
        return name
    any_ending = _LFW_PATH.fullmatch(name) is not None
    if name.isascii() and not any_ending:
        return None
    folder, slash, photo = name.rpartition("/")
    stem, ending = os.path.splitext(person_name(photo))

    def fits(other: str) -> bool:
        its_stem, its_ending = os.path.splitext(person_name(other))
        return its_stem == stem and (
            its_ending.lower() in EXTENSIONS if any_ending else its_ending == ending
        )

    found = sorted(
        place + other
        for place in _on_disk(root, folder + slash)
        for other in _names_in(root / place)
        if fits(other) and os.path.isfile(root / place / other)
    )
    if len(found) > 1:
        one_form = len(found) == len(set(map(person_name, found)))  # or they would look alike here
        names = " and ".join(found if one_form else map(ascii, found))
        raise PairsError(f"which photo is {name}? '{root}' holds {names}: keep one")
    return found[0] if found else None


def _names_in(folder: Path) -> list[str]:
    """Return the names in a folder; none if it cannot be opened: its photos are missing then."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _on_disk(root: Path, folder: str) -> list[str]:
    """Return the folders that are `folder` in any Unicode form, with '/' at the end."""
    places = [""]
    for part in folder.split("/")[:-1]:
        if part.isascii():
            places = [f"{place}{part}/" for place in places]
            continue
        places = [
            f"{place}{other}/"
            for place in places
            for other in _names_in(root / place)
            if person_name(other) == person_name(part)
        ]
    return [place for place in places if os.path.isdir(root / place)]
