"""Train on LFW's development people with one thing changed at a time: the guide's table.

    python data_scripts/lfw_ablations.py FACES OUT [--steps 400] [--seeds 2] [--only 'ROW;ROW']

FACES holds the aligned photos of LFW's development people, 96 x 96 (`data_scripts/measure_view1.py`
makes them). A seventh of those with two photos judge: the same for all rows and seeds. OUT gets
one line per training in `trainings.csv`, at once, and their vectors; a second call does what is
missing. The table says by how much the AUC over all pairs of the judges differs from that of the
usual training with the same seed.

The schedules are short, so what pays off late shows as a loss here: the rate falls to 0 within
`--steps`. Everything is measured on mean vectors of a photo and its mirror image.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from minifacenet.classification.verification import pair_distances
from minifacenet.classification.verification_scores import verify
from minifacenet.embedding.architectures import NETWORKS, Architecture, FaceNet
from minifacenet.embedding.augmentation import Augmentation
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.npy import write_npy
from minifacenet.nn.layer import Layer, Sequential, named
from minifacenet.preprocessing.faces import Faces
from minifacenet.preprocessing.read_folder import read_faces
from minifacenet.training.average import WeightAverage
from minifacenet.training.loop import TrainingState, train
from minifacenet.training.settings import TrainConfig
from minifacenet.training.splits import split_people

JUDGES = 1 / 7  # of the people with two photos
HEADER = ("row", "seed", "steps", "auc", "accuracy", "minutes", "active")
USUAL = "usual"


class Dropout(Layer):
    """Set a share of the values to 0 in training, and scale up the others (Srivastava 2014)."""

    def __init__(self, share: float, rng: np.random.Generator):
        self.share, self.rng = share, rng

    def forward(self, x: np.ndarray, train: bool = False) -> np.ndarray:
        if not train:
            return x
        keep = (self.rng.random(x.shape, np.float32) >= self.share) / np.float32(1 - self.share)
        out = x * keep
        self._remember(train, out, keep)
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        (keep,) = self._recall(dout)
        return dout * keep


def with_dropout(network: Sequential, state: TrainingState) -> None:
    layers = []
    for name, layer in network.layers.items():
        if name == "fc7128":
            layers.append(("dropout", Dropout(0.3, np.random.default_rng(0))))
        layers.append((name, layer))
    network.layers = named(layers)


def with_warm_up(network: Sequential, state: TrainingState) -> None:
    step = state.optimizer.step

    def slower() -> None:
        state.optimizer.rate *= min(1, (state.step + 1) / 100)
        step()

    state.optimizer.step = slower  # type: ignore[method-assign]


def widened(name: str, factor: float) -> str:
    """Name a network whose rows have `factor` times the channels."""
    widths = {row: round(width * factor / 8) * 8 for row, width in NETWORKS[name].widths.items()}
    NETWORKS[f"{name} x {factor}"] = replace(NETWORKS[name], widths=widths)
    return f"{name} x {factor}"


@dataclass(frozen=True)
class Row:
    """What differs from the usual training."""

    training: dict = field(default_factory=dict)
    network: str = "nn1_mini_bn"
    size: int = 96
    average: float = 0.0
    steps: float = 1.0  # times the usual number
    prepare: Callable[[Sequential, TrainingState], None] | None = None


USUAL_TRAINING = dict(people=32, photos=4, rate=1e-3)
MILD = Augmentation(colour=0.1, grey=0.1, erase=0.3)
ROWS = {
    USUAL: Row(),
    "LRN for batch norm (nn1_mini)": Row(network="nn1_mini"),
    "64 pixels": Row(size=64),
    "semi-hard, then hardest": Row(dict(mining="semi-hard, hardest@200")),
    "margin 0.4": Row(dict(margin=0.4)),
    "24 extra negatives": Row(dict(extra_negatives=24)),
    "64 people, half the steps": Row(dict(people=64), steps=0.5),
    "16 people, twice the steps": Row(dict(people=16), steps=2),
    "weight decay 0.05": Row(dict(weight_decay=0.05)),
    "average of the weights, 0.99": Row(average=0.99),
    "mild colour, grey, erasing": Row(dict(augmentation=MILD)),
    "half grey, half erased": Row(dict(augmentation=Augmentation(grey=0.5, erase=0.5))),
    "no augmentation": Row(dict(augmentation=None)),
    "dropout 0.3 before the last map": Row(prepare=with_dropout),
    "warm-up of 100 steps": Row(prepare=with_warm_up),
    "twice the steps": Row(steps=2),
    "resnet_mini": Row(network="resnet_mini"),
    "1.5 times the width": Row(network=widened("nn1_mini_bn", 1.5)),
    "nn4_small2 from random weights": Row(network="nn4_small2"),
}
CROPS = "six crops of each photo"
TOGETHER = ((USUAL, 0, USUAL, 1), (USUAL, 0, "resnet_mini", 0))  # whose distances are averaged


def train_row(row: Row, seed: int, steps: int, known: Faces) -> tuple[FaceNet, float]:
    """Train one; return the network, and the share of active pairs at the end."""
    network = FaceNet.new(Architecture(row.network, row.size), seed, known.cut)
    options = {**USUAL_TRAINING, **row.training}
    config = TrainConfig(steps=round(steps * row.steps), seed=seed, **options)
    state = TrainingState(network.network, config)
    before = dict(network.network.layers)
    if row.prepare is not None:
        row.prepare(network.network, state)
    average = WeightAverage(network.network, row.average) if row.average else None
    active = []
    for record in train(network.network, known, config, state):
        active.append(record.active)
        if average is not None:
            average.update()
    network.network.layers = before
    judged = network if average is None else average.of(network)
    return judged, float(np.mean(active[-100:]))


def resized(images: np.ndarray, size: int) -> np.ndarray:
    if images.shape[1] == size:
        return images
    pixels = [Image.fromarray(image).resize((size, size), Image.LANCZOS) for image in images]
    return np.stack([np.asarray(image) for image in pixels])


def six_crops(images: np.ndarray) -> list[np.ndarray]:
    """Return the photos, and eleven twelfths of them from the corners and the middle."""
    side = images.shape[1]
    inner = side * 11 // 12
    rest = side - inner
    corners = [(0, 0), (0, rest), (rest, 0), (rest, rest), (rest // 2, rest // 2)]
    cut = [images[:, y : y + inner, x : x + inner] for y, x in corners]
    return [images, *(resized(np.ascontiguousarray(part), side) for part in cut)]


def scores(distances: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    judged = verify(distances, same, ())
    return judged.auc, judged.balanced_accuracy


def read_done(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def add_line(path: Path, line: tuple) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(HEADER)
        writer.writerow(line)


def vectors_of(out: Path, name: str, seed: int) -> Path:
    return out / f"{list(ROWS).index(name):02}-{seed}.npy"


def print_table(rows: list[dict[str, str]]) -> None:
    """Print each row beside the usual training with the same seed.

    The standard error takes the spread from seed to seed of all rows that have several together:
    two seeds alone say little about their own.
    """
    table: dict[str, dict[int, dict[str, str]]] = {}
    for row in rows:
        table.setdefault(row["row"], {})[int(row["seed"])] = row
    moved = {
        name: np.array(
            [
                float(row["auc"]) - float(table[USUAL][seed]["auc"])
                for seed, row in sorted(seeds.items())
                if seed in table[USUAL]
            ]
        )
        for name, seeds in table.items()
    }
    several = [own for name, own in moved.items() if len(own) > 1 and name != USUAL]
    freedom = sum(len(own) - 1 for own in several)
    spread = (sum(((own - own.mean()) ** 2).sum() for own in several) / max(freedom, 1)) ** 0.5
    for name, seeds in table.items():
        own, mine = moved[name], seeds.values()
        auc, accuracy, minutes = (
            np.mean([float(row[key]) for row in mine]) for key in ("auc", "accuracy", "minutes")
        )
        against = f"{own.mean():+.4f} ± {spread / len(own) ** 0.5:.4f}" if len(own) else ""
        print(
            f"{name:34} seeds {len(seeds)}  AUC {auc:.4f}  accuracy {accuracy:.4f}  "
            f"{against:18}  {minutes:.1f} minutes",
            flush=True,
        )
    print(
        f"Spread of a difference from seed to seed: {spread:.4f}, of {freedom} degrees of freedom"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", help="Names of rows, with semicolons between; all if left out.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "trainings.csv"
    faces = read_faces(options.faces, size=96)
    split = split_people(faces.labels, JUDGES, np.random.default_rng(0))
    known, judges = faces.subset(split.train), faces.subset(split.test)
    wanted = options.only.split(";") if options.only else list(ROWS)
    print(f"{len(known)} photos to learn from, {len(judges)} to judge", flush=True)
    for seed in range(options.seeds):
        for name in wanted:
            done = {(row["row"], row["seed"]) for row in read_done(path)}
            if (name, str(seed)) in done:
                continue
            row, began = ROWS[name], time.process_time()
            mine = replace(known, images=resized(known.images, row.size))
            model, active = train_row(row, seed, options.steps, mine)
            minutes = (time.process_time() - began) / 60
            embedder = Embedder(model, flip=True)
            vectors = embedder.transform(resized(judges.images, row.size))
            write_npy(vectors_of(options.out, name, seed), vectors)
            distances, same = pair_distances(vectors, judges.labels)
            line = (*scores(distances, same), minutes, active)
            texts = (name, seed, options.steps, *(f"{value:.4f}" for value in line))
            print(*texts, flush=True)
            add_line(path, texts)
            if name == USUAL:
                crops = np.mean([embedder.transform(p) for p in six_crops(judges.images)], axis=0)
                crops /= np.linalg.norm(crops, axis=1, keepdims=True)
                auc, accuracy = scores(*pair_distances(crops, judges.labels))
                add_line(
                    path, (CROPS, seed, options.steps, f"{auc:.4f}", f"{accuracy:.4f}", *texts[5:])
                )
    print_table(read_done(path))
    for one, seed, other, its_seed in TOGETHER:
        files = vectors_of(options.out, one, seed), vectors_of(options.out, other, its_seed)
        if all(file.exists() for file in files):
            both = [pair_distances(np.load(file), judges.labels) for file in files]
            auc, accuracy = scores(
                np.mean([distances for distances, _ in both], axis=0), both[0][1]
            )
            title = f"{one}, seed {seed}, and {other}, seed {its_seed}: mean distance"
            print(f"{title}: AUC {auc:.4f}, accuracy {accuracy:.4f}", flush=True)


if __name__ == "__main__":
    main()
