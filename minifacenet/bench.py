"""How fast: `minifacenet bench mining`. Medians of processor time on one thread."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from dataclasses import dataclass

import numpy as np

from .embedding.mining import RULES, mined_loss, squared_distances
from .embedding.triplet import embedding_gradient
from .nn.backend import one_thread


@dataclass(frozen=True)
class MiningCost:
    """What one rule takes for a batch, distances and the gradient of the embeddings left out.

    `memory` is the peak beyond what goes in, in units of one N x N matrix of float32.
    """

    rule: str
    seconds: float
    memory: float
    active: int


def bench_mining(people: int = 45, photos: int = 40, rounds: int = 5) -> tuple[list, float]:
    """Every rule on P x K embeddings, the rounds interleaved: the paper's batch is 45 x 40.

    The embeddings are those of a network under training: people are near each other in clouds that
    overlap, so that every rule finds something.

    Returns
    -------
    costs : list of MiningCost
    other : float
        Seconds for the distances and the gradient, the same for all rules.
    """
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(people), photos)
    vectors = rng.normal(0, 1, (people, 128))[labels] + rng.normal(0, 1.2, (len(labels), 128))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    distances = squared_distances(vectors)
    seconds: dict[str, list[float]] = {rule: [] for rule in (*RULES, "other")}
    with one_thread():
        results = {rule: _mine(distances, labels, rule) for rule in RULES}  # compiles
        for _ in range(rounds):
            for rule in RULES:
                start = time.process_time()
                results[rule] = _mine(distances, labels, rule)
                seconds[rule].append(time.process_time() - start)
            start = time.process_time()
            embedding_gradient(results["all"][2], vectors)
            squared_distances(vectors)
            seconds["other"].append(time.process_time() - start)
        memory = {rule: _peak(distances, labels, rule) for rule in RULES}
    median = {name: statistics.median(values) for name, values in seconds.items()}
    costs = [
        MiningCost(rule, median[rule], memory[rule] / distances.nbytes, results[rule][1])
        for rule in RULES
    ]
    return costs, median["other"]


def _mine(distances, labels, rule):
    return mined_loss(distances, labels, 0.2, rule, np.random.default_rng(0))


def _peak(distances, labels, rule) -> int:
    tracemalloc.start()
    try:
        _mine(distances, labels, rule)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
