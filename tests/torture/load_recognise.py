"""A library of 20,000 photos is named: interrupted in the middle, and repeated.

Every photo is a case. Where a command becomes slow or large, the photo that it had come to fails.
"""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

from .attack import attack
from .many_faces import DETECTOR, ORL, check_material, photos, untrained
from .watched import Look, Watched, watched

CUT = "aligned to portrait, margin 0"
STEADY = 0.8  # the last quarter's rate, as a share of the second quarter's
A_PHOTO = 8_000  # bytes that each adds to the memory: names, places, rows, a vector
ENOUGH = 200  # looks, one a second
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
            "--known", place / "known", "--detector", DETECTOR, "--threads", 2,
            "--threshold", 0.001, "--distance", 0.001,
        ],
        done, at,
    )  # fmt: skip


def _prepare(place: Path, count: int, seed: int) -> list[str]:
    check_material()
    untrained(place / "model.safetensors", CUT)
    for person in ("s1", "s2", "s3"):
        shutil.copytree(ORL / person, place / "known" / person)
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
    failed = {names[-1]: _why_ended(first, then)}
    failed |= {names[min(done, cases) - 1]: text for done, text in too_much(then.looks, cases)}
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
            yield failed.get(name)


def _why_ended(first: Watched, then: Watched) -> str | None:
    wanted = first.status in (0, 130) and then.status == 0
    return (
        None if wanted else f"ended with {first.status}, then {then.status}: {then.output[-500:]}"
    )


def too_much(looks: list[Look], count: int) -> Iterator[tuple[int, str]]:
    """Yield where the work on `count` photos became slow, or large: (photo, in words).

    Up to `count` items done are faces found, and from there on faces embedded.
    """
    if len(looks) < ENOUGH:  # nothing can be said of a few photos
        return
    for begin in (0, count):
        at = [_reached(looks, begin + quarter * count // 4) for quarter in range(1, 5)]
        second, last = (_rate(*pair) for pair in (at[:2], at[2:]))
        if last < STEADY * second:
            yield count, f"{second:.1f} a second of processor time became {last:.1f}"
    start = _reached(looks, count // 4).memory
    for look in looks:
        bound = start + A_PHOTO * look.done + LATER * (look.done >= count)
        if look.memory > bound:
            yield min(look.done, count), f"{look.memory:,} bytes after {start:,}"
            return


def _reached(looks: list[Look], done: int) -> Look:
    return next((look for look in looks if look.done >= done), looks[-1])


def _rate(first: Look, last: Look) -> float:
    return (last.done - first.done) / max(last.seconds - first.seconds, 0.01)
