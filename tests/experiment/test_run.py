"""A run with enough people to measure thresholds on some of them."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from minifacenet.classification.methods import METHODS
from minifacenet.classification.thresholds import Thresholds
from minifacenet.experiment import run as pipeline
from minifacenet.experiment.run import FILES, in_the_way, run
from minifacenet.experiment.settings import RunConfig
from minifacenet.experiment.strangers import _groups
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.observer import Observer
from minifacenet.training.settings import TrainConfig
from minifacenet.training.splits import Split, split_people

CONFIG = RunConfig(training=TrainConfig(steps=3, people=4, photos=3))


class Listener(Observer):
    def __init__(self):
        self.said, self.trainings = [], []

    def say(self, text):
        self.said.append(text)

    def start_training(self, title, steps, done=0):
        self.trainings.append(title)


@pytest.fixture(scope="module")
def faces():
    """Eight people, six photos each: a pattern a person, in noise."""
    rng = np.random.default_rng(0)
    images = rng.integers(60, 196, (8, 1, 32, 32, 1)) + rng.integers(-40, 40, (8, 6, 32, 32, 1))
    names = tuple("abcdefgh")
    paths = tuple(f"{name}/{i}.png" for name in names for i in range(6))
    labels = np.repeat(np.arange(8), 6)
    return Faces(images.reshape(48, 32, 32, 1).astype(np.uint8), labels, names, paths)


@pytest.fixture(scope="module")
def whole(faces, tmp_path_factory):
    out, listener = tmp_path_factory.mktemp("run"), Listener()
    return out, run(faces, out, CONFIG, listener), listener


def test_strangers_are_asked_for_by_name_and_grouped(whole):
    out, metrics, listener = whole
    for method in METHODS:
        figures = metrics["open"][method.key]
        assert figures["enrolled_faces"] == 6 * 3
        assert figures["stranger_faces"] == 12
        shares = ("correct_name_rate", "misnamed_rate", "rejected_rate")
        assert sum(figures[name] for name in shares) == pytest.approx(1)
        for name in ("false_accept_rate", "dir_at_far_0.05", "bcubed_f1"):
            assert 0 <= figures[name] <= 1
        assert 1 <= figures["groups"] <= 12
    assert json.loads((out / "metrics.json").read_text()) == json.loads(json.dumps(metrics))
    assert listener.trainings[-2:] == ["Thresholds: 2 of 3", "Thresholds: 3 of 3"]


def test_both_models_carry_the_thresholds_of_people_held_out_in_turn(whole):
    out, metrics, _ = whole
    stored = Thresholds.of_model(out)
    assert stored == Thresholds.of_model(out / "open")
    assert stored.as_dict() == Thresholds.of(metrics["thresholds"]).as_dict()
    assert stored.stranger_faces == 36  # every training person was a stranger once
    assert stored.source.startswith("36 photos of 6 people, each held out of the training of a")
    assert stored.gate[0.05] == metrics["open"]["facenet"]["gate_threshold"]
    assert stored.cut == metrics["open"]["facenet"]["cut"]


def test_what_a_run_writes_is_known_to_those_who_must_not_lose_it(whole):
    out = whole[0]
    written = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert written <= set(FILES)
    assert set(in_the_way(out)) == written


class Broken(Exception):
    pass


@pytest.fixture
def short(monkeypatch):
    """A run without networks, that writes a model and ends where it is told to."""
    where = []

    def known(faces, split, job):
        (job.out / "model.safetensors").touch()
        (job.out / "open" / ".minifacenet-0a1b2c3d.tmp").mkdir(parents=True)  # swept next time
        if "training" in where:
            raise Broken
        return SimpleNamespace(figures={})

    def show(known, strangers, metrics, job):
        (job.out / "report.html").touch()
        if "report" in where:
            raise Broken

    strangers = SimpleNamespace(figures={}, thresholds=None)
    monkeypatch.setattr(pipeline, "name_known_people", known)
    monkeypatch.setattr(pipeline, "meet_strangers", lambda *_: strangers)
    monkeypatch.setattr(pipeline, "_show", show)
    return where


@pytest.mark.parametrize("place", ["training", "report"])
def test_a_run_that_was_broken_off_begins_anew_and_the_metrics_come_last(
    faces, short, tmp_path, place
):
    short.append(place)
    with pytest.raises(Broken):
        run(faces, tmp_path, CONFIG)
    assert not (tmp_path / "metrics.json").exists()
    assert in_the_way(tmp_path) == []
    short.clear()
    (tmp_path / ".minifacenet-0a1b2c3d.tmp").mkdir()
    listener = Listener()
    run(faces, tmp_path, CONFIG, listener)
    assert listener.said == [f"The run in {tmp_path} was broken off: it begins anew."]
    assert not (tmp_path / ".minifacenet-0a1b2c3d.tmp").exists()
    assert in_the_way(tmp_path)[0] == "metrics.json"


def test_a_lone_model_or_one_of_a_training_is_no_broken_run(tmp_path):
    (tmp_path / "model.safetensors").touch()
    assert in_the_way(tmp_path) == ["model.safetensors"]
    (tmp_path / "split.csv").touch()
    (tmp_path / "config.json").touch()
    assert set(in_the_way(tmp_path)) == {"model.safetensors", "split.csv", "config.json"}


@pytest.mark.full
def test_random_embeddings_are_chance_everywhere(faces, tmp_path, monkeypatch):
    """Whatever asks the network gets noise: no figure may come out better than by luck."""
    rng = np.random.default_rng(1)

    def noise(self, images):
        rows = rng.normal(size=(len(images), 128))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    monkeypatch.setattr("minifacenet.embedding.embedder.Embedder.transform", noise)
    metrics = run(faces, tmp_path, CONFIG)
    closed, opened = metrics["closed"]["facenet"], metrics["open"]["facenet"]
    assert closed["svm_accuracy"] < 0.125 + 4 * np.sqrt(0.125 * 0.875 / 24)
    assert abs(closed["auc"] - 0.5) < 0.25
    assert abs(opened["auc"] - 0.5) < 0.25
    assert opened["correct_name_rate"] < 1 / 6 + 4 * np.sqrt(5 / 36 / 18)
    assert opened["dir_at_far_0.05"] < 0.3
    assert opened["bcubed_f1"] < 0.75  # two people: one heap of all has 0.67


@pytest.mark.parametrize("people", [6, 9, 30])
def test_every_training_person_is_held_out_once(people):
    labels = np.repeat(np.arange(people), 4)
    inner = split_people(labels, 0.25, np.random.default_rng(0))
    groups = _groups(labels, inner, np.random.default_rng(0))
    np.testing.assert_array_equal(groups[0], inner.test)
    assert sorted(np.concatenate(groups)) == list(range(len(labels)))
    sizes = [len(np.unique(labels[group])) for group in groups]
    assert max(sizes) - min(sizes) <= 1


def test_many_people_held_out_at_once_are_enough():
    labels = np.repeat(np.arange(100), 4)
    inner = Split(np.flatnonzero(labels < 75), np.flatnonzero(labels >= 75))
    (group,) = _groups(labels, inner, np.random.default_rng(0))
    np.testing.assert_array_equal(group, inner.test)


def test_a_group_of_one_photo_is_no_group():
    labels = np.append(np.repeat(np.arange(6), 4), 6)  # the last person has one photo
    for seed in range(20):
        rng = np.random.default_rng(seed)
        groups = _groups(labels, split_people(labels, 0.25, rng), rng)
        assert min(map(len, groups)) > 1


def test_nobody_in_a_run_is_called_unknown(faces, tmp_path):
    names = ("unknown", *faces.people[1:])
    with pytest.raises(ValueError, match="nobody can be called 'unknown'"):
        run(replace(faces, people=names), tmp_path, CONFIG)
