"""What `test_ranks.py` starts under mpiexec.

first_steps CHANGES     first steps on all ranks beside those of one process, as one JSON object:
                        for each case how far loss and gradients are apart, as a share of the
                        largest, and whether a second time gives the same bits
command FAULT ...       the command line, and what is to happen after its third step
"""

import json
import os
import signal
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from minifacenet.__main__ import main
from minifacenet.embedding.architectures import Architecture
from minifacenet.machine import mpi
from minifacenet.machine.mpi import MpiRanks, all_ranks
from minifacenet.machine.ranks import ALONE
from minifacenet.nn.device.backend import set_threads
from minifacenet.nn.layer import Layer, Sequential
from minifacenet.training import run as training_run
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


def first_steps(changes):
    """Print how far each case is from one process, and whether it repeats."""
    set_threads(1)
    answer = {}
    with all_ranks() as ranks:
        sides = {case: ranks for case in CASES}
        for case in ("nn1_mini float64", "batch norm float64", "chunks float64"):
            sides[f"{case}, empty shares"] = Lopsided(ranks._world)
        for case, side in sides.items():
            name, dtype, own = CASES[case.partition(",")[0]]
            here, again, alone = (
                steps(each, name, dtype, own | changes) for each in (side, side, ALONE)
            )
            ranks.refuse_difference("weights", here[2].tobytes().hex())
            answer[case] = {
                "loss": apart(here[0][:1], alone[0][:1]),
                "gradient": apart(here[1], alone[1]),
                "later": apart(here[2], alone[2]),
                "repeats": all(map(np.array_equal, here, again)),
                "learns": bool(alone[1].any()),
            }
        if ranks.rank == 0:
            print(json.dumps(answer))


def fails_alone(step, ranks):
    if step == 3 and ranks.rank == 1:
        raise OSError("the disk\x1b[2J is gone")


def has_a_bug_alone(step, ranks):
    if step == 3 and ranks.rank == 1:
        raise KeyError("no such thing")


def fails_on_all(step, ranks):
    if step == 3:
        raise OSError("the disk is gone")


def first_fails_alone(step, ranks):
    if step == 3 and ranks.rank == 0:
        raise OSError("the disk is gone")


def interrupts_the_last(step, ranks):
    if step == 3 and ranks.rank == ranks.size - 1:
        os.kill(os.getpid(), signal.SIGUSR1)


def drifts(step, ranks):
    if step == 3 and ranks.rank == 1:
        with ranks.parameter.edit() as w:
            w += 1e-6


def interrupts_itself(step, ranks):
    if step % 10 == 0:  # a second one would end it at once
        os.kill(os.getpid(), signal.SIGINT)


def slow(step, ranks):
    time.sleep(0.3)


def command(fault, arguments):
    """Run the command, with something that happens after a step before it is judged or saved."""
    mpi.PATIENCE = 1.0
    after_step = training_run._Run.after_step

    def disturbed(self, record, *rest):
        self.ranks.parameter = self.model.network.parameters()["conv1.weight"]
        globals()[fault](record.step, self.ranks)
        return after_step(self, record, *rest)

    if fault != "nothing":
        training_run._Run.after_step = disturbed
    sys.argv = ["minifacenet", *arguments]
    main()


if __name__ == "__main__":
    if sys.argv[1] == "first_steps":
        first_steps(json.loads(sys.argv[2]))
    else:
        command(sys.argv[2], sys.argv[3:])
