"""Lists of pairs: which two photos are compared, and whether they show one person.

With N photos there are N (N - 1) / 2 pairs, nearly all of them different people. A benchmark
therefore fixes a list, so that everybody is asked the same questions. Two forms are read:

LFW's own (Huang et al., 2007), a header and then blocks of lines, fields apart by tabs:

    10      300                             10 folds, 300 pairs of each kind in each
    Abel_Pacheco    1       4               one person: Abel_Pacheco/Abel_Pacheco_0001.jpg, _0004
    ...                                     300 such lines, and then 300 of two people:
    Abdel_Madi_Shabneh  1   Dean_Barker 1   Abdel_Madi_Shabneh/Abdel_Madi_Shabneh_0001.jpg, ...

(a header `1100` alone means one fold: LFW's View 1), and one that works for any folder:

    Ada/1.jpg       Ada/portrait.png        1       3       same person, fold 3
    Ada/1.jpg       Grace/2.jpg             0       3       different people

where the fold may be left out in all lines. Paths are relative to the folder of photos.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..files.atomic import write_text
from ..files.reading import read_whole
from ..files.words import shortened

_NUMBER = "[0-9]{1,9}"
_HEADER = re.compile(rf"\s*({_NUMBER})(?:\s+({_NUMBER}))?\s*")
_BOM = "\ufeff"


class PairsError(ValueError):
    """The error for a list of pairs that cannot be read, written, found or made."""


@dataclass(frozen=True)
class Pairs:
    """A list of M pairs of photos: four tuples of length M. Two lists are equal if all four are.

    Attributes
    ----------
    first, second : tuple of str
        Paths relative to the folder of photos, with '/'.
    same : tuple of bool
        True where both photos show one person.
    fold : tuple of int
        The fold of each pair; LFW's are 1 to 10.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    same: tuple[bool, ...]
    fold: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.same)


def read_pairs(path: str | os.PathLike) -> Pairs:
    """Read a list of pairs in either form; the first line shows which.

    Byte order marks, Windows line endings and blank lines at the end do no harm. Names may hold
    spaces if tabs separate the fields.

    Raises
    ------
    PairsError
        If the file cannot be opened, with the path that was tried; if a line does not fit, with
        its number, the line and what was expected; if LFW's header and the number of lines differ.
    """
    lines = _lines(path)
    header = _HEADER.fullmatch(lines[0])
    rows = _lfw_rows(path, lines, header) if header else _path_rows(path, lines)
    return Pairs(*zip(*rows, strict=True))


def write_pairs(path: str | os.PathLike, pairs: Pairs) -> None:
    """Write pairs as paths, kind and fold, atomically; :func:`read_pairs` reads equal ones.

    Raises
    ------
    PairsError
        If there is no pair, or if a path cannot stand in such a list: the old file stays.
    """
    if not len(pairs):
        raise PairsError(f"{path}: not written, there is no pair")
    lines = []
    for first, second, same, fold in zip(
        pairs.first, pairs.second, pairs.same, pairs.fold, strict=True
    ):
        for name in (first, second):
            if not can_be_listed(name):
                raise PairsError(
                    f"{path}: not written, {name!r} holds a tab, a line break or a character that "
                    "no text file can hold: rename the photo or its folder"
                )
        if problem := _problem(first, second):
            raise PairsError(f"{path}: not written, expected {problem}, got {first!r}, {second!r}")
        if not 0 <= fold < 10**9:
            raise PairsError(f"{path}: not written, folds are numbered from 0, got {fold}")
        lines.append(f"{first}\t{second}\t{int(same)}\t{int(fold)}\n")
    write_text(path, "".join(lines))


def can_be_listed(name: str) -> bool:
    """Return whether a photo's path can stand in a list of pairs, whose fields tabs separate."""
    return not re.search(r"[\t\r\n\ud800-\udfff]", name) and not name.startswith(_BOM)


def _lines(path: str | os.PathLike) -> list[str]:
    """Return the lines of a text file, without endings and without blank lines at the end."""
    try:
        text = read_whole(path, piped=True).decode("utf-8-sig")
    except OSError as error:
        tried = Path(path).absolute()
        raise PairsError(
            f"no list of pairs: '{tried}' cannot be opened ({error.strerror})"
        ) from None
    except UnicodeDecodeError as error:
        raise PairsError(f"{path}: not UTF-8 text ({error}): save it as UTF-8") from None
    # Not splitlines(): it also splits at rare characters that a file's name may hold.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise PairsError(f"{path}: the file holds no pair")
    return lines


def _lfw_rows(path, lines: list[str], header: re.Match) -> Iterator[tuple[str, str, bool, int]]:
    """Yield rows of LFW's form: in each fold, first pairs of one person, then those of two."""
    one, two = header.groups()
    folds, per_fold = (1, int(one)) if two is None else (int(one), int(two))
    if not 2 * folds * per_fold == len(lines) - 1 > 0:
        raise PairsError(
            f"{path}: the header {shortened(lines[0], 60)} means {folds} x {per_fold} same and as "
            f"many different pairs, {2 * folds * per_fold:,} lines, but {len(lines) - 1:,} follow"
        )
    for position, line in enumerate(lines[1:]):
        fold, place = divmod(position, 2 * per_fold)
        same = place < per_fold
        fields = [f.strip() for f in line.split("\t")] if "\t" in line else line.split()
        if same and len(fields) == 3:  # name n1 n2 means name n1 name n2
            fields.insert(2, fields[0])
        elif same or len(fields) != 4:
            fields = [""] * 4
        name1, number1, name2, number2 = fields
        numbers = all(re.fullmatch(_NUMBER, number) for number in (number1, number2))
        if not (name1 and name2 and numbers):
            form = "'name n1 n2' (one person)" if same else "'name1 n1 name2 n2' (two people)"
            raise _line_error(path, position + 2, line, f"{form} with tabs between the fields")
        first = f"{name1}/{name1}_{int(number1):04d}.jpg"
        second = f"{name2}/{name2}_{int(number2):04d}.jpg"
        if problem := _problem(first, second):
            raise _line_error(path, position + 2, line, problem)
        yield first, second, same, fold + 1


def _path_rows(path, lines: list[str]) -> Iterator[tuple[str, str, bool, int]]:
    """Yield rows of the form with paths; without folds, all pairs are in fold 1."""
    width = 4 if lines[0].count("\t") == 3 else 3
    form = "'path1<tab>path2<tab>1 (same) or 0'" + " and '<tab>fold'" * (width == 4)
    for number, line in enumerate(lines, start=1):
        fields = line.split("\t")
        fits = len(fields) == width and fields[2] in ("0", "1")
        if not (fits and re.fullmatch(_NUMBER, fields[-1])):
            if number == 1:
                form += ", or LFW's header, such as '10<tab>300'"
            raise _line_error(path, number, line, form)
        if problem := _problem(*fields[:2]):
            raise _line_error(path, number, line, problem)
        yield fields[0], fields[1], fields[2] == "1", int(fields[3]) if width == 4 else 1


def _line_error(path, number: int, line: str, expected: str) -> PairsError:
    return PairsError(f"{path}, line {number}: expected {expected}, got {shortened(line, 120)}")


def _problem(first: str, second: str) -> str | None:
    """Return what a pair of paths should have been, or None if it is fine."""
    for name in (first, second):
        path = PurePath(name)
        if not name or path.anchor or ".." in path.parts:
            return "paths inside the folder of photos, such as 'Ada/1.jpg'"
    return "two different photos" if first == second else None
