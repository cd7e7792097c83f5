"""What each choice is good for: one thing is changed at a time, and strangers are verified again.

    python lessons/ablations.py data/orl --seeds 3

For each variant and seed nn1_mini is trained for 150 steps on 30 of the 40 people and judged on all
4,950 pairs of photos of the other 10; a seed draws the people, the weights and the batches. Nothing
is chosen by these figures inside a run: every variant gets the same 150 steps.

The results stand in `lessons/results/ablations.csv`, one row per training, the picture beside
it. An interrupted run goes on where it stopped. The seeds begin at 10, so that the seeds 0 to 4,
whose results the guide reports, stay out of what is tried here (the photos are the same 400).
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from experiment import FIRST_SEED, read_options, rows_so_far

from minifacenet import Architecture, Embedder, FaceNet, TrainConfig, read_faces, train
from minifacenet.experiment.scores import score_pairs
from minifacenet.files.atomic import write_csv
from minifacenet.plots.seeds import seed_dots
from minifacenet.plots.style import save
from minifacenet.training.splits import UNSEEN_SHARE, split_people

RESULTS = Path(__file__).parent / "results" / "ablations.csv"
HEADER = ("group", "variant", "seed", "auc", "eer", "val_at_far_0.01", "val_at_far_0.001", "spread")
DEFAULT = {
    "margin": "0.2",
    "mining rule": "semi-hard",
    "people x photos": "30 x 5",
    "augmentation": "on",
    "dimensions": "128",
    "LRN": "on",
    "fully connected": "maxout",
}

# (group, variant): the fields of Architecture and of TrainConfig that it changes.
VARIANTS = {
    ("default", "default"): ({}, {}),
    ("margin", "0.05"): ({}, {"margin": 0.05}),
    ("margin", "0.1"): ({}, {"margin": 0.1}),
    ("margin", "0.5"): ({}, {"margin": 0.5}),
    ("margin", "1"): ({}, {"margin": 1.0}),
    ("mining rule", "semi-hard-random"): ({}, {"mining": "semi-hard-random"}),
    ("mining rule", "hardest"): ({}, {"mining": "hardest"}),
    ("mining rule", "all"): ({}, {"mining": "all"}),
    ("people x photos", "10 x 5"): ({}, {"people": 10}),
    ("people x photos", "15 x 10"): ({}, {"people": 15, "photos": 10}),
    ("people x photos", "30 x 2"): ({}, {"photos": 2}),
    ("augmentation", "off"): ({}, {"augmentation": None}),
    ("dimensions", "16"): ({"dim": 16}, {}),
    ("dimensions", "32"): ({"dim": 32}, {}),
    ("dimensions", "64"): ({"dim": 64}, {}),
    ("dimensions", "256"): ({"dim": 256}, {}),
    ("LRN", "off"): ({"lrn": False}, {}),
    ("fully connected", "ReLU"): ({"maxout": False}, {}),
}


def measure(faces, seed: int, architecture: dict, training: dict) -> list[float]:
    """Train one variant and verify the strangers: the figures of HEADER after the seed."""
    split = split_people(faces.labels, UNSEEN_SHARE, np.random.default_rng(seed))
    _, size, _, channels = faces.images.shape
    model = FaceNet.new(Architecture("nn1_mini", size, channels, **architecture), seed)
    config = replace(TrainConfig(seed=seed), **training)
    for record in train(model.network, faces.subset(split.train), config):
        last = record
    strangers = faces.subset(split.test)
    vectors = Embedder(model, flip=True).transform(strangers.images)
    scores = score_pairs(vectors, strangers.labels).as_dict()
    return [*(scores[name] for name in HEADER[3:-1]), last.spread]


def picture(rows: list[list[str]], path: Path) -> None:
    """One panel per group: what a variant's AUC is above the default's, seed by seed.

    The people of one seed are easier to tell apart than those of another, far more so than any
    variant makes them; the difference within a seed does not see that.
    """
    auc = {(group, variant, seed): float(auc) for group, variant, seed, auc, *_ in rows}
    panels = {}
    for group, own in DEFAULT.items():
        variants = {own: "default"} | {v: group for g, v in VARIANTS if g == group}
        panels[group] = {
            variant: [
                value - auc["default", "default", seed]
                for (g, v, seed), value in auc.items()
                if (g, v) == (home, "default" if home == "default" else variant)
            ]
            for variant, home in sorted(variants.items(), key=lambda pair: _as_number(pair[0]))
        }
    label = "AUC of strangers, less the default's"
    save(seed_dots(panels, label, columns=4, marked=DEFAULT, share_axis=True), path)


def _as_number(text: str):
    """Numbers in their order, then words."""
    try:
        return (0, float(text.split()[0]), text)
    except ValueError:
        return (1, 0.0, text)


def main() -> None:
    options = read_options(__doc__, RESULTS)
    faces, rows = read_faces(options.faces), rows_so_far(options.out)
    known = {tuple(row[:3]) for row in rows}
    todo = [
        (seed, *names)
        for seed in range(FIRST_SEED, FIRST_SEED + options.seeds)
        for names in VARIANTS
        if (*names, str(seed)) not in known
    ]
    start = time.perf_counter()
    for count, (seed, group, variant) in enumerate(todo, start=1):
        scores = measure(faces, seed, *VARIANTS[group, variant])
        rows.append([group, variant, str(seed), *(f"{score:.5f}" for score in scores)])
        write_csv(options.out, HEADER, rows)
        left = (time.perf_counter() - start) / count * (len(todo) - count) / 60
        print(
            f"{count} of {len(todo)}: {group} {variant}, seed {seed}: AUC {scores[0]:.4f}; "
            f"{left:.0f} min left",
            flush=True,
        )
    picture(rows, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
