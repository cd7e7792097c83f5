"""A library of 20,000 photos is named: interrupted in the middle, and repeated.

Every photo is a case. Where the command becomes slow or large, the last of them fails.
"""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .attack import attack
from .many_faces import photos, untrained
from .material import detector, orl
from .steady import grown, one_after_the_other, slowed
from .watched import Watched, watched

SMALL = 80  # photos of a library that is interrupted many times
CUT = "aligned to portrait, margin 0"
A_PHOTO = 8_000  # bytes that each adds to the memory: names, places, rows, a vector
ROOM = 32 * 2**20  # for what is no photo's
LATER = 300 * 2**20  # for what is loaded when all faces are found: kernels, and what draws pages


def _recognise(place: Path, out: str, at: int | None = None) -> Watched:
    folder = place / out
    faces, cache = folder / "work" / "photos" / "faces", folder / "work"

    def done() -> int:
        crops = sum(1 for _ in faces.glob("*/*.png"))
        vectors = max((path.stat().st_size for path in cache.glob("embeddings-*")), default=0)
        return crops + vectors // (32 + 4 * 8)

    return watched(
        [
            "recognise", place / "photos", "--out", folder, "--model", place / "model.safetensors",
            "--known", place / "known", "--detector", detector(), "--threads", 2,
            "--threshold", 0.001, "--distance", 0.001,
        ],
        done, at, every=1 if at is None or at > SMALL else 0.02,
    )  # fmt: skip


def _prepare(place: Path, count: int, seed: int) -> list[str]:
    untrained(place / "model.safetensors", CUT)
    for person in ("s1", "s2", "s3"):
        shutil.copytree(orl() / person, place / "known" / person)
    return photos(place / "photos", count, seed)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@attack(
    "load", "load-recognise",
    "20,000 photos in one `recognise`, Ctrl-C in the middle, the same command again: every photo "
    "and face is there once, at a steady rate, in memory that grows by what names take",
    cases=20_000,
)  # fmt: skip
def recognise_many(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    names = _prepare(place, cases, seed)
    first, then = _recognise(place, "out", cases // 2), _recognise(place, "out")
    looks = one_after_the_other(first.looks, then.looks)
    wrong = (
        _why_ended(first, then)
        or slowed(looks, 0, cases)
        or slowed(looks, cases, cases)
        or grown([look for look in looks if look.done < cases], cases // 4, A_PHOTO, ROOM)
        or grown(looks, cases // 4, A_PHOTO, LATER)
    )
    entries = _rows(place / "out" / "work" / "photos" / "manifest.csv")
    seen = [entry["photo"] for entry in entries if entry["x0"] == "" or entry["crop"]]
    faces = [(row["photo"], row["face"]) for row in _rows(place / "out" / "names.csv")]
    found, twice = {*seen}, len(faces) - len({*faces})
    crops = {entry["photo"] for entry in entries if entry["crop"]}
    named = {photo for photo, _ in faces}
    for name in names:
        if name not in found:
            yield f"{name}: not in the manifest; seed {seed}"
        elif name in crops and name not in named:
            yield f"{name}: its face is not in names.csv; seed {seed}"
        elif twice and name == names[0]:
            yield f"{twice} faces stand twice in names.csv; seed {seed}"
        else:
            yield wrong if name == names[-1] else None


def _why_ended(first: Watched, then: Watched) -> str | None:
    if first.status in (0, 130) and then.status == 0:
        return None
    return f"ended with {first.status}, then {then.status}: {then.output[-500:]}"


@attack(
    "load", "recognise-again",
    "`recognise` of 80 photos, Ctrl-C after any number of them, the same command again: names, "
    "crops, manifest and album of an undisturbed run, byte for byte",
    cases=20,
)  # fmt: skip
def recognise_again(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    _prepare(place, SMALL, seed)
    _recognise(place, "undisturbed")
    wanted = _results(place / "undisturbed")
    rng = np.random.default_rng(seed)
    for number in range(cases):
        at = int(rng.integers(1, SMALL))
        first, then = _recognise(place, f"{number}", at), _recognise(place, f"{number}")
        found = _results(place / f"{number}")
        other = sorted(
            name for name in wanted.keys() | found if wanted.get(name) != found.get(name)
        )
        if other:
            yield f"after {at} of {SMALL}, seed {seed}: {other[:3]} differ"
        else:
            yield _why_ended(first, then)


def _results(out: Path) -> dict[str, bytes]:
    """Return the files of a recognition; vectors depend on their batches in the last bits."""
    files = (path for path in sorted(out.rglob("[!.]*")) if path.is_file())
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in files
        if not path.name.startswith("embeddings-")
    }
