"""The trainings that lesson 20 reads: an old network, and new ones that do or do not know of it.

    python lessons/make_harmonic.py data/orl

The network of lesson 16 on ORL faces of 16 x 16 pixels, 150 steps each on 30 people; the other ten,
the strangers of `orl_embeddings.npz`, judge. One v1, and a v2 per seed and way:

    alone      it knows nothing of v1
    people     triplets that mix the vectors of both
    vectors    the distance to each photo's own v1 vector
    last row   v2 'alone' goes on by people, with all rows frozen but the last
    then all   that one goes on with all rows, at a fifth of the rate
    turned     v2 'alone', its last row times the best turn towards v1 (exercise 20.2): no training
    turned on  that one goes on by people, with all rows, at a fifth of the rate

`results/harmonic.csv` has the figures of all of them, `results/harmonic.npz` the vectors of v1, of
the first seed's v2 alone and of its v2 by people, in half precision.
"""

import argparse
from pathlib import Path

import numpy as np
from show import embeddings
from small_network import fresh

from minifacenet import TrainConfig, read_faces, train
from minifacenet.classification.verification_scores import auc, val_at
from minifacenet.embedding.batches import embed
from minifacenet.embedding.distances import squared_distances
from minifacenet.files.atomic import replacing, write_csv
from minifacenet.nn.device.backend import set_threads
from minifacenet.training.harmonic import Harmonic

RESULTS = Path(__file__).parent / "results"
SHAPE = (16, (8, 16), 32)  # pixels, filters, dimensions
STEPS, RATE, FAR = 150, 1e-3, 0.01
OLD_SEED, NEW_SEEDS = 20, (21, 22, 23, 24, 25)
WAYS = {  # begins with; by; frozen rows; share of the rate
    "alone": (None, None, "", 1.0),
    "people": (None, "people", "", 1.0),
    "vectors": (None, "vectors", "", 1.0),
    "last row": ("alone", "people", "all-but linear", 1.0),
    "then all": ("last row", "people", "", 0.2),
    "turned": ("alone", None, "", 0.0),
    "turned on": ("turned", "people", "", 0.2),
}
HEADER = ("way", "seed", "auc_old", "auc_new", "val_old", "val_new", "own")


def pairs(first: np.ndarray, second: np.ndarray, labels: np.ndarray):
    """All pairs of two photos, one in each of two sets of vectors: distances, and who is one."""
    n = len(labels)
    distances = squared_distances(np.concatenate([first, second]))[:n, n:]
    apart = ~np.eye(n, dtype=bool)
    return distances[apart], (labels[:, None] == labels)[apart]


def figures(old: np.ndarray, new: np.ndarray, labels: np.ndarray) -> list[str]:
    """AUC and VAL at FAR 0.01 of v2/v1 and v2/v2, and how far a photo's two vectors are."""
    across, among = pairs(new, old, labels), pairs(new, new, labels)
    own = np.square(new - old).sum(axis=1).mean()
    scores = [auc(*across), auc(*among), val_at(*across, FAR), val_at(*among, FAR), own]
    return [f"{score:.5f}" for score in scores]


def best_turn(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """The orthogonal R for which new @ R comes nearest to old."""
    u, _, vt = np.linalg.svd(new.T @ old)
    return u @ vt


def copied(network, turn: np.ndarray | None = None):
    """A copy of a network; `turn` is applied to what its last row gives."""
    copy, weights = fresh(0, *SHAPE), network.parameters()
    for name, parameter in copy.parameters().items():
        with parameter.edit() as values:
            values[:] = weights[name].data
            if turn is not None and name.startswith("linear"):
                values[:] = values @ turn
    return copy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    set_threads(1)
    faces = read_faces(parser.parse_args().faces, size=SHAPE[0])
    stranger = embeddings()["stranger"]
    known, labels = faces.subset(np.flatnonzero(~stranger)), faces.labels[stranger]

    def learn(network, seed, harmonic=None, freeze="", share=1.0):
        config = TrainConfig(STEPS, 15, 5, rate=RATE * share, seed=seed, freeze=freeze)
        for _ in train(network, known, config, harmonic=harmonic):
            pass
        return embed(network, faces.images)

    old = learn(fresh(OLD_SEED, *SHAPE), OLD_SEED)
    rows, kept = [("v1", OLD_SEED, *figures(old[stranger], old[stranger], labels))], {"old": old}
    for seed in NEW_SEEDS:
        networks = {}
        for way, (begins, by, freeze, share) in WAYS.items():
            if way == "turned":
                new = embed(networks["alone"], known.images)
                networks[way] = copied(networks["alone"], best_turn(new, old[~stranger]))
                new = embed(networks[way], faces.images)
            else:
                networks[way] = copied(networks[begins]) if begins else fresh(seed, *SHAPE)
                harmonic = Harmonic(old[~stranger], by) if by else None
                new = learn(networks[way], seed, harmonic, freeze, share)
            if seed == NEW_SEEDS[0] and way in ("alone", "people"):
                kept[way] = new
            rows.append((way, seed, *figures(old[stranger], new[stranger], labels)))
            print(*rows[-1], flush=True)
    write_csv(RESULTS / "harmonic.csv", HEADER, rows)
    target = RESULTS / "harmonic.npz"
    with replacing(target) as temporary, temporary.open("wb") as file:
        halves = {name: vectors.astype(np.float16) for name, vectors in kept.items()}
        np.savez_compressed(file, **halves, labels=faces.labels, stranger=stranger)


if __name__ == "__main__":
    main()
