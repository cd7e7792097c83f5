"""The training logs that lesson 12 shows and its exercise asks about.

    python lessons/make_logs.py data/orl

Four short trainings of nn1_mini on ORL faces of 32 x 32 pixels, one row per step in
`lessons/results/training_logs.csv`: one that learns, one whose rate is a hundred times too high,
one whose few faces are soon told apart, and one whose rate is a hundred times too low.
"""

import argparse
from pathlib import Path

import numpy as np

from minifacenet import Architecture, FaceNet, TrainConfig, read_faces, train
from minifacenet.files.atomic import write_csv

OUT = Path(__file__).parent / "results" / "training_logs.csv"
FIELDS = ("step", "loss", "triplets", "active", "positive_distance", "negative_distance", "spread")
STEPS = 80
RUNS = {
    "A": (30, {"people": 15}),
    "B": (30, {"people": 15, "rate": 0.05}),
    "C": (3, {"augmentation": None}),
    "D": (30, {"people": 15, "rate": 5e-6}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    faces = read_faces(parser.parse_args().faces, size=32)
    rows = []
    for name, (people, changed) in RUNS.items():
        model = FaceNet.new(Architecture("nn1_mini", 32, channels=1), seed=12)
        mine = faces.subset(np.flatnonzero(faces.labels < people))
        for record in train(model.network, mine, TrainConfig(steps=STEPS, seed=12, **changed)):
            rows.append([name, *(f"{getattr(record, field):.6g}" for field in FIELDS)])
        print(name, *rows[-1], flush=True)
    write_csv(OUT, ("run", *FIELDS), rows)


if __name__ == "__main__":
    main()
