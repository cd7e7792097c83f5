"""A run's parts on tiny data: what `write_report` takes, for the tests of the page."""

from pathlib import Path

import numpy as np

from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.identification import open_set
from minifacenet.classification.methods import METHODS
from minifacenet.classification.thresholds import OpenSet, measure_thresholds
from minifacenet.experiment.scores import score_pairs
from minifacenet.preprocessing.faces import Faces
from minifacenet.report import Naming, ReportParts, StrangersParts
from minifacenet.training.health import StepRecord
from minifacenet.training.log import write_log

HOSTILE = "</script><img src=x onerror=alert(1)>"
NAMES = (HOSTILE, 'O\'Brien & "Söhne"', "]]> {{x}} <!--", "Ada", "Émilie", "s10")
PHOTOS = 5


def faces_of(names, rng) -> tuple[Faces, np.ndarray]:
    """Some photos of each, and embeddings: well separated people, but for the last two."""
    labels = np.repeat(np.arange(len(names)), PHOTOS)
    middles = rng.normal(size=(len(names), 16))
    middles[-1] = middles[-2] + 0.1
    vectors = middles[labels] + rng.normal(size=(len(labels), 16)) / 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    images = rng.integers(0, 256, (len(labels), 24, 24, 1), dtype=np.uint8)
    paths = tuple(f"{name}/{number}.png" for name in names for number in range(PHOTOS))
    return Faces(images, labels, tuple(names), paths), vectors


def make_parts(names=NAMES, seed: int = 0, **changes) -> ReportParts:
    """All parts there are: the first half of the people are known, the second are strangers.

    `changes` are fields of `ReportParts` or of `StrangersParts`.
    """
    rng = np.random.default_rng(seed)
    faces, vectors = faces_of(names, rng)
    half = len(names) // 2 * PHOTOS
    known, strangers = faces.subset(slice(None, half)), faces.subset(slice(half, None))
    by_method = {
        method.key: vectors + rng.normal(size=vectors.shape) * number / 10
        for number, method in enumerate(METHODS)
    }
    named = known.labels.copy()
    named[[0, 7]] = [1, 2]  # two mistakes
    groups = strangers.labels - strangers.labels.min()
    groups[[0, 1, -1]] = [1, -1, 0]
    naming, rates = _naming(faces, vectors, half)
    metrics = {
        "data": {"photos": len(faces), "people": len(names), "skipped": 0, "content": "0123"},
        "config": {
            "network": "nn1_mini",
            "training": {"margin": 0.2, "chunk": None, "augmentation": {"flip": True}},
        },
        "versions": {"minifacenet": "0.1.0", "python": "3.11.7"},
        "closed": _scores(by_method, faces, slice(None, half), svm_accuracy=0.9)
        | {"people": 3, "train_photos": 15, "test_photos": len(known), "steps": 30},
        "open": _scores(by_method, faces, slice(half, None), bcubed_f1=0.8, **rates)
        | {"train_people": 3, "train_photos": 15, "test_people": 3, "steps": 30},
        "thresholds": measure_thresholds(
            [OpenSet(vectors[half:], faces.labels[half:], vectors[:half], faces.labels[:half])],
            "others",
        ).as_dict(),
    }
    everything = {
        "metrics": metrics,
        "known": known,
        "named": named,
        "known_vectors": vectors[:half],
        "credit": f"Photos: {HOSTILE}",
    }
    of_strangers = {
        "faces": strangers,
        "vectors": {method: v[half:] for method, v in by_method.items()},
        "groups": groups,
        "naming": naming,
    }
    met = StrangersParts(**{key: changes.pop(key, part) for key, part in of_strangers.items()})
    return ReportParts(**everything | {"strangers": met} | changes)


def write_logs(out: Path, steps: int = 30) -> None:
    """`log.csv` of both trainings."""
    noise = np.random.default_rng(0).random((steps, 5)).tolist()
    records = [
        StepRecord(step, loss, 7, active, positive, 1 + negative, 1 + spread, 8, 0.1)
        for step, (loss, active, positive, negative, spread) in enumerate(noise, 1)
    ]
    for folder in (out, out / "open"):
        write_log(folder / "log.csv", records)


def _scores(vectors, faces, where, **more) -> dict:
    return {
        method: score_pairs(v[where], faces.labels[where]).as_dict() | more
        for method, v in vectors.items()
    }


def _naming(faces: Faces, vectors, half: int) -> tuple[Naming, dict]:
    """One name is right, one is wrong, one is refused; and one stranger is let in."""
    people = np.array(faces.people)
    namer = FaceClassifier(threshold=0.5).fit(vectors[:half], faces.labels[:half])
    rates = open_set(namer, vectors[:half], faces.labels[:half], vectors[half:]).as_dict()
    expected = people[faces.labels].copy()
    expected[half:] = "unknown"
    answers = expected.copy()
    answers[0], answers[1], answers[half] = people[1], "unknown", people[0]
    distance = np.linspace(0.1, 0.9, len(faces))
    return Naming(faces, answers, expected, distance, 0.5), rates
