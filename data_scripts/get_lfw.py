"""Write Labeled Faces in the Wild as OUT/Name/Name_0001.jpg, with its lists of pairs.

No package carries these photos, so they come from what you have: an archive of LFW as it was
published (lfw.tgz, lfw-funneled.tgz or lfw-deepfunneled.tgz), a folder of the photos, or what
scikit-learn has downloaded. A part of LFW will do, and is called one.

    minifacenet get lfw                           # where scikit-learn has downloaded it
    minifacenet get lfw --from lfw.tgz
    python data_scripts/get_lfw.py data/lfw --from lfw.tgz

An archive may come from anybody. Nothing in it says where a file goes but a name that has LFW's
form. Links, devices and all other members are passed over, and the length of it all is bounded.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import copyfile
from typing import BinaryIO

from minifacenet.data_scripts.fetching import DataError, Item, Spoilt, script, whole_folder

PHOTOS, PEOPLE = 13_233, 5_749
LISTS = (
    "pairs.txt", "pairsDevTrain.txt", "pairsDevTest.txt",
    "people.txt", "peopleDevTrain.txt", "peopleDevTest.txt",
)  # fmt: skip
LARGEST = 2**20  # bytes of a photo, whose 250 x 250 pixels take some 15,000, or of a list
UNPACKED = 2**30  # bytes of a whole archive; the largest published one has a quarter of that
JPEG = b"\xff\xd8\xff"
NOTES = (  # long names, and notes of POSIX
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip
PHOTO = re.compile(r"(?P<name>[A-Za-z][A-Za-z_-]{0,99})/(?P=name)_[0-9]{4}\.jpg")
_LIST = "|".join(map(re.escape, LISTS))
MEMBER = re.compile(rf"(?:\./)?(?:[A-Za-z0-9_-]+/)?(?P<file>{PHOTO.pattern}|{_LIST})")


def downloaded() -> Path | None:
    """The folder that scikit-learn's `fetch_lfw_pairs` or `fetch_lfw_people` left, if there is one.

    It is found by the rule of `sklearn.datasets.get_data_home`, which would make the folder.
    """
    home = Path(os.environ.get("SCIKIT_LEARN_DATA") or "~/scikit_learn_data").expanduser()
    for name in ("lfw", "lfw_funneled"):
        folder = home / "lfw_home" / name
        if next(photos_in(folder), None):
            return folder
    return None


def photos_in(folder: Path) -> Iterator[str]:
    """The photos of LFW's form in a folder, as 'Name/Name_0001.jpg'."""
    for path in folder.glob("*/*.jpg"):
        name = f"{path.parent.name}/{path.name}"
        if PHOTO.fullmatch(name) and path.is_file():
            yield name


def write_lfw(source: Path, out: Path) -> None:
    """Write the photos and lists of a folder or an archive, all or nothing; other files stay."""
    with whole_folder(out) as part:
        (_copy if source.is_dir() else _unpack)(source, part)
        if not next(photos_in(part), None):
            raise DataError(f"{source} holds no photo such as Aaron_Eckhart/Aaron_Eckhart_0001.jpg")
        for name in LISTS:
            beside = source.absolute().parent / name
            if beside.is_file() and not (part / name).exists():
                _put(part, name, _read(beside), beside)


def _copy(source: Path, part: Path) -> None:
    for name in photos_in(source):
        _check(_head(source / name), name, source / name)
        (part / name).parent.mkdir(exist_ok=True)
        copyfile(source / name, part / name)
    for name in LISTS:
        if (source / name).is_file():
            _put(part, name, _read(source / name), source / name)


def _unpack(source: Path, part: Path) -> None:
    try:
        with (
            _opened(source) as file,
            tarfile.open(fileobj=_Bounded(file, source), mode="r|", tarinfo=_Member) as tar,
        ):
            for member in tar:
                if tar.offset > UNPACKED:  # where the next one begins: tarfile would go on reading
                    raise DataError(f"{source} claims more than {UNPACKED:,} bytes: no LFW is so")
                found = MEMBER.fullmatch(member.name)
                plain = member.isreg() and not member.issparse()
                if found and plain and member.size <= LARGEST:
                    content = tar.extractfile(member)
                    _put(part, found["file"], content.read() if content else b"", source)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, IndexError) as error:
        # An IndexError is tarfile's, of a map of holes that ends too early.
        raise DataError(f"{source} is no whole tar file ({error}): get it anew") from None
    except FileNotFoundError:
        raise DataError(f"{source} cannot be read (No such file or directory)") from None


def _opened(source: Path) -> BinaryIO:
    with source.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(source) if packed else source.open("rb")  # type: ignore[return-value]


class _Member(tarfile.TarInfo):
    """A member, or a note about the next one, which tarfile reads whole: only a short one."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        member = super().frombuf(buf, encoding, errors)
        if member.type in NOTES and not 0 <= member.size <= LARGEST:
            raise tarfile.ReadError(f"a note of {member.size} bytes")
        return member


class _Bounded:
    """A file that ends in an error where it is longer than any archive of LFW."""

    def __init__(self, file: BinaryIO, source: Path):
        self.file, self.source, self.left = file, source, UNPACKED

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise DataError(f"{self.source} unpacks to more than {UNPACKED:,} bytes: no LFW is so")
        return data


def _put(part: Path, name: str, content: bytes, source: Path) -> None:
    _check(content, name, source)
    path = part / name
    if path.exists():
        raise DataError(f"{source} holds {name} twice: give one version of LFW")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def _check(content: bytes, name: str, source: Path) -> None:
    if name.endswith(".jpg") and not content.startswith(JPEG):
        raise DataError(f"{source}: {name} is no JPEG, or damaged: get it anew")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(JPEG))


def _read(path: Path) -> bytes:
    if path.stat().st_size > LARGEST:
        raise DataError(f"{path} is too long for a list of LFW")
    return path.read_bytes()


def counted(out: Path) -> str:
    """How many photos and people there are, and whether that is all of LFW."""
    names = list(photos_in(out))
    people = len({name.split("/")[0] for name in names})
    there = f"{len(names):,} photos of {people:,} people"
    if (len(names), people) == (PHOTOS, PEOPLE):
        return f"{there}: all of LFW."
    return f"{there}: not the whole LFW, which has {PHOTOS:,} of {PEOPLE:,}."


def check(path: Path) -> None:
    """Raise where the folder has no photo; Spoilt where one is damaged."""
    names = list(photos_in(path))
    if not names:
        raise DataError(f"{path} holds no photo of LFW")
    for name in names:
        with suppress(OSError):
            if _head(path / name) == JPEG:
                continue
        raise Spoilt(f"{path / name} is damaged")


ITEM = Item(
    name="lfw",
    file="lfw",
    what="Labeled Faces in the Wild, 13,233 photos of 5,749 people, for `evaluate lfw`",
    origin="University of Massachusetts, Amherst, 2007; G. Huang, M. Ramesh, T. Berg, E. "
    "Learned-Miller, TR 07-49",
    licence="public research benchmark without a formal licence; for research, not to vet "
    "commercial systems",
    size="about 200 MB",
    raw="lfw.tgz, lfw-funneled.tgz, lfw-deepfunneled.tgz, or a folder with Name/Name_0001.jpg",
    package=None,
    write=write_lfw,
    check=check,
    at_hand=downloaded,
    folder=True,
    then="minifacenet evaluate lfw {path} --model RUN",
    elsewhere="where there is a network, scikit-learn downloads it: python -c 'from "
    "sklearn.datasets import fetch_lfw_pairs; fetch_lfw_pairs(funneled=False)', and then "
    "`minifacenet get lfw` finds it; or pass what you have with --from",
    counted=counted,
)

if __name__ == "__main__":
    sys.exit(script(ITEM))
