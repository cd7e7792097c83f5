"""What limits a network: the paper's Tables 4 and 6 at laptop size.

    python lessons/studies.py data/orl --seeds 3

For each seed nn1_mini is trained for 150 steps on 5, 10, 15, 20 and 30 people, and judged on all
4,950 pairs of photos of 10 others. The seed draws who they are, as in `ablations.py`, and puts the
30 in a random order, of which fewer people are the first ones. The network of the 30 is judged on
spoilt photos, too: JPEG of a lower quality, and faces reduced to fewer pixels and enlarged again.
Both photos of a pair are spoilt; the training saw none of it.

The results stand in `lessons/results/studies.csv`, one row per measurement. An interrupted run goes
on where it stopped. The paper's Table 5, an embedding's dimensions, is part of `ablations.csv`.
`minifacenet study` does the same with any photos and networks.
"""

from __future__ import annotations

import time
from pathlib import Path

from experiment import FIRST_SEED, read_options, rows_so_far

from minifacenet import Architecture, Embedder, FaceNet, TrainConfig, read_faces, train
from minifacenet.experiment.scores import score_pairs
from minifacenet.files.atomic import write_csv
from minifacenet.study.jpeg import QUALITIES, as_jpeg
from minifacenet.study.pixels import with_fewer_pixels
from minifacenet.study.trainings import split_for

RESULTS = Path(__file__).parent / "results" / "studies.csv"
HEADER = ("study", "setting", "seed", "auc", "eer", "val_at_far_0.01", "val_at_far_0.001")
PEOPLE = (5, 10, 15, 20, 30)
SIDES = (16, 24, 32, 48, 64, 96)  # 96: the photos as they are


def trained(faces, seed: int, people: int, steps: int = 150, size: int = 96):
    """A network that was trained on so many people, and the faces of its strangers."""
    known, strangers = split_for(faces, seed, people)
    model = FaceNet.new(Architecture("nn1_mini", size, channels=1), seed)
    for _ in train(model.network, known, TrainConfig(steps=steps, seed=seed)):
        pass
    return model, strangers


def scores(model, photos, labels) -> list[float]:
    """The figures of HEADER after the seed."""
    vectors = Embedder(model, flip=True).transform(photos)
    return list(score_pairs(vectors, labels).as_dict()[name] for name in HEADER[3:])


def measure(faces, seed: int, people: int):
    """Train on so many people; yields rows of `studies.csv`."""
    model, strangers = trained(faces, seed, people)
    photos, labels = strangers.images, strangers.labels
    yield "people", people, scores(model, photos, labels)
    if people == max(PEOPLE):
        for quality in QUALITIES:
            yield "JPEG quality", quality, scores(model, as_jpeg(photos, quality), labels)
        for side in SIDES:
            yield "pixels", side, scores(model, with_fewer_pixels(photos, side), labels)


def main() -> None:
    options = read_options(__doc__, RESULTS)
    faces, rows = read_faces(options.faces), rows_so_far(options.out)
    known = {tuple(row[:3]) for row in rows}
    todo = [
        (seed, people)
        for seed in range(FIRST_SEED, FIRST_SEED + options.seeds)
        for people in reversed(PEOPLE)
        if ("people", str(people), str(seed)) not in known
    ]
    start = time.perf_counter()
    for count, (seed, people) in enumerate(todo, start=1):
        for study, setting, figures in measure(faces, seed, people):
            rows.append([study, str(setting), str(seed), *(f"{figure:.5f}" for figure in figures)])
        write_csv(options.out, HEADER, rows)  # all rows of a training, or none
        left = (time.perf_counter() - start) / count * (len(todo) - count) / 60
        print(
            f"{count} of {len(todo)}: {people} people, seed {seed}; {left:.0f} min left", flush=True
        )


if __name__ == "__main__":
    main()
