"""What `test_ranks.py` starts under mpiexec: first steps on all ranks beside those of one process.

Prints one JSON object: for each case how far loss and gradients are from those of one process, as a
share of the largest, and whether a second time gives the same bits.
"""

import json
from types import SimpleNamespace

import numpy as np

from minifacenet.embedding.architectures import Architecture
from minifacenet.machine.mpi import MpiRanks, all_ranks
from minifacenet.machine.ranks import ALONE
from minifacenet.nn.device.backend import set_threads
from minifacenet.nn.layer import Layer, Sequential
from minifacenet.training.loop import train
from minifacenet.training.settings import TrainConfig

BATCH = TrainConfig(steps=2, people=3, photos=3, optimizer="sgd", rate=0.1, mining="all")
CASES = {
    # an odd number of photos, which nobody can share evenly
    "nn1_mini float32": ("nn1_mini", np.float32, {}),
    "nn1_mini float64": ("nn1_mini", np.float64, {}),
    "batch norm float32": ("nn1_mini_bn", np.float32, {}),
    "batch norm float64": ("nn1_mini_bn", np.float64, {}),
    "residual float64": ("resnet_mini", np.float64, {}),
    "chunks float64": ("nn1_mini", np.float64, {"chunk": 2}),
    "frozen float64": ("nn1_mini_bn", np.float64, {"freeze": "all-but fc7128"}),
    "semi-hard-random float64": ("nn1_mini", np.float64, {"mining": "semi-hard-random"}),
    "offline float64": ("nn1_mini", np.float64, {"mining": "hardest", "mine_every": 1}),
}


class Lopsided(MpiRanks):
    """The last rank has all of a batch: the others' shares are empty."""

    def bounds(self, count):
        return [0] * self.size + [count]


class Widened(Layer):
    """The first layer of a network in float64: photos come in float32."""

    def __init__(self, dtype):
        self.dtype = dtype

    def forward(self, x, train=False):
        return x.astype(self.dtype)

    def backward(self, dout):
        return dout


def photos():
    """Four 'people', each a pattern of their own, in noise."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(60, 196, (4, 1, 32, 32, 1))
    images = patterns + rng.integers(-40, 40, (4, 5, 32, 32, 1))
    return SimpleNamespace(
        images=images.reshape(20, 32, 32, 1).astype(np.uint8), labels=np.repeat(np.arange(4), 5)
    )


def steps(ranks, name, dtype, changes):
    """Train two steps; returns the losses, the first step's gradients and all arrays after both."""
    from dataclasses import replace

    inner = Architecture(name, size=32, channels=1).build(np.random.default_rng(0), dtype)
    network = Sequential(("wide", Widened(dtype)), *inner.layers.items())
    losses, gradients = [], []
    for record in train(network, photos(), replace(BATCH, **changes), ranks=ranks):
        losses.append(record.loss)
        gradients.append(joined(p.grad for p in network.parameters().values()))
    return np.array(losses), gradients[0], joined(p.data for p in network.parameters().values())


def joined(arrays):
    return np.concatenate([array.reshape(-1) for array in arrays])


def apart(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


def main():
    set_threads(1)
    answer = {}
    with all_ranks() as ranks:
        sides = {case: ranks for case in CASES}
        cases = dict(CASES)
        for case in ("nn1_mini float64", "batch norm float64", "chunks float64"):
            cases[f"{case}, empty shares"] = CASES[case]
            sides[f"{case}, empty shares"] = Lopsided(ranks._world)
        for case, (name, dtype, changes) in cases.items():
            here = steps(sides[case], name, dtype, changes)
            again = steps(sides[case], name, dtype, changes)
            alone = steps(ALONE, name, dtype, changes)
            ranks.refuse_difference("weights", here[2].tobytes().hex())
            answer[case] = {
                "loss": apart(here[0][:1], alone[0][:1]),
                "gradient": apart(here[1], alone[1]),
                "later": apart(here[2], alone[2]),
                "repeats": all(map(np.array_equal, here, again)),
                "moved": float(np.abs(alone[1]).max()),
            }
        if ranks.rank == 0:
            print(json.dumps(answer))


if __name__ == "__main__":
    main()
