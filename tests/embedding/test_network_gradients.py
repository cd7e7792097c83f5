"""Every network with the loss passes a gradient check, at reduced width, some with fewer rows."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from minifacenet.embedding import dlib_resnet, inception_resnet, resnet_mini
from minifacenet.embedding.architectures import NETWORKS
from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.mining import semi_hard_closest
from minifacenet.embedding.triplet import embedding_gradient, triplet_loss
from minifacenet.nn.gradcheck import check_direction

STEPS = (1e-5, 1e-6, 1e-4)


@dataclass(frozen=True)
class Case:
    """What makes a network small.

    `idle` are the ends of the names on which the loss does not depend: a batch norm takes off what
    a bias before it adds. `fewer` names what lists the rows of a structure, with less of them.
    """

    size: int
    widths: dict[str, int]
    seed: int = 4  # one whose embeddings are not all alike at first
    photos: int = 3
    idle: tuple[str, ...] = ()
    fewer: dict[str, Any] = field(default_factory=dict)


def all_of(name, width, **others):
    return dict.fromkeys(NETWORKS[name].widths, width) | others


BLOCKS = {name: (1, *rest) for name, (_, *rest) in inception_resnet.BLOCKS.items()}
ROWS = [row for row in dlib_resnet.ROWS if not row.endswith(("_2", "_3"))]
MINI = [row for row in resnet_mini.ROWS if not row.endswith(("_2", "_3"))]
CASES = {
    "nn1": Case(40, all_of("nn1", 4, fc=8), seed=1, photos=4),
    "nn1_mini_bn": Case(40, all_of("nn1_mini_bn", 4, fc=8), seed=1, photos=4, idle=("bias",)),
    # The channels grow, so that those of a shortcut are filled up with zeros.
    "resnet_mini": Case(
        64,
        dict(conv16=3, conv32=4, conv64=5, conv128=6),
        photos=4,
        fewer={"resnet_mini.ROWS": MINI},
    ),
    "nn2": Case(64, all_of("nn2", 3)),
    "nn4_small2": Case(
        96,
        all_of("nn4_small2", 3),
        idle=("conv.bias", "reduce.bias", "3x3.bias", "5x5.bias", "conv1.bias"),
    ),
    "dlib_resnet": Case(
        107, dict(conv32=3, conv64=4, conv128=5, conv256=6), fewer={"dlib_resnet.ROWS": ROWS}
    ),
    "inception_resnet_v1": Case(
        107,
        all_of("inception_resnet_v1", 3),
        idle=("block8_6.body.up.bias",),
        fewer={"inception_resnet.BLOCKS": BLOCKS},
    ),
}


def test_every_structure_is_checked():
    assert {NETWORKS[name].build for name in CASES} == {n.build for n in NETWORKS.values()}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_network_and_the_loss_pass_a_directional_gradient_check(name, monkeypatch):
    """Through mining and the triplet loss, its triplets frozen."""
    case = CASES[name]
    for attribute, rows in case.fewer.items():
        monkeypatch.setattr(f"minifacenet.embedding.{attribute}", rows)
    rng = np.random.default_rng(case.seed)
    shape = (case.size, case.size, 3)
    network = NETWORKS[name].build(shape, case.widths, 8, rng, np.float64)
    for own, parameter in network.parameters().items():
        if own.endswith(("bias", "beta")):  # at 0, a pixel among zeros sits on ReLU's kink
            with parameter.edit() as b:
                b += 0.05 * rng.standard_normal(b.shape)
    x = rng.uniform(-1, 1, (2 * case.photos, *shape))
    labels = np.repeat([0, 1], case.photos)
    embeddings = network.forward(x, train=True)
    triplets = semi_hard_closest(squared_distances(embeddings), labels, 0.5)
    _, active, weights = triplet_loss(squared_distances(embeddings), triplets, 0.5)
    assert active >= 4
    network.backward(embedding_gradient(weights, embeddings))

    def loss():  # in training, since a batch norm is another function after it
        vectors = network.forward(x, train=True)
        return triplet_loss(squared_distances(vectors), triplets, 0.5)[0]

    def error(parameter):
        """A kink on the way spoils a long step, rounding a short one; a wrong gradient, both."""
        best = np.inf
        for step in STEPS:
            best = min(best, check_direction(loss, parameter, rng, step))
            if best <= 1e-7:
                break
        return best

    trained = {n: p for n, p in network.parameters().items() if "running" not in n}
    idle = [n for n in trained if n.endswith(case.idle)]
    largest = max(np.abs(p.grad).max() for p in trained.values())
    assert all(np.abs(trained[n].grad).max() <= 1e-12 * largest for n in idle)
    errors = {n: error(p) for n, p in trained.items() if n not in idle}
    assert max(errors.values()) <= 1e-6, sorted(errors.items(), key=lambda item: -item[1])[:5]
