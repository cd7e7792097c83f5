"""The sweep over learning rates that lesson 17 shows.

    python lessons/make_rates.py data/orl

Short trainings of nn1_mini on ORL faces of 32 x 32 pixels, at rates from 1e-5 to 1 and with two
optimizers; the seeds draw the weights and the batches. A row of `lessons/results/rates.csv` says
how the run ended: the mean violation of *all* triplets of the photos that were held out (which is
the margin where all faces are one point, and does not depend on what mining chooses), and their
spread.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from experiment import FIRST_SEED, read_options, rows_so_far

from minifacenet import Architecture, Embedder, FaceNet, TrainConfig, read_faces, train
from minifacenet.embedding.distances import squared_distances
from minifacenet.files.atomic import write_csv

OUT = Path(__file__).parent / "results" / "rates.csv"
RATES = ("1e-5", "3e-5", "1e-4", "3e-4", "1e-3", "3e-3", "1e-2", "3e-2", "0.1", "0.3", "1")
MARGIN, STEPS = 0.2, 40
FIELDS = ("optimizer", "rate", "seed", "loss", "spread")


def loss_of_all(distances, labels):
    """The mean of [D(a,p) - D(a,n) + margin]+ over all triplets that there are."""
    total = count = 0
    for anchor, row in enumerate(distances):
        same = labels == labels[anchor]
        different = row[~same]
        same[anchor] = False
        violations = np.maximum(row[same][:, None] - different + MARGIN, 0)
        total, count = total + violations.sum(), count + violations.size
    return total / count


def run(optimizer, rate, seed, training, held_out):
    """How a training of these settings ends: loss and spread of the photos held out."""
    model = FaceNet.new(Architecture("nn1_mini", 32, channels=1), seed=seed)
    if rate:
        config = TrainConfig(STEPS, 10, 4, optimizer=optimizer, rate=rate, seed=seed)
        list(train(model.network, training, config))
    distances = squared_distances(Embedder(model).transform(held_out.images))
    n = len(distances)
    return loss_of_all(distances, held_out.labels), distances.sum() / (n * (n - 1))


def main() -> None:
    options = read_options(__doc__, OUT)
    faces = read_faces(options.faces, size=32)
    photo = np.concatenate([np.arange(count) for count in np.bincount(faces.labels)])
    known = faces.labels < 30
    training, held_out = (
        faces.subset(np.flatnonzero(known & half)) for half in (photo < 5, photo >= 5)
    )
    rows = rows_so_far(options.out)
    done = {tuple(row[:3]) for row in rows}
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        for optimizer, rate in (
            ("untrained", "0"),
            *((o, r) for r in RATES for o in ("adam", "sgd")),
        ):
            if (optimizer, rate, str(seed)) not in done:
                values = run(optimizer, float(rate), seed, training, held_out)
                rows.append([optimizer, rate, seed, *(f"{value:.4g}" for value in values)])
                write_csv(options.out, FIELDS, rows)
                print(*rows[-1], flush=True)


if __name__ == "__main__":
    main()
