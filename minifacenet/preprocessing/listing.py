"""List what lies in a folder: photos, other things, and nothing that is hidden.

The order is natural, 's2' before 's10', and the same on every machine: nobody chooses what a disk
lists first. A folder that a link leads to twice is entered once, so a circle of links ends. And no
link is followed that leads to a folder above, or to where the system keeps entries that are no
files: there would be no end to it. A folder that cannot be opened is named, and the others are
read.

A disk may hold names that are no valid Unicode. No table and no figure can show them, so they are
passed over here, before the work and not at its end.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..files.words import count_text
from .photo import EXTENSIONS

UNSAYABLE = "its name is no valid Unicode: rename it"
_NO_FILES = ("/proc", "/sys")  # the system makes these up while one looks


class FolderError(ValueError):
    """The error for a folder that holds no photos, or not in the layout that is needed."""


class ClosedFolder(FolderError):
    """The error for a folder that cannot be opened; `reason` says why."""

    def __init__(self, folder: Path, error: OSError):
        self.reason = f"cannot be opened ({error.strerror})"
        super().__init__(f"'{folder}' {self.reason}")


@dataclass(frozen=True)
class Listing:
    """The contents at and below a folder, relative to it, with '/', in natural order.

    Attributes
    ----------
    photos : tuple of str
    others : tuple of str
        Files that are no photos, and links that are not followed, with '/' at the end.
    closed : tuple of (str, str)
        Folders that cannot be opened, with '/' at the end, and the reason.
    """

    photos: tuple[str, ...]
    others: tuple[str, ...]
    closed: tuple[tuple[str, str], ...]


def photos_below(root: Path) -> Listing:
    """List photos and other files at and below `root`.

    Raises
    ------
    FolderError
        There is no photo, or no such folder, or it cannot be opened.
    """
    if (problem := no_folder(root)) is not None:
        raise FolderError(f"'{root}' {problem}: pass a photo, or a folder of photos")
    photos: list[str] = []
    others: list[str] = []
    closed: list[tuple[str, str]] = []
    top = os.path.realpath(root)
    folders, seen = [root], {top}
    while folders:
        here = folders.pop(0)
        try:
            entries, unsayable = entries_of(here)
        except ClosedFolder as error:
            if here == root:
                raise
            closed.append((here.relative_to(root).as_posix() + "/", error.reason))
            continue
        others += [(here.relative_to(root) / name).as_posix() for name in unsayable]
        for entry in filter(os.path.isdir, entries):
            real = os.path.realpath(entry)
            if real in seen or _has_no_end(real, top):  # a link led here
                others.append(entry.relative_to(root).as_posix() + "/")
            else:
                seen.add(real)
                folders.append(entry)
        for entry in entries:
            if not os.path.isdir(entry):
                name = entry.relative_to(root).as_posix()
                (photos if is_photo(entry) else others).append(name)
    if not photos:
        raise FolderError(f"no photos (.jpg, .png, ...) in '{root}'{_instead(others, closed)}")
    return Listing(tuple(photos), tuple(others), tuple(closed))


def no_folder(root: Path) -> str | None:
    """Return why `root` is no folder that one can look into; None if it is one."""
    try:
        found = os.path.isdir(root) or root.exists()
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    if not found:
        return "does not exist"
    return None if os.path.isdir(root) else "is not a folder"


def _has_no_end(real: str, top: str) -> bool:
    """Return whether a folder holds `top`, or is one where the system makes files up."""
    above = top.startswith(os.path.join(real, ""))
    made_up = any(real == place or real.startswith(f"{place}/") for place in _NO_FILES)
    return above or made_up


def _instead(others: list[str], closed: list[tuple[str, str]]) -> str:
    """Describe what lies in a folder without photos."""
    text = f", only {count_text(len(others), 'other file')}, such as {others[0]}" if others else ""
    for folder, reason in closed[:1]:
        more = f" (of {len(closed)} such folders)" * (len(closed) > 1)
        text += f"; '{folder}' {reason}{more}"
    return text


def entries_of(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the visible entries in natural order: 's2' before 's10', whatever the disk's order.

    Those whose names are no valid Unicode come apart, in words.

    Raises
    ------
    ClosedFolder
        The folder cannot be opened.
    """

    def natural(path: Path) -> tuple:
        parts = re.split(r"([0-9]+)", path.name.casefold())
        return [int(part) if i % 2 else part for i, part in enumerate(parts)], path.name

    try:
        found = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=natural)
    except OSError as error:
        raise ClosedFolder(folder, error) from None
    texts = [in_text(entry.name) for entry in found]
    entries = [entry for entry, text in zip(found, texts, strict=True) if text == entry.name]
    others = [text for entry, text in zip(found, texts, strict=True) if text != entry.name]
    return entries, [f"{text} ({UNSAYABLE})" for text in others]


def in_text(name: str) -> str:
    """Return a file's name with invalid Unicode, lone surrogates to Python, written out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def is_photo(path: Path) -> bool:
    """Return whether a path has a photo's name and is no folder.

    Where it cannot be looked at (`os.path.isdir` is False then) only reading can give the reason.
    """
    return path.suffix.lower() in EXTENSIONS and not os.path.isdir(path)
