"""Write data_scripts/thresholds/NAME.json: the thresholds that travel with a published network.

    python data_scripts/make_thresholds.py NAME IMAGES PEOPLE [SHARE OUT]     (needs LFW's photos)

IMAGES holds LFW's photos, and PEOPLE is its peopleDevTrain.txt: 4,038 people of View 1. Their faces
are found and cut by our own detector, as `evaluate lfw` does it, and embedded as all commands do,
as the mean of a photo and its mirror image. People with ten photos or more are left out: one man
has 530 of them, and so two thirds of all pairs of one person; and naming is measured on these
people (`measure_naming.py`), who should set no gate for themselves.

All pairs of these photos give the thresholds for verification. The distance for grouping is the
best for libraries of a hundred people with two photos or more. For naming, galleries of several
sizes are drawn, with one to five photos of each person; the strangers are others of these people,
with one photo each. Each gate is the median over the draws.

A person's gate moves with how crowded it is around them (`classification/crowding.py`): how much,
is chosen on halves of these people, and the galleries' gates are measured with it, by centres that
the enrolled had no part in (`crowding_measures.py`). SHARE is a choice of your own: with 0 there is
one gate for all. OUT is another file for the result.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minifacenet.classification.identification import gate_threshold
from minifacenet.classification.thresholds import (
    GATE_TARGETS,
    GalleryGate,
    OpenSet,
    Thresholds,
    measure_thresholds,
)
from minifacenet.data_scripts.crowding_measures import (
    Folds,
    Sample,
    check_by_halves,
    choose_share,
    directions,
    nearest,
)
from minifacenet.embedding.cache import EmbeddingCache, embed_in_parts
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.atomic import write_text
from minifacenet.preprocessing.align_listed import align_listed, settings_for
from minifacenet.preprocessing.read_folder import read_listed

OUT = Path(__file__).parent / "thresholds"
SOURCE = "LFW's development people (View 1, training), cut by our own detector"
FARS = (0.1, 0.01, 0.001, 0.0001)  # of pairs
PEOPLE, PHOTOS = (10, 20, 50, 100, 200, 500, 1000), (1, 2, 3, 5)  # of the galleries
MANY = 10  # photos of a person who is left out
STRANGERS = 2000  # at most, in a draw
DRAWS = 10
LIBRARY = 100  # people whose photos are grouped
USUAL = (20, 3)  # people and photos of the gallery whose gate is the model's own


def photos_of(people: Path, fewer_than: float = MANY) -> list[str]:
    """The photos that a list of LFW's people names: a count, then lines of name and number."""
    lines = [line.split("\t") for line in people.read_text(encoding="utf-8").splitlines()[1:]]
    few = [(name, int(count)) for name, count in lines if int(count) < fewer_than]
    return [f"{name}/{name}_{i + 1:04d}.jpg" for name, count in few for i in range(count)]


def vectors_of(name: str, images: Path, people: Path, work: Path) -> tuple[np.ndarray, np.ndarray]:
    """The embeddings of all faces that are found, and the person of each."""
    embedder = Embedder(name, flip=True)
    size, _, channels = embedder.architecture.input_shape
    settings = settings_for(embedder.cut, size, select="center", min_size=40)
    _, crops = align_listed(images, photos_of(people), work, settings, workers=os.cpu_count())
    faces = read_listed(crops.folder, list(crops.files.values()), size, channels)
    vectors = embed_in_parts(EmbeddingCache(work, embedder), faces.images)
    return vectors, np.array([photo.partition("/")[0] for photo in crops.files])


def galleries(
    sample: Sample, folds: Folds, rng: np.random.Generator
) -> Iterator[tuple[GalleryGate, int]]:
    """Gates of every gallery that there are enough people for, each with its strangers' number.

    A stranger's distance is that to the nearest mean direction: an SVM's choice may lie farther
    away, never nearer.
    """
    names, photos_by_name = sample.names, sample.rows
    counts = np.array([len(photos_by_name[name]) for name in names])
    for photos in PHOTOS:
        enough = names[counts >= photos]
        for size in PEOPLE:
            if size > len(enough) / 1.2:
                continue
            gates = []
            for _ in range(DRAWS if size < 1000 else 3):
                enrolled = rng.permutation(enough)[:size]
                others = rng.permutation(np.setdiff1d(names, enrolled))[:STRANGERS]
                rows = np.concatenate(
                    [rng.permutation(photos_by_name[name])[:photos] for name in enrolled]
                )
                probes = np.array([rng.choice(photos_by_name[name]) for name in others])
                means = directions(np.split(sample.vectors[rows], size))
                distances, person = nearest(means, sample.vectors[probes])
                distances -= folds.allowances(enrolled, means)[person]
                gates.append([gate_threshold(distances, far) for far in GATE_TARGETS])
            gate = dict(zip(GATE_TARGETS, map(float, np.median(gates, axis=0)), strict=True))
            print(f"{size} people, {photos} photos: {gate}", flush=True)
            yield GalleryGate(size, photos, gate), len(others)


def libraries(
    vectors: np.ndarray, people: np.ndarray, rng: np.random.Generator
) -> Iterator[OpenSet]:
    """Photos of a hundred people each, to be grouped."""
    names, counts = np.unique(people, return_counts=True)
    for _ in range(DRAWS):
        chosen = np.isin(people, rng.permutation(names[counts > 1])[:LIBRARY])
        yield OpenSet(vectors[chosen], people[chosen], vectors[:2], people[:2])


def compact(value: object) -> str:
    """Indented JSON, with a list of numbers on one line."""
    text = json.dumps(value, indent=1, allow_nan=False)
    return re.sub(r"\[[^\[\]{}]+\]", lambda found: re.sub(r"\s+", "", found[0]), text) + "\n"


def main() -> None:
    name, images, people = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    share, out = (float(sys.argv[4]), Path(sys.argv[5])) if len(sys.argv) > 4 else (None, None)
    work = Path("runs") / f"thresholds-{name}"
    vectors, who = vectors_of(name, images, people, work)
    print(f"{len(vectors)} faces of {len(np.unique(who))} people", flush=True)
    sample = Sample.of(vectors, who)
    if share is None:
        share = choose_share(sample, np.random.default_rng(1))
        print(f"share {share}", flush=True)
        check_by_halves(sample, share, np.random.default_rng(2))
    folds = Folds.of(sample, np.random.default_rng(3)).with_share(share)
    rng = np.random.default_rng(0)
    found = list(galleries(sample, folds, rng))
    usual, strangers = next(one for one in found if (one[0].people, one[0].photos) == USUAL)
    # The pairs; a gallery of two photos gives a gate of no use, which is replaced.
    verified = measure_thresholds([OpenSet(vectors, who, vectors[:2], who[:2])], SOURCE, FARS)
    grouped = measure_thresholds(list(libraries(vectors, who, rng)), SOURCE)
    fields = {
        **verified.as_dict(),
        "cut": grouped.cut,
        "stranger_faces": strangers,
        "enrolled_people": usual.people,
        "gate": usual.gate,
        "galleries": [vars(one) for one, _ in found],
        "crowding": vars(folds.whole),
    }
    write_text(out or OUT / f"{name}.json", compact(Thresholds.of(fields).as_dict()))


if __name__ == "__main__":
    main()
