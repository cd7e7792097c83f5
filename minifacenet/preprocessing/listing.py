"""What lies in a folder: photos, other things, and nothing that is hidden.

The order is natural, 's2' before 's10', and the same on every machine: what a disk lists first is
nobody's choice. A folder that a link leads to twice is entered once, so a circle of links ends.

A disk may hold names that are no valid Unicode. No table and no figure can say them, so they are
passed over here, before the work and not at its end.
"""

import re
from pathlib import Path

from .faces import count_text
from .photo import EXTENSIONS

UNSAYABLE = "its name is no valid Unicode: rename it"


class FolderError(ValueError):
    """A folder that holds no photos, or not in the layout that is asked for."""


def photos_below(root: Path) -> tuple[list[str], list[str]]:
    """Photos and other files at and below `root`, in natural order, relative to it, with '/'.

    Raises
    ------
    FolderError
        There is no photo, or no such folder.
    """
    if not root.is_dir():
        raise FolderError(f"'{root}' does not exist: pass a photo, or a folder of photos")
    photos, ignored = [], []
    folders, seen = [root], {root.resolve()}
    while folders:
        folder = folders.pop(0)
        try:
            entries, unsayable = entries_of(folder)
        except FolderError:
            if folder == root:
                raise
            ignored.append(folder.relative_to(root).as_posix() + "/ (cannot be opened)")
            continue
        ignored += [(folder.relative_to(root) / name).as_posix() for name in unsayable]
        for folder in (entry for entry in entries if entry.is_dir()):
            if folder.resolve() in seen:  # by a link: once is enough, and a circle has no end
                ignored.append(folder.relative_to(root).as_posix() + "/")
            else:
                seen.add(folder.resolve())
                folders.append(folder)
        for entry in entries:
            if not entry.is_dir():
                name = entry.relative_to(root).as_posix()
                (photos if is_photo(entry) else ignored).append(name)
    if not photos:
        others = f", only {count_text(len(ignored), 'other file')}" if ignored else ""
        others += f", such as {ignored[0]}" if ignored else ""
        raise FolderError(f"no photos (.jpg, .png, ...) in '{root}'{others}")
    return photos, ignored


def entries_of(folder: Path) -> tuple[list[Path], list[str]]:
    """The visible entries in natural order: 's2' before 's10', whatever order the disk gives.

    Apart, in words: those whose names are no valid Unicode.
    """

    def natural(path: Path) -> tuple:
        parts = re.split(r"([0-9]+)", path.name.casefold())
        return [int(part) if i % 2 else part for i, part in enumerate(parts)], path.name

    try:
        found = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=natural)
    except OSError as error:
        raise FolderError(f"'{folder}' cannot be opened ({error.strerror})") from None
    texts = [in_text(entry.name) for entry in found]
    entries = [entry for entry, text in zip(found, texts, strict=True) if text == entry.name]
    others = [text for entry, text in zip(found, texts, strict=True) if text != entry.name]
    return entries, [f"{text} ({UNSAYABLE})" for text in others]


def in_text(name: str) -> str:
    """A file's name; what is no valid Unicode in it, lone surrogates to Python, written out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def is_photo(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS and not path.is_dir()
