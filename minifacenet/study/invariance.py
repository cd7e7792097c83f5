"""The paper's Fig. 1: photos of one person that look most different, and how far apart they lie.

A folder does not say which photo is dark, or from the side. So the photos are chosen by their
pixels alone, without a look at the network: first the one that is farthest from the mean, then
again and again the one that is farthest from its nearest chosen one. They are laid out by what can
be seen in any photo of a face: rows from dark to bright, and within a row by which side is the
brighter one, which a lamp from the side or a turned head changes.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from ..files.words import count_text, nearest, shortened
from ..plots.sheets import shrunk
from ..preprocessing.faces import Faces
from ..preprocessing.listing import FolderError, entries_of, is_photo, no_folder
from ..preprocessing.person_names import person_name

COLUMNS = 4  # of the picture, and photos of the second person
COARSE = 16  # pixels a side, at least: a face that is shifted a little is the same picture


def folders_for(
    root: Path, person: str, beside: str | None = None, enough: int = COLUMNS
) -> list[Path]:
    """Return the folder of a person, and that of another one to stand below.

    Parameters
    ----------
    root : Path
        With one folder per person.
    person, beside : str
        Names of folders. With no `beside` it is the next folder with `enough` photos, or else the
        one with the most.

    Raises
    ------
    FolderError
        There is no such person, the two are the same, or there is only one photo of the first.
    """
    if (problem := no_folder(root)) is not None:
        raise FolderError(f"'{root}' {problem}: pass the folder that holds one folder per person")
    folders = {person_name(path.name): path for path in entries_of(root)[0] if path.is_dir()}
    for name in (one for one in (person, beside) if one is not None):
        if person_name(name) not in folders:
            raise FolderError(f"no {shortened(name)} in '{root}'{_near(name, [*folders])}")
    if beside is not None and person_name(beside) == person_name(person):
        raise FolderError(
            f"{shortened(person)} cannot stand beside photos of the same person: choose another "
            "--beside"
        )
    names = [*folders]
    at = names.index(person_name(person))
    own = folders[names[at]]
    if (count := _photos_in(own)) < 2:
        raise FolderError(
            f"'{own}' has {count_text(count, 'photo')}, and the picture takes two or more: choose "
            "another --person"
        )
    if beside is not None:
        return [own, folders[person_name(beside)]]
    others = [folders[name] for name in (*names[at + 1 :], *names[:at])]
    for other in others:
        if _photos_in(other) >= enough:
            return [own, other]
    most = max(others, key=_photos_in, default=None)
    return [own] if most is None or not _photos_in(most) else [own, most]


def _near(name: str, people: list[str]) -> str:
    """Say who may be meant; of many people, nobody where no name is near."""
    if near := nearest(name, people):
        return f": is {near} meant?"
    return f": there are {', '.join(people)}" if len(people) <= 20 else ""


def _photos_in(folder: Path) -> int:
    return sum(map(is_photo, entries_of(folder)[0]))


def alone(faces: Faces) -> Faces:
    """Leave out photos that show several faces, as nobody says whose is whose.

    Where fewer than two photos show one face, it is the largest face of each.
    """
    shown = Counter(faces.paths)
    single = np.array([shown[path] == 1 for path in faces.paths])
    return faces.subset(single if single.sum() > 1 else np.array(faces.largest))


def most_different(images: np.ndarray, count: int) -> np.ndarray:
    """Choose the photos that look most different.

    Parameters
    ----------
    images : ndarray of shape (N, S, S, C), uint8
    count : int
        How many; all if there are no more.

    Returns
    -------
    ndarray of shape (min(count, N),), int64
    """
    pixels = _coarse(images).reshape(len(images), -1)
    nearest = np.square(pixels - pixels.mean(axis=0)).sum(axis=1)
    chosen: list[int] = []
    while len(chosen) < min(count, len(images)):
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
        apart = np.square(pixels - pixels[chosen[-1]]).sum(axis=1)
        nearest = apart if len(chosen) == 1 else np.minimum(nearest, apart)
    return np.array(chosen, np.int64)


def in_rows(images: np.ndarray, columns: int) -> list[np.ndarray]:
    """Lay photos out in rows from dark to bright, each from bright on the left to on the right.

    Returns
    -------
    list of ndarray of int64
        Indices of the N photos, at most `columns` in a row.
    """
    coarse = _coarse(images)
    middle = coarse.shape[2] // 2
    side = coarse[:, :, -middle:].mean(axis=(1, 2)) - coarse[:, :, :middle].mean(axis=(1, 2))
    by_light = np.argsort(coarse.mean(axis=(1, 2)), kind="stable")
    rows = [by_light[start : start + columns] for start in range(0, len(images), columns)]
    return [row[np.argsort(side[row], kind="stable")] for row in rows]


def _coarse(images: np.ndarray) -> np.ndarray:
    """Return grey photos of a few pixels, (N, s, s), float64."""
    return np.array([shrunk(image, COARSE)[0].mean(axis=2) for image in images])
