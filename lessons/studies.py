"""What limits a network: the paper's Tables 4 and 6 at laptop size.

    python lessons/studies.py data/orl --seeds 3

For each seed nn1_mini is trained for 150 steps on 5, 10, 15, 20 and 30 people, and judged on all
4,950 pairs of photos of 10 others. The seed draws who they are, as in `ablations.py`, and puts the
30 in a random order, of which fewer people are the first ones. The network of the 30 is judged on
spoilt photos, too: JPEG of a lower quality, and faces reduced to fewer pixels and enlarged again.
Both photos of a pair are spoilt; the training saw none of it.

The results stand in `lessons/results/studies.csv`, one row per measurement. An interrupted run goes
on where it stopped. The paper's Table 5, an embedding's dimensions, is part of `ablations.csv`.
"""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path

import numpy as np
from experiment import FIRST_SEED, read_options, rows_so_far
from PIL import Image

from minifacenet import Architecture, Embedder, FaceNet, TrainConfig, read_faces, train
from minifacenet.experiment.scores import score_pairs
from minifacenet.files.atomic import write_csv
from minifacenet.training.splits import UNSEEN_SHARE, split_people

RESULTS = Path(__file__).parent / "results" / "studies.csv"
HEADER = ("study", "setting", "seed", "auc", "eer", "val_at_far_0.01", "val_at_far_0.001")
PEOPLE = (5, 10, 15, 20, 30)
QUALITIES = (10, 20, 30, 50, 70, 90)
SIDES = (16, 24, 32, 48, 64, 96)  # 96: the photos as they are


def as_jpeg(photos: np.ndarray, quality: int) -> np.ndarray:
    """Grey photos (N, H, W, 1), uint8, after a trip through JPEG, as a new array."""
    spoilt = np.empty_like(photos)
    for old, new in zip(photos, spoilt, strict=True):
        file = BytesIO()
        Image.fromarray(old[..., 0]).save(file, "jpeg", quality=quality)
        new[..., 0] = np.asarray(Image.open(file))
    return spoilt


def with_fewer_pixels(photos: np.ndarray, side: int) -> np.ndarray:
    """Grey photos (N, H, W, 1), uint8, reduced to side x side and enlarged to H x W again."""
    spoilt = np.empty_like(photos)
    for old, new in zip(photos, spoilt, strict=True):
        image = Image.fromarray(old[..., 0])
        small = image.resize((side, side), Image.Resampling.BICUBIC)
        new[..., 0] = np.asarray(small.resize(image.size, Image.Resampling.BICUBIC))
    return spoilt


def trained(faces, seed: int, people: int, steps: int = 150, size: int = 96):
    """A network that was trained on so many people, and the faces of its strangers."""
    split = split_people(faces.labels, UNSEEN_SHARE, np.random.default_rng(seed))
    known = np.unique(faces.labels[split.train])
    chosen = np.random.default_rng(seed).permutation(known)[:people]
    mine = split.train[np.isin(faces.labels[split.train], chosen)]
    model = FaceNet.new(Architecture("nn1_mini", size, channels=1), seed)
    for _ in train(model.network, faces.subset(mine), TrainConfig(steps=steps, seed=seed)):
        pass
    return model, faces.subset(split.test)


def scores(model, photos: np.ndarray, labels: np.ndarray) -> list[float]:
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
