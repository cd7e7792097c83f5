"""Two thousand people are enrolled, and a hundred thousand faces named, in bounded memory."""

import csv
from collections.abc import Iterator
from pathlib import Path

from minifacenet.classification.classifier import UNKNOWN
from minifacenet.classification.enrolment import enrol
from minifacenet.preprocessing.crop_note import CENTRE_SQUARE
from minifacenet.preprocessing.read_folder import read_faces, read_photos

from .attack import attack
from .many_faces import SIDE, people, untrained
from .steady import grown
from .watched import Watched, watched

LARGEST = 2**30  # bytes that a command takes over 2,000 people, most of them its libraries
A_FACE = 3_000  # bytes that each adds: its path, its name, its answer, its vector
ROOM = 64 * 2**20  # for pieces of pixels, of 10 MB each, and for what the system keeps of them
ROW = 32 + 4 * 8  # bytes of the cache: a key, and the 8 numbers of a vector


def _answers(path: Path) -> dict[str, tuple[str, ...]]:
    """Return what a file of answers says of each photo."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {
            row["photo"]: (row["name"], row["nearest"], row["distance"], row["its_distance"])
            for row in csv.DictReader(file)
        }


def _fit(place: Path, faces: Path, model: Path, *more: object) -> Watched:
    return watched(["classify", "fit", faces, "--model", model, "--out", place / "people", *more])


@attack(
    "load", "load-people",
    "2,000 people in `classify fit`, a face of each in `classify predict`: from the disk they get "
    "the answers that are given in memory, to the last digit, and neither takes a gigabyte",
    cases=2_000,
)  # fmt: skip
def enrol_many(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    model = untrained(place / "model.safetensors", CENTRE_SQUARE)
    people(place / "faces", max(cases, 2), 3, seed)
    names = people(place / "photos", max(cases, 2), 1, seed, first=3)
    people_at, answers = place / "people", place / "answers.csv"
    asked = ["classify", "predict", place / "photos", "--people", people_at, "--out", answers]
    ran = [_fit(place, place / "faces", model), watched(asked)]
    ended = "".join(one.output[-300:] for one in ran if one.status)
    peak = max(one.peak for one in ran)
    here = enrol(read_faces(place / "faces", size=SIDE), model)
    probes = read_photos(place / "photos", size=SIDE)
    wanted = here.classifier.answers(here.embedder.transform(probes.images))
    said, classes = _answers(answers), here.classifier.classes_
    for i, name in enumerate(names[:cases]):
        nearest = classes[wanted.person[i]]
        right = (
            nearest if wanted.known[i] else UNKNOWN, nearest,
            str(wanted.distance[i]), str(wanted.runner_up_distance[i]),
        )  # fmt: skip
        if ended or peak > LARGEST:
            yield ended or f"{peak:,} bytes; seed {seed}"
        elif said.get(name) != right:
            yield f"{name}: {said.get(name)} and not {right}; seed {seed}"
        else:
            yield None


@attack(
    "load", "load-predict",
    "100,000 faces in one `classify predict --memory 0.01`: each gets an answer, and the memory "
    "grows by what names and answers take",
    cases=100_000,
)  # fmt: skip
def predict_many(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    model = untrained(place / "model.safetensors", CENTRE_SQUARE)
    people(place / "faces", 5, 3, seed)
    _fit(place, place / "faces", model, "--threshold", 0.01)
    names = people(place / "photos", -(-cases // 5), min(5, cases), seed, first=3)[:cases]

    def done() -> int:
        files = (place / "cache").glob("embeddings-*")
        return max((file.stat().st_size // ROW for file in files), default=0)

    ran = watched(
        ["classify", "predict", place / "photos", "--people", place / "people", "--memory", 0.01,
         "--cache", place / "cache", "--out", place / "answers.csv"],
        done,
    )  # fmt: skip
    said, wrong = _answers(place / "answers.csv"), grown(ran.looks, cases // 5, A_FACE, ROOM)
    if ran.status:
        wrong = f"ended with {ran.status}: {ran.output[-300:]}"
    for name in names:
        yield wrong if name in said else f"{name}: no answer; seed {seed}"
