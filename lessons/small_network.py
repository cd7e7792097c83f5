"""The small network of lessons 20 and 22, and how that of lesson 22 was trained.

    python lessons/small_network.py data/orl

Two convolutions, a linear layer, the sphere, as in lesson 16. For lesson 22 it has 100,000 weights
and sees 32 x 32 pixels. The library's loop trained it on 30 people of ORL; the other ten are the
strangers of `orl_embeddings.npz`. `results/small_network.npz` keeps the weights in half precision,
190 kB. They are stored because that lesson says where *this* network looks: another training, or
another processor's rounding, may look elsewhere.
"""

import argparse
from pathlib import Path

import numpy as np

from minifacenet import TrainConfig, read_faces, train
from minifacenet.embedding.batches import embed
from minifacenet.files.atomic import replacing
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.device.backend import set_threads
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.maxpool import MaxPool
from minifacenet.nn.relu import ReLU

WEIGHTS = Path(__file__).parent / "results" / "small_network.npz"
SIZE, FILTERS, DIM = 32, (12, 24), 64


def fresh(seed: int, size: int, filters: tuple[int, int], dim: int) -> Sequential:
    """The network with random weights, for grey photos of size x size pixels."""
    rng, (first, second) = np.random.default_rng(seed), filters
    return Sequential(
        ("conv1", Conv2D(1, first, kernel=3, rng=rng, pad=1)), ("relu1", ReLU()),
        ("pool1", MaxPool(2, 2)),
        ("conv2", Conv2D(first, second, kernel=3, rng=rng, pad=1)), ("relu2", ReLU()),
        ("pool2", MaxPool(2, 2)),
        ("linear", Linear((size // 4) ** 2 * second, dim, rng)), ("L2", L2Norm()),
    )  # fmt: skip


def trained() -> Sequential:
    """The network with the stored weights."""
    network = fresh(0, SIZE, FILTERS, DIM)
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        for name, parameter in network.parameters().items():
            with parameter.edit() as values:
                values[:] = stored[name]
    return network


def main() -> None:
    from show import embeddings

    from minifacenet.classification.verification import pair_distances
    from minifacenet.classification.verification_scores import verify

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--steps", type=int, default=250)
    options = parser.parse_args()
    set_threads(1)
    faces, stranger = read_faces(options.faces, size=SIZE), embeddings()["stranger"]
    known = faces.subset(np.flatnonzero(~stranger))
    network = fresh(22, SIZE, FILTERS, DIM)
    for record in train(network, known, TrainConfig(options.steps, 15, 5, rate=1e-3, seed=22)):
        if record.step % 25 == 0:
            vectors = embed(network, faces.images[stranger])
            scores = verify(*pair_distances(vectors, faces.labels[stranger]))
            val = scores.val_at_far[0.01].val
            print(record.step, f"{record.loss:.3f} {scores.auc:.3f} {val:.2f}", flush=True)
    halves = {name: p.data.astype(np.float16) for name, p in network.parameters().items()}
    with replacing(WEIGHTS) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **halves)


if __name__ == "__main__":
    main()
