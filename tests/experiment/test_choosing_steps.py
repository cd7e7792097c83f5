"""What a training says about itself at its end."""

import re
from dataclasses import replace

import numpy as np
import pytest

from minifacenet.embedding.checkpoint import load_model
from minifacenet.experiment.choosing_steps import train_for_best_steps
from minifacenet.experiment.job import Job
from minifacenet.experiment.settings import RunConfig
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.observer import Observer
from minifacenet.training.settings import TrainConfig


class Listener(Observer):
    def __init__(self):
        self.said, self.trainings = [], []

    def say(self, text):
        self.said.append(text)

    def start_training(self, title, steps, done=0):
        self.trainings.append((title, steps))


@pytest.fixture
def faces():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 32, 32, 1), dtype=np.uint8)
    labels = np.repeat(np.arange(3), 4)
    return Faces(images, labels, ("a", "b", "c"), tuple(f"{i}.png" for i in range(12)))


def run_fit(faces, out, **training):
    listener = Listener()
    config = RunConfig(training=TrainConfig(people=3, photos=3, **training))
    job = Job(out, config, np.random.default_rng(0), listener, "cpu")
    trained = train_for_best_steps(faces, None, None, "Known", job)
    return trained.model, trained.steps, listener


def test_the_model_knows_how_its_faces_were_cut(faces, tmp_path):
    aligned = replace(faces, cut="box, margin 0")
    model, _, _ = run_fit(aligned, tmp_path, steps=1)
    assert model.cut == load_model(tmp_path).cut == "box, margin 0"


def test_steps_without_a_triplet_are_counted_and_explained(faces, tmp_path):
    _, _, listener = run_fit(faces, tmp_path, steps=3, margin=1e-12)
    (line,) = listener.said
    assert line.startswith(("Known: solved (spread", "Known: stuck (spread"))
    assert "3 of 3 steps found no triplet and changed nothing" in line


def test_a_collapse_is_called_so(faces, tmp_path):
    faces.images[:] = 128  # nothing tells the photos apart: one point
    _, _, listener = run_fit(faces, tmp_path, steps=2, augmentation=None)
    (line,) = listener.said
    # What is left of equal photos is rounding, which differs between processors.
    spread = re.match(r"Known: collapsed \(spread (\S+), \d+% active\)", line)
    assert float(spread[1]) < 1e-9
    assert "All embeddings are one point. Try" in line


def test_a_healthy_training_says_nothing_and_is_saved(faces, tmp_path):
    model, steps, listener = run_fit(faces, tmp_path, steps=2)
    assert (steps, listener.said, listener.trainings) == (2, [], [("Known: training", 2)])
    saved = load_model(tmp_path).network.parameters()
    for name, parameter in model.network.parameters().items():
        np.testing.assert_array_equal(saved[name].data, parameter.data)
