"""Square faces and whom they show: reading a folder gives them, all later stages take them."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..files.words import count_text
from .crop_note import CENTRE_SQUARE
from .lazy_images import Images, in_parts, subset

Box = tuple[float, ...]  # (x0, y0, x1, y1)
BOX_COLUMNS = ("face", "x0", "y0", "x1", "y1")  # of a table with a row for each face


@dataclass(frozen=True, eq=False)
class Faces:
    """The square faces of a folder, whom they show, and what became of every other file.

    Attributes
    ----------
    images : ndarray of shape (N, S, S, C), uint8, or LazyImages
        Those that do not fit into memory are read from the disk when they are asked for.
    labels : ndarray of shape (N,), int64
        Indices into `people`.
    people : tuple of str
        The names in the Unicode form NFC, in natural order ('s2' before 's10').
    paths : tuple of str
        Where each image came from: relative to the root, with '/'. A whole photo may have given
        several faces: then they stand together, from left to right, all with its path.
    skipped : tuple of (path, reason)
        Photos that could not be used.
    ignored : tuple of str
        Other files, and folders (with a final '/') inside a person's folder. And whatever has a
        name that is no valid Unicode, with a note.
    dropped : tuple of str
        Person folders without a photo that could be used.
    duplicates : tuple of tuples of paths
        Photos that are the same file, byte for byte, under several paths.
    cut : str
        How all of them were cut, in words; see `crop_note.in_words`.
    origins : tuple of str
        The photo that each face was cut from: faces with the same one are of one photo. If left
        out, it is the paths.
    anonymous : bool
        Whether nobody has said who is shown: `people` are folders, '' for photos in none.
    boxes : tuple of ((x0, y0, x1, y1) or None)
        Where each face was found in its whole photo, in pixels of the upright one; None for a photo
        that was taken as it is. It is () where nobody looked for faces.
    """

    images: Images
    labels: np.ndarray
    people: tuple[str, ...]
    paths: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    duplicates: tuple[tuple[str, ...], ...] = ()
    cut: str = CENTRE_SQUARE
    origins: tuple[str, ...] = ()
    anonymous: bool = False
    boxes: tuple[Box | None, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "origins", self.origins or self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return the number of each face in its photo, from 1."""
        seen: Counter[str] = Counter()
        numbers = []
        for path in self.paths:
            seen[path] += 1
            numbers.append(seen[path])
        return tuple(numbers)

    @property
    def captions(self) -> tuple[str, ...]:
        """Return a name for each face: its photo's path, or 'party.jpg (face 2)' of several."""
        faces = Counter(self.paths)
        return tuple(
            f"{path} (face {number})" if faces[path] > 1 else path
            for path, number in zip(self.paths, self.numbers, strict=True)
        )

    @property
    def pixels(self) -> np.ndarray:
        """Return all images as one array, for work that needs them at once."""
        return np.asarray(self.images)

    @property
    def content(self) -> str:
        """Return a digest of images and labels: equal for equal faces, whatever their names."""
        total = hashlib.sha256()
        for part in in_parts(self.images):
            total.update(part.tobytes())
        total.update(self.labels.tobytes())
        return total.hexdigest()[:16]

    @property
    def box_rows(self) -> list[tuple]:
        """Return `BOX_COLUMNS` for each face: its number and box, if it was found in a photo."""
        nothing = (None,) * len(BOX_COLUMNS)
        rows = zip(self.numbers, self.boxes, strict=True)
        return [(number, *box) if box else nothing for number, box in rows]

    @property
    def largest(self) -> list[int]:
        """Return the index of one face for each photo, the largest."""
        best: dict[str, int] = {}
        for i, path in enumerate(self.paths):
            if path not in best or area(self.boxes[i]) > area(self.boxes[best[path]]):
                best[path] = i
        return list(best.values())

    def subset(self, index: np.ndarray | slice) -> "Faces":
        """Return the faces at `index` (integers, a boolean mask or a slice).

        `people` and their numbering stay, so that labels of two subsets mean the same. Skipped,
        ignored and dropped files belong to the whole folder and are left out.
        """
        chosen = np.arange(len(self))[index]
        paths = tuple(self.paths[i] for i in chosen)
        kept = set(paths)
        return replace(
            self,
            images=subset(self.images, chosen),
            labels=self.labels[chosen],
            paths=paths,
            origins=tuple(self.origins[i] for i in chosen),
            boxes=tuple(self.boxes[i] for i in chosen) if self.boxes else (),
            skipped=(),
            ignored=(),
            dropped=(),
            duplicates=repeated([p for p in group if p in kept] for group in self.duplicates),
        )

    def summary(self) -> str:
        """Return one line: '400 photos of 40 people, 2 skipped', and the cut, if no centre square.

        For anonymous photos it is '16 photos in 3 folders', or '9 photos'; where one shows several
        faces, '12 faces on 9 photos'.
        """
        line, shown = count_text(len(set(self.paths)), "photo"), np.unique(self.labels)
        if len(set(self.paths)) < len(self):
            line = f"{len(self)} faces on {line}"
        if not self.anonymous:
            line += f" of {count_text(len(shown), 'person', 'people')}"
        elif folders := sum(self.people[label] != "" for label in shown):
            line += f" in {count_text(folders, 'folder')}"
        if self.cut != CENTRE_SQUARE:
            line += f" ({self.cut})"
        if self.skipped:
            line += f", {len(self.skipped)} skipped"
        if self.dropped:
            line += f", {count_text(len(self.dropped), 'person', 'people')} without a photo"
        if self.ignored:
            line += f", {count_text(len(self.ignored), 'other file')} ignored"
        if self.duplicates:
            line += f", {count_text(sum(map(len, self.duplicates)), 'photo')} with an exact copy"
        return line


def repeated(groups: Iterable[list[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(group) for group in groups if len(group) > 1)


def area(box: Box | None) -> float:
    return (box[2] - box[0]) * (box[3] - box[1]) if box else 0.0
