"""Models and what stands on them: thresholds, trainings under way, enrolled people."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from minifacenet.classification import people as people_module
from minifacenet.classification.classifier import UNKNOWN, FaceClassifier
from minifacenet.classification.people import People
from minifacenet.classification.thresholds import Thresholds
from minifacenet.embedding.architectures import FaceNet
from minifacenet.embedding.checkpoint import load_model, save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.arrays import ENTRY, CheckpointError
from minifacenet.files.atomic import write_csv
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.average import WeightAverage
from minifacenet.training.files import last_good
from minifacenet.training.health import StepRecord
from minifacenet.training.log import TYPES, checks_of_steps, read_log, rows_of_steps, write_log
from minifacenet.training.loop import TrainingState
from minifacenet.training.run import began_with, steps_done
from minifacenet.training.settings import TrainConfig, TrainingRunConfig
from minifacenet.training.state import load_state, save_state

from .damaged_arrays import mutated_arrays, with_header
from .damaged_tables import bundled, mutated_bundle, mutated_table, unbundled
from .fuzz_small import is_distance, is_text, naming, seeds_by, tiny_model, write
from .fuzzing import Inner, Reader, fuzzed
from .mutations import json_text, mutated_json

GUIDES = ("minifacenet.files", "minifacenet.embedding.checkpoint", "minifacenet.training")
STORED = {
    "source": "Ada and others", "pairs_same": 20, "pairs_different": 400, "accuracy": 1.1,
    "far": {"0.1": 1.2, "0.01": 0.9}, "cut": 1.0, "stranger_faces": 50, "enrolled_people": 5,
    "gate": {"0.1": 0.9, "0.01": 0.7},
}  # fmt: skip
GALLERIES = {
    "galleries": [
        {"people": 5, "photos": 1, "gate": {"0.1": 0.9, "0.01": 0.7}},
        {"people": 50, "photos": 3, "gate": {"0.1": 0.8, "0.01": 0.6}},
    ],
    "crowding": {"centres": [[0.1, 0.2, -0.3, 0.1], [0.3, 0.2, 0.1, 0.0]], "share": 0.4,
                 "usual": 1.2},
}  # fmt: skip


# -- Models ---------------------------------------------------------------------------------------


def models(place: Path) -> list[bytes]:
    path, found = place / "model.safetensors", []
    for more in ({}, {"thresholds": STORED}):
        save_model(path, tiny_model(), {"step": 3}, **more)
        found.append(path.read_bytes())
    return found


def read_model(data: bytes) -> None:
    write(model__safetensors=data)
    with naming("model.safetensors"):
        good = last_good(Path())
        assert len(good) < 300
        assert good.isprintable()
        model = load_model("model.safetensors")
        check(Thresholds.of_model("model.safetensors"))
    for name, parameter in model.network.parameters().items():
        assert np.isfinite(parameter.data).all(), name
        assert not name.endswith("running_variance") or (parameter.data >= 0).all()
    assert model.cut.isprintable()
    assert len(model.cut) < 300
    assert len(model.digest) == 16


def check(found: Thresholds | None) -> None:
    """Demand distances, counts and texts, and use them."""
    if found is None:
        return
    gates = [found.gate, *(gallery.gate for gallery in found.galleries)]
    for gate in (found.far, *gates):
        assert all(0 <= rate <= 1 and is_distance(value) for rate, value in gate.items())
    assert is_distance(found.accuracy)
    assert is_distance(found.cut)
    assert min(found.pairs_same, found.pairs_different, found.stranger_faces) >= 0
    assert is_text(found.source)
    assert len(found.source) < 1000
    for far in found.gate_rates():
        gate, words = found.gate_for(7, 2.5, far)
        assert is_distance(gate)
        assert len(words) < 100
    if found.crowding is not None:
        length = len(found.crowding.centres[0])
        assert np.isfinite(found.crowding.allowances(np.full((1, length), 0.5))).all()
    json.dumps(found.as_dict())


fuzzed(
    Reader(
        name="fuzz-model",
        what="models with damaged architectures, weights, words and offsets: a network of finite "
        "weights, or one line",
        read=read_model,
        seeds=seeds_by(models),
        errors=(CheckpointError,),
        guided_by=GUIDES,
        mutate=mutated_arrays,
    )
)


# -- Thresholds -----------------------------------------------------------------------------------


def read_thresholds(data: bytes) -> None:
    metadata = f'{{"thresholds": {data.decode("utf-8", "replace")}}}'
    header = json.dumps({"__metadata__": {ENTRY: metadata}}).encode()
    write(model__safetensors=with_header(header, b""))
    with naming("model.safetensors"):
        check(Thresholds.of_model("model.safetensors"))


def mutated_text(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    try:
        return json_text(mutated_json(json.loads(data), rng), rng)
    except (ValueError, RecursionError):
        return None


fuzzed(
    Reader(
        name="fuzz-thresholds",
        what="thresholds in a model's file with damaged values: distances from 0 to 4, or one line",
        read=read_thresholds,
        seeds=lambda: [json.dumps(one).encode() for one in (STORED, {**STORED, **GALLERIES})],
        errors=(CheckpointError,),
        guided_by=("minifacenet.classification", "minifacenet.files"),
        mutate=mutated_text,
    )
)


# -- A training under way -------------------------------------------------------------------------

CONFIG = TrainingRunConfig(
    tiny_model().architecture, TrainConfig(steps=6, people=2, photos=2), check_every=1, average=0.5
)
PEOPLE = Faces(
    np.zeros((4, 32, 32, 1), np.uint8), np.array([0, 0, 1, 1]), ("a", "b"), tuple("abcd")
)
NAMES = ("state.safetensors", "log.csv", "checks.csv")


def fresh() -> tuple[FaceNet, TrainingState, WeightAverage]:
    model = FaceNet.blank(CONFIG.architecture, PEOPLE.cut)
    return model, TrainingState(model.network, CONFIG.training), WeightAverage(model.network, 0.5)


def trainings(place: Path) -> list[bytes]:
    model, state, average = fresh()
    state.step, state.optimizer.steps = 2, 2
    state.queue = np.array([[0, 1, 2]])
    save_state(place / NAMES[0], model, state, CONFIG.settings(PEOPLE), average)
    values = [2.0 if kind is float else 2 for kind in TYPES[1:]]
    write_log(place / NAMES[1], [StepRecord(step, *values) for step in (1, 2)])
    write_csv(place / NAMES[2], ("step", "val", "error"), [(1, 0.5, 0.1), (2, 0.6, "nan")])
    return [bundled([(place / name).read_bytes() for name in NAMES])]


def read_training(data: bytes) -> None:
    files = unbundled(data, 3)
    write(state__safetensors=files[0], log__csv=files[1], checks__csv=files[2])
    out = Path()
    with naming(*NAMES):
        config, steps = began_with(out), steps_done(out)
        model, state, average = fresh()
        settings = replace(config, init=None, harmonic=None).settings(PEOPLE)
        load_state(out / NAMES[0], model, state, settings, TrainingRunConfig.completed, average)
        done = range(1, state.step + 1)
        rows = rows_of_steps(out / NAMES[1], TYPES, done)
        checks = checks_of_steps(out / NAMES[2], done)
        read_log(out / NAMES[1])
    assert 0 <= state.optimizer.steps <= state.step == steps == len(rows) == len(checks)
    for name, array in state.optimizer.state().items():
        assert np.isfinite(array).all()
        assert not name.endswith((".square", ".accumulator")) or (array >= 0).all()
    for one in (model, average.of(model)):
        for name, parameter in one.network.parameters().items():
            assert np.isfinite(parameter.data).all()
            assert not name.endswith("running_variance") or (parameter.data >= 0).all()
    state.rng.integers(0, 9, 5)


fuzzed(
    Reader(
        name="fuzz-training",
        what="a training to go on with, whose state, log or checks are damaged: one that can be "
        "gone on with, or one line",
        read=read_training,
        seeds=seeds_by(trainings),
        errors=(CheckpointError,),
        guided_by=GUIDES,
        mutate=mutated_bundle((mutated_arrays, mutated_table, mutated_table)),
    )
)


# -- People ---------------------------------------------------------------------------------------


@cache
def one_embedder(out: Path, flip: bool) -> Embedder:
    """The network of all cases: it is not damaged, and is loaded once."""
    return Embedder(out, flip=flip)


def enrolled(place: Path) -> list[bytes]:
    save_model(place / "model.safetensors", tiny_model())
    rng, found = np.random.default_rng(0), []
    for people, threshold, svm in ((3, 0.9, None), (1, 0.9, None), (3, None, False), (2, 1, None)):
        vectors = rng.standard_normal((2 * people, 4))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        names = np.repeat(["Ada", "Grace", "Zoë"][:people], 2)
        classifier = FaceClassifier(threshold=threshold, svm=svm).fit(vectors, names)
        classifier.answers(vectors)  # compiles, before cases are timed
        embedder = Embedder(place / "model.safetensors")
        People(embedder, classifier, (2,) * people, "words").save(place, place)
        found.append((place / people_module.FILE).read_bytes())
    return found


def read_people(data: bytes) -> None:
    if not Path("model.safetensors").exists():
        save_model("model.safetensors", tiny_model())
    people_module.Embedder = one_embedder
    write(people__safetensors=data)
    with naming("people.safetensors"):
        people = People.load(".")
    it, names = people.classifier, people.classifier.classes_.tolist()
    assert all(map(is_text, (*names, people.source)))
    assert len(set(names)) == len(names) == len(people.photos)
    assert it.classes_.nbytes <= 4 * len(data) * len(names)
    assert it.classes_.nbytes <= 2**16
    assert sum(people.photos) / len(names) < 2**53
    assert min(people.photos) >= 0
    assert it.threshold is None or is_distance(it.threshold)
    assert np.isfinite(it.centroids_).all()
    asked = np.eye(4)[:2]
    answers = it.answers(asked)
    assert ((answers.distance >= 0) & (answers.distance < 4.01)).all(), answers.distance
    assert {*it.predict(asked)} <= {*names, UNKNOWN}


fuzzed(
    Reader(
        name="fuzz-people",
        what="enrolled people with damaged names, counts, thresholds and arrays: names and "
        "distances, or one line",
        read=read_people,
        seeds=seeds_by(enrolled),
        errors=(CheckpointError,),
        guided_by=("minifacenet.classification", "minifacenet.files"),
        mutate=mutated_arrays,
    )
)
