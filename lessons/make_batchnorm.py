"""The trainings with and without batch norm that lesson 18 shows.

    python lessons/make_batchnorm.py data/orl

Two networks that differ in the batch norm alone: nn1_mini without its LRN, and nn1_mini_bn. 80
steps on 32 x 32 pixels, on 30 people of ORL, at three learning rates and with several seeds, which
draw the people, the photos, the weights and the batches. A row of `lessons/results/batchnorm.csv`
has the means of the last ten steps, and VAL at FAR 0.01 of the photos that were held out, and of
strangers. Runs that are in the file are not made again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from experiment import FIRST_SEED, read_options, rows_so_far

from minifacenet import Architecture, Embedder, FaceNet, TrainConfig, read_faces, train
from minifacenet.experiment.scores import score_pairs
from minifacenet.files.atomic import write_csv
from minifacenet.training.splits import UNSEEN_SHARE, split_people, split_photos

OUT = Path(__file__).parent / "results" / "batchnorm.csv"
NETWORKS = {
    "plain": Architecture("nn1_mini", 32, channels=1, lrn=False),
    "batch norm": Architecture("nn1_mini_bn", 32, channels=1),
}
RATES = (5e-4, 5e-3, 5e-2)
STEPS, EVERY, FAR = 80, 10, 0.01
FIELDS = ("network", "rate", "seed", "step", "loss", "spread", "held_out", "strangers")


def groups(faces, seed):
    """Photos to train on, others of the same people, and all of ten strangers."""
    rng = np.random.default_rng(seed)
    people = split_people(faces.labels, UNSEEN_SHARE, rng)
    known, strangers = faces.subset(people.train), faces.subset(people.test)
    photos = split_photos(known.labels, 0.5, rng)
    return known.subset(photos.train), known.subset(photos.test), strangers


def val(model, faces):
    return score_pairs(Embedder(model).transform(faces.images), faces.labels).val_at_far[FAR].val


def run(name, rate, seed, faces):
    """Train once; yield a row for each ten steps."""
    training, *tested = groups(faces, seed)
    model = FaceNet.new(NETWORKS[name], seed=seed)
    config, records = TrainConfig(STEPS, people=10, photos=4, rate=rate, seed=seed), []
    for record in train(model.network, training, config):
        records.append(record)
        if record.step % EVERY == 0:
            last = [np.mean([getattr(r, f) for r in records[-EVERY:]]) for f in ("loss", "spread")]
            values = *last, *(val(model, group) for group in tested)
            yield [name, f"{rate:g}", seed, record.step, *(f"{value:.4g}" for value in values)]


def main() -> None:
    options = read_options(__doc__, OUT)
    faces = read_faces(options.faces, size=32)
    rows = rows_so_far(options.out)
    done = {tuple(row[:3]) for row in rows}
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        for rate in RATES:
            for name in NETWORKS:
                if (name, f"{rate:g}", str(seed)) not in done:
                    rows += run(name, rate, seed, faces)
                    write_csv(options.out, FIELDS, rows)
                    print(*rows[-1], flush=True)


if __name__ == "__main__":
    main()
