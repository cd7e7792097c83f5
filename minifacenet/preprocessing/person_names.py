"""The names of people are the names of their folders. When are two of them the same?

Unicode writes many letters in two forms: 'é' as one sign (NFC), or as an 'e' and an accent (NFD).
They look alike, and a folder that comes from a Mac may have the other form than its copy. So names
of people are compared in NFC; paths stay as the disk has them.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable

from ..files.stored import is_text
from .faces import repeated

LONGEST = 255  # characters; no folder has a longer name, and arrays of names are as wide as that


def is_person_name(value: object) -> bool:
    """Return whether a value out of a file can be a person's name: a text, and not long."""
    return is_text(value, LONGEST) and "\0" not in str(value)


def person_name(folder: str) -> str:
    """Return the name that a folder gives to the person in its photos."""
    return unicodedata.normalize("NFC", folder)


def in_several_forms(paths: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return groups of first folders in `paths` that are one name in several Unicode forms.

    >>> ascii(in_several_forms(["Jos\\u00e9/1.png", "Jose\\u0301/2.png", "Ada/1.png"]))
    "(('Jos\\\\xe9', 'Jose\\\\u0301'),)"
    """
    return _alike((path.split("/")[0] for path in paths if "/" in path), person_name)


def hard_to_tell_apart(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return groups of names that differ only in case or in blanks at the ends: maybe one person.

    >>> hard_to_tell_apart(["Ada", "Mats", "mats", "Ada "])
    (('Ada', 'Ada '), ('Mats', 'mats'))
    """
    return _alike(names, lambda name: person_name(name.strip().casefold()))


def _alike(names: Iterable[str], key: Callable[[str], str]) -> tuple[tuple[str, ...], ...]:
    groups = defaultdict(list)
    for name in dict.fromkeys(names):
        groups[key(name)].append(name)
    return repeated(groups.values())
