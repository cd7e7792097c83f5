"""Mining and stage 3 on one thread: `minifacenet bench mining`, `minifacenet bench recognition`."""

from __future__ import annotations

import statistics
import sys
import time
import tracemalloc
from dataclasses import dataclass

import numpy as np

from ..classification.classifier import FaceClassifier
from ..classification.clustering import average_linkage
from ..classification.folds import evaluate
from ..embedding.distances import squared_distances
from ..embedding.mining import RULES, mined_loss
from ..embedding.triplet import embedding_gradient
from ..nn.device.backend import one_thread


@dataclass(frozen=True)
class MiningCost:
    """The cost of one rule for a batch, without the distances and the gradient of the embeddings.

    `memory` is the peak beyond the input, in units of one N x N matrix of float32.
    """

    rule: str
    seconds: float
    memory: float
    active: int


def time_mining(people: int = 45, photos: int = 40, rounds: int = 5) -> tuple[list, float]:
    """Time every rule on P x K embeddings, the rounds interleaved: the paper's batch is 45 x 40.

    The embeddings look like those of a network under training: people are clouds that overlap, so
    that every rule finds something.

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


@dataclass(frozen=True)
class RecognitionCost:
    """The cost of one task; `memory` is the process's peak so far in bytes, None on Windows."""

    task: str
    seconds: float
    memory: int | None


def time_recognition(people: int, photos: int, pairs: int, faces: int) -> list[RecognitionCost]:
    """Time stage 3 on random embeddings of distinct people, once each, after compilation."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(people), photos)
    vectors = _clouds(rng, labels)
    same = np.arange(pairs) % 2 == 0
    a = _clouds(rng, np.arange(pairs))
    b = np.where(same[:, None], a + rng.normal(0, 0.05, a.shape), rng.permutation(a))
    many = _clouds(rng, np.arange(faces) // 10)
    average_linkage(many[:20])  # compiles

    def verify() -> None:
        evaluate(np.square(a - b).sum(axis=1), same, np.arange(pairs) * 10 // pairs)

    tasks = {
        f"fit an SVM to {len(labels):,} faces of {people:,} people, name them": lambda: (
            FaceClassifier().fit(vectors, labels).predict(vectors)
        ),
        f"verify {pairs:,} pairs in 10 folds": verify,
        f"cluster {faces:,} faces": lambda: average_linkage(many),
    }
    costs = []
    with one_thread():
        for task, work in tasks.items():
            start = time.process_time()
            work()
            costs.append(RecognitionCost(task, time.process_time() - start, _peak_of_process()))
    return costs


def _clouds(rng, labels) -> np.ndarray:
    """Return unit vectors (N, 128), float32, each near the direction of its person."""
    count = labels.max() + 1
    vectors = rng.normal(0, 1, (count, 128))[labels] + rng.normal(0, 0.6, (len(labels), 128))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _peak_of_process() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
