"""Whole networks and trainings: weights that are no numbers, photos that show nothing."""

import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import CheckpointError, save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.loop import train
from minifacenet.training.settings import TrainConfig

from .attack import attack
from .long_training import noisy_people

NETWORKS = ("nn1_mini", "nn1_mini_bn", "resnet_mini")
Change = Callable[[np.ndarray], np.ndarray]
PHOTOS: dict[str, Change] = {
    "as they are": lambda images: images,
    "black": np.zeros_like,
    "white": lambda images: np.full_like(images, 255),
    "one photo for all": lambda images: np.broadcast_to(images[:1], images.shape).copy(),
    "one photo under two names": lambda images: np.concatenate([images[:1], images[:-1]]),
    "two colours": lambda images: np.where(images > 127, 255, 0).astype(np.uint8),
}
RATES = (5e-4, 10.0, 1e10, 1e30, 3e38)
WEIGHTS = {"NaN": np.nan, "inf": np.inf, "-inf": -np.inf, "3e38": 3e38}


def fresh(name: str, seed: int) -> FaceNet:
    return FaceNet.new(Architecture(name, 32, 1, 8), seed)


def bad_weight(name: str, value: str, rng: np.random.Generator, place: Path) -> str | None:
    """Put such a number into a weight that is drawn, and say what is wrong with what comes out."""
    model = fresh(name, int(rng.integers(100)))
    parameter_name = str(rng.choice([*model.network.parameters()]))
    parameter = model.network.parameters()[parameter_name]
    with parameter.edit() as w:
        w.reshape(-1)[rng.integers(w.size)] = WEIGHTS[value]
    photos = noisy_people(rng, 2, 2).images[: int(rng.integers(1, 4))]
    vectors = Embedder(model).transform(photos)
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = np.isfinite(lengths) & (np.abs(lengths - 1) > 1e-5)
    if wrong.any():
        return f"{parameter_name}: a vector of length {lengths[wrong][0]}"
    if value == "NaN" and not np.isnan(lengths).all():
        return f"{parameter_name}: vectors that do not show it"
    file = place / "model.safetensors"
    try:
        save_model(file, model)
    except CheckpointError:
        return None if value != "3e38" else f"{parameter_name}: a finite weight is not saved"
    return None if value == "3e38" else f"{parameter_name}: saved"


def bad_training(name: str, photos: str, rate: float, optimizer: str, seed: int, place: Path):
    """Train a little; say what is wrong with how it ends."""
    faces = noisy_people(np.random.default_rng(seed), people=3, photos=3)
    faces = Faces(PHOTOS[photos](faces.images), faces.labels, faces.people, faces.paths)
    model = fresh(name, seed)
    config = TrainConfig(steps=6, people=3, photos=3, rate=rate, optimizer=optimizer, seed=seed)
    records = []
    try:
        records += train(model.network, faces, config)
    except FloatingPointError as error:
        told = "lower learning rate" in str(error) and "layer" in str(error)
        return None if told and rate > 1 else f"{error}"
    values = [(r.loss, r.spread, r.positive_distance) for r in records]
    if not np.isfinite(values).all():
        return f"{records[-1]}"
    if not all(-1e-4 <= r.spread <= 4.001 for r in records):
        return f"a spread of {records[-1].spread}"
    weights = [p.data for p in model.network.parameters().values()]
    if not all(np.isfinite(w).all() for w in weights):
        try:
            save_model(place / "model.safetensors", model)
        except CheckpointError:
            return None
        return "saved with weights that are no numbers"
    return None


@attack(
    "numbers", "networks-at-limits",
    "networks with a weight that is NaN, infinite or 3e38, and trainings on black, white, equal or "
    "doubled photos at rates up to 3e38: unit vectors, or an error that names the layer, and "
    "nothing broken is saved",
    cases=400,
)  # fmt: skip
def networks_at_limits(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    every: list[tuple] = [*itertools.product(NETWORKS, WEIGHTS)] * 12
    every += itertools.product(NETWORKS, PHOTOS, RATES, ("adam", "adagrad", "sgd"))
    order = np.random.default_rng(seed).permutation(len(every))
    for number, at in zip(range(cases), itertools.cycle(order), strict=False):
        chosen = every[at]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                if len(chosen) == 2:
                    message = bad_weight(*chosen, np.random.default_rng([seed, number]), place)
                else:
                    message = bad_training(*chosen, seed + number, place)
            except Exception as error:
                message = f"{type(error).__name__}: {error}"
        yield message and f"{', '.join(map(str, chosen))}, case {number}: {message}"
