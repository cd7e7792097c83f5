"""From a folder of people to square faces: one folder a person, their photos inside.

    photos/
        Ada/     1.jpg  2.png
        Grace/   portrait.JPG

The folder's name is the label, so nobody writes a list. Real folders are untidy: a note among the
photos, a file that was cut off while copying, one folder level too many. The rule here is that
nothing vanishes in silence: a file is a face, or it is named together with the reason why not. And
only a folder that gives no face at all is an error.
"""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from .photo import EXTENSIONS, PhotoError, decode_photo, read_bytes


class FolderError(ValueError):
    """A folder that holds no faces in the layout `root/person/photo`."""


@dataclass(frozen=True, eq=False)
class Faces:
    """Square faces, who they show, and what became of every other file.

    Attributes
    ----------
    images : ndarray of shape (N, S, S, C), uint8
    labels : ndarray of shape (N,), int64
        Indices into `people`.
    people : tuple of str
        The names, in natural order ('s2' before 's10').
    paths : tuple of str
        Where each image came from: relative to the root, with '/'.
    skipped : tuple of (path, reason)
        Photos that could not be used.
    ignored : tuple of str
        What is no photo: other files, and folders (with a final '/') inside a person's folder.
    dropped : tuple of str
        Person folders without a photo that could be used.
    duplicates : tuple of tuples of paths
        Photos that are the same file, byte for byte, under several paths.
    """

    images: np.ndarray
    labels: np.ndarray
    people: tuple[str, ...]
    paths: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    duplicates: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def content(self) -> str:
        """A digest of images and labels: equal for equal faces, whatever their names."""
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()[:16]

    def subset(self, index: np.ndarray | slice) -> "Faces":
        """The faces at `index` (integers, a boolean mask or a slice).

        `people` and their numbering stay, so that labels of two subsets mean the same. What was
        skipped, ignored or dropped belongs to the whole folder and is left out.
        """
        chosen = np.arange(len(self))[index]
        paths = tuple(self.paths[i] for i in chosen)
        kept = set(paths)
        return replace(
            self,
            images=self.images[chosen],
            labels=self.labels[chosen],
            paths=paths,
            skipped=(),
            ignored=(),
            dropped=(),
            duplicates=_repeated([p for p in group if p in kept] for group in self.duplicates),
        )

    def summary(self) -> str:
        """One line: '400 photos of 40 people, 2 skipped'."""
        people = len(np.unique(self.labels))
        line = f"{_count(len(self), 'photo')} of {_count(people, 'person', 'people')}"
        if self.skipped:
            line += f", {len(self.skipped)} skipped"
        if self.dropped:
            line += f", {_count(len(self.dropped), 'person', 'people')} without a photo"
        if self.ignored:
            line += f", {_count(len(self.ignored), 'other file')} ignored"
        if self.duplicates:
            line += f", {_count(sum(map(len, self.duplicates)), 'photo')} with an exact copy"
        return line


def square_crop(photo: np.ndarray, size: int) -> np.ndarray:
    """Cut the centre square out of a photo and resize it.

    Takes an ndarray of shape (H, W, 1) or (H, W, 3), uint8, and returns a new one of shape
    (size, size, C), uint8. Shrinking averages over all pixels below a new one (Pillow's bicubic
    filter widens with the scale), so fine patterns fade instead of turning into false coarse ones.
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] not in (1, 3):
        got = f"{photo.dtype} of shape {photo.shape}"
        raise ValueError(f"expected a uint8 photo of shape (H, W, 1) or (H, W, 3), got {got}")
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, got {size}")
    height, width, channels = photo.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = photo[top : top + side, left : left + side]
    image = Image.fromarray(square[..., 0] if channels == 1 else square)
    resized = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.array(resized).reshape(size, size, channels)


def read_faces(
    root: str | os.PathLike,
    size: int = 96,
    channels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Faces:
    """Read the photos `root/person/photo` as square faces.

    Hidden entries are passed over. A photo that cannot be read is skipped with its reason and
    never ends the run. The result is in natural order of its paths, the same on every machine.

    Parameters
    ----------
    root : str or path
    size : int
        Side of the faces in pixels.
    channels : {None, 1, 3}
        1: grey. 3: RGB, where grey photos get three equal channels. None: 1 if all photos are
        grey, else 3.
    progress : callable(done, total), optional
        Called after each photo.

    Raises
    ------
    FolderError
        If the root gives no face, with what was found there and what was expected.
    """
    if channels not in (None, 1, 3):
        raise ValueError(f"channels must be None, 1 or 3, got {channels!r}")
    root = Path(root)
    folders, photos, ignored, stray = _listing(root)
    skipped = [(name, "lies beside the person folders, not in one") for name in stray]
    crops, paths, same_bytes = [], [], defaultdict(list)
    for done, path in enumerate(photos, start=1):
        try:
            data = read_bytes(root / path)
            crops.append(square_crop(decode_photo(data, root / path), size))
            paths.append(path)
            same_bytes[hashlib.sha256(data).digest()].append(path)
        except PhotoError as error:
            skipped.append((path, error.reason))
        if progress is not None:
            progress(done, len(photos))
    if not crops:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in skipped[:3])
        raise FolderError(f"no photo in '{root}' could be read, of {len(photos)}: {reasons}")
    names = [path.split("/")[0] for path in paths]
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return Faces(
        images=_stack(crops, channels),
        labels=np.array([number[name] for name in names], dtype=np.int64),
        people=tuple(number),
        paths=tuple(paths),
        skipped=tuple(skipped),
        ignored=tuple(ignored),
        dropped=tuple(name for name in folders if name not in number),
        duplicates=_repeated(same_bytes.values()),
    )


def _listing(root: Path) -> tuple[list[str], list[str], list[str], list[str]]:
    """Sort what lies in the root: person folders, their photos, other things, stray photos."""
    if not root.is_dir():
        found = "is not a folder" if root.exists() else "does not exist"
        raise FolderError(f"'{root}' {found}: pass the folder that holds one folder a person")
    folders, photos, ignored, stray = [], [], [], []
    for entry in _entries(root):
        if entry.is_dir():
            folders.append(entry.name)
            for item in _entries(entry):
                name = f"{entry.name}/{item.name}"
                (photos if _is_photo(item) else ignored).append(name + "/" * item.is_dir())
        else:
            (stray if _is_photo(entry) else ignored).append(entry.name)
    if not photos:
        raise FolderError(_what_is_wrong(root, folders, stray))
    return folders, photos, ignored, stray


def _entries(folder: Path) -> list[Path]:
    """The visible entries in natural order: 's2' before 's10', whatever order the disk gives."""

    def natural(path: Path) -> tuple:
        parts = re.split(r"([0-9]+)", path.name.casefold())
        return [int(part) if i % 2 else part for i, part in enumerate(parts)], path.name

    try:
        return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=natural)
    except OSError as error:
        raise FolderError(f"'{folder}' cannot be opened ({error.strerror})") from None


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS and not path.is_dir()


def _what_is_wrong(root: Path, folders: list[str], stray: list[str]) -> str:
    """Why `root/person/photo` matches nothing, and which folder to pass instead."""
    if stray:
        names = ", ".join(stray[:3]) + ", ..." * (len(stray) > 3)
        return (
            f"expected person folders, found {_count(len(stray), 'photo')} at top level: {names}. "
            f"Give each person a folder: '{root / 'NAME' / stray[0]}'"
        )
    if not folders:
        return f"no folder in '{root}': expected one folder a person, with their photos inside"
    for folder in folders:
        for deep in _entries(root / folder):
            if deep.is_dir() and any(_is_photo(item) for item in _entries(deep)):
                return (
                    f"the photos in '{root}' lie one level too deep, such as those in '{deep}'. "
                    f"If '{deep.name}' is a person, pass '{deep.parent}' instead"
                )
    return f"no photos (.jpg, .png, ...) in the {_count(len(folders), 'folder')} of '{root}'"


def _stack(crops: list[np.ndarray], channels: int | None) -> np.ndarray:
    """Crops of 1 or 3 channels as one array of shape (N, S, S, channels); None: see read_faces."""
    if channels is None:
        channels = max(crop.shape[2] for crop in crops)
    faces = np.empty((len(crops), *crops[0].shape[:2], channels), np.uint8)
    for face, crop in zip(faces, crops, strict=True):
        if channels < crop.shape[2]:
            crop = np.array(Image.fromarray(crop).convert("L"))[..., None]
        face[...] = crop  # One grey channel broadcasts to three equal ones.
    return faces


def _repeated(groups: Iterable[list[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(group) for group in groups if len(group) > 1)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
