"""Groups of photos as folders: a flat heap goes in, one folder per person comes out."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files.atomic import workplace, write_csv
from ..files.links import real_path
from ..files.names import as_a_disk_sees, fitting
from ..files.spreadsheets import path_cell
from ..preprocessing.faces import BOX_COLUMNS

NOISE = "others"


def folder_names(labels: np.ndarray) -> list[str]:
    """Return every photo's folder: 'group-01', 'group-02', ... and 'others' for noise (-1)."""
    digits = max(2, len(str(int(np.max(labels, initial=0)) + 1)))
    return [NOISE if label < 0 else f"group-{label + 1:0{digits}}" for label in labels]


def write_groups(
    out: str | os.PathLike,
    root: str | os.PathLike,
    paths: Sequence[str],
    labels: np.ndarray,
    link: bool = False,
    boxes: Sequence[tuple] | None = None,
) -> None:
    """Copy the photos `root`/`paths` into one folder per group, or link to them.

    `groups.csv` says where each photo went. The folder appears at the end, whole or not at all.

    Parameters
    ----------
    out : path
        A new folder, or an empty one.
    root : path
    paths : sequence of str
        Photos relative to `root`, with '/'. A photo keeps its name; where two of a group have the
        same one, the folders of their paths come before it. A photo that stands there for several
        of its faces goes into the folder of each, and once into each folder.
    labels : ndarray of shape (N,), int
        Groups from 0; -1 means none.
    link : bool
        Make symbolic links instead of copies: the photos stay where they are.
    boxes : sequence of tuple, optional
        `Faces.box_rows`, to stand in `groups.csv`, too.

    Raises
    ------
    FileExistsError
        `out` holds something.
    """
    out, root = Path(out), Path(root)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"'{out}' is not empty: choose a new folder for the groups")
    with workplace(out) as building:
        building.mkdir()
        folders = folder_names(labels)
        placed = dict.fromkeys(zip(paths, folders, strict=True))  # in order, each once
        names = _names([path for path, _ in placed], [folder for _, folder in placed])
        files = {at: f"{at[1]}/{name}" for at, name in zip(placed, names, strict=True)}
        for (path, _), file in files.items():
            target = building / file
            target.parent.mkdir(exist_ok=True)
            if link:
                target.symlink_to(real_path(root / path))
            else:
                _copy(root / path, target)
        header = ("photo", "group", "file", *BOX_COLUMNS * (boxes is not None))
        placed_in = zip(paths, folders, strict=True)
        rows = [(path_cell(path), folder, files[path, folder]) for path, folder in placed_in]
        if boxes is not None:
            rows = [(*row, *box) for row, box in zip(rows, boxes, strict=True)]
        write_csv(building / "groups.csv", header, rows)
        if out.exists():
            out.rmdir()
        os.replace(building, out)


def _copy(photo: Path, target: Path) -> None:
    """Copy a photo with its time. It is as open to others as the photo and the umask both allow."""
    found = photo.stat()
    mode = found.st_mode & 0o666 | 0o600  # the owner may write it, and nobody runs it
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    shutil.copyfile(photo, target)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _names(paths: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Return a file name per path, no two the same in a folder, and none too long for a disk.

    Two are the same if a disk may take them for one.
    """
    last = [path.rsplit("/", 1)[-1] for path in paths]
    seen = Counter((f, as_a_disk_sees(name)) for f, name in zip(folders, last, strict=True))
    taken: set[tuple[str, str]] = set()
    names = []
    for path, folder, name in zip(paths, folders, last, strict=True):
        if seen[folder, as_a_disk_sees(name)] > 1:
            name = path.replace("/", "-")
        stem, dot, ending = name.rpartition(".")
        number, more = 1, ""
        while True:
            name = fitting(stem, len(f"{more}{dot}{ending}".encode())) + f"{more}{dot}{ending}"
            if (folder, as_a_disk_sees(name)) not in taken:
                break
            number += 1  # 'a/b-c.jpg' and 'a-b/c.jpg'
            more = f"-{number}"
        taken.add((folder, as_a_disk_sees(name)))
        names.append(name)
    return names
