"""Files of earlier versions load, and their trainings go on: for good. See make_training_fixtures.

A setting that is added later is missing in all of them, so these tests notice one without a default
that does what was done before.
"""

import importlib.util
import json
import shutil
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from minifacenet.classification.people import People
from minifacenet.embedding import architectures
from minifacenet.embedding.checkpoint import load_model
from minifacenet.files.arrays import CheckpointError, load_arrays
from minifacenet.training import settings as config_module
from minifacenet.training.run import began_with, run_training, steps_done
from minifacenet.training.settings import TrainConfig, TrainingRunConfig

ROOT = Path(__file__).parents[2]
NAMES = ("training-without-digests", "training")


@pytest.fixture(scope="module")
def script():
    path = ROOT / "data_scripts" / "make_training_fixtures.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _tiny(script, monkeypatch):
    monkeypatch.setitem(architectures.NETWORKS, "tiny", script.TINY)


@pytest.fixture(params=NAMES)
def stored(request, tmp_path):
    """A copy of the folder of a stopped training."""
    return Path(shutil.copytree(ROOT / "tests" / "data" / request.param, tmp_path / "out"))


def test_they_hold_out_whom_they_held_out(stored, script):
    """A newer rule would draw other people, and let a training judge itself by whom it knows."""
    assert began_with(stored).held_out_of == "people"
    assert script.config().held_out_of == "pairs"


def test_model_and_people_load(stored, script):
    model = load_model(stored)
    assert model.architecture == script.config().architecture
    people = People.load(stored)
    assert people.classifier.classes_.tolist() == list("abcdef")
    assert people.embedder.transform(script.faces().images).shape == (24, 4)


def test_the_training_goes_on(stored, script):
    assert steps_done(stored) == script.STOP
    assert began_with(stored) == script.config()
    outcome = run_training(script.faces(), stored, began_with(stored), resume=True)
    assert [record.step for record in outcome.records] == [1, 2, 3, 4]
    assert (outcome.began, outcome.stopped, len(outcome.checks)) == (script.STOP, None, 2)
    load_model(stored)


def rewrite(path, settings):
    """Another state with these settings."""
    arrays, metadata = load_arrays(path)
    save_file(arrays, path, {"minifacenet": json.dumps({**metadata, "settings": settings})})


def without_defaults(settings: dict, defaults: dict) -> dict:
    """The settings whose values are not the default's, at every depth."""
    return {
        key: without_defaults(value, defaults[key]) if isinstance(value, dict) else value
        for key, value in settings.items()
        if value != defaults[key]
    }


def test_a_setting_that_the_state_lacks_has_its_default(stored, script):
    """As each was missing in the states of the versions before it."""
    path, data = stored / "state.safetensors", script.faces()
    whole = load_arrays(path)[1]["settings"]
    defaults = TrainingRunConfig().settings(data) | {"faces": {}}
    bare = without_defaults({k: v for k, v in whole.items() if k != "faces"}, defaults)
    assert bare.keys() == {"architecture", "training", "held_out", "check_every", "free"}
    known = {
        "steps": 4,
        "people": 3,
        "photos": 3,
        "augmentation": {},
    }  # it had fewer
    assert bare["training"] == known
    faces = {name: whole["faces"][name] for name in ("photos", "people")}  # a figure is new, too
    rewrite(path, {**bare, "faces": faces})
    assert began_with(stored) == script.config()
    assert len(run_training(data, stored, began_with(stored), resume=True).records) == 4


def test_a_new_setting_may_not_change_on_the_way(stored, script, monkeypatch):
    @dataclass(frozen=True)
    class Later(TrainConfig):
        invented: float = 0.0

    monkeypatch.setattr(config_module, "TrainConfig", Later)
    before = began_with(stored)
    assert before.training.invented == 0
    old = {field.name: getattr(before.training, field.name) for field in fields(TrainConfig)}
    other = TrainingRunConfig(before.architecture, Later(**old, invented=0.1), 0.4, 0.01, 2)
    with pytest.raises(CheckpointError, match=r"began with, but training.invented: 0.0 -> 0.1"):
        run_training(script.faces(), stored, other, resume=True)
    assert len(run_training(script.faces(), stored, before, resume=True).records) == 4


@pytest.mark.parametrize("table", ["architecture", "training", "free", None])
def test_a_setting_of_a_newer_version_is_one_line(stored, table):
    path = stored / "state.safetensors"
    settings = load_arrays(path)[1]["settings"]
    (settings[table] if table else settings)["momentum"] = 0.9
    rewrite(path, settings)
    with pytest.raises(CheckpointError, match=r"knows no setting '[a-z.]*momentum'") as error:
        began_with(stored)
    assert "\n" not in str(error.value)


WRONG = {
    "step": [None, -1, 2.5, True, "2", 10**400, 1],
    "updates": [None, -1, "2", 10**400, 3],
    "rng": [None, [], {}, {"bit_generator": "MT19937"}, "x" * 9000],
    "settings": [None, [], {}, "x" * 9000],
}
WRONG_RNG = {"uinteger": [-1, 2**40, None, "x"], "has_uint32": ["x", None, 10**30]}
WRONG_STATE = {"state": [-1, 2**200, None, 1e308], "inc": [-1, "", []]}
WRONG_SETTINGS = {
    "architecture": [None, [], {"dim": 1e308}, {"size": ""}, {"lrn": "no"}, {"channels": True}],
    "training": [None, [], {"people": 2.5}, {"mining": 3}, {"rate": "x"}, {"steps": "4"}],
    "held_out": [None, "x", [], float("nan"), 1e308, True],
    "free": [None, [], {"patience": -1}, {"patience": "x"}],
    "faces": [None, []],
}


def edited():
    """Changes of a state's metadata, with where they stand."""
    for place, values in (
        ((), WRONG),
        (("rng",), WRONG_RNG),
        (("rng", "state"), WRONG_STATE),
        (("settings",), WRONG_SETTINGS),
    ):
        yield from ((place, key, value) for key in values for value in values[key])


def message_of(attempt) -> str:
    """The error that it ends in; '' if it does not."""
    try:
        attempt()
    except CheckpointError as error:
        return str(error)
    return ""


def test_wrong_values_of_a_state_are_one_line_each(script, tmp_path):
    out = Path(shutil.copytree(ROOT / "tests" / "data" / NAMES[1], tmp_path / "out"))
    path = out / "state.safetensors"
    arrays, whole = load_arrays(path)
    for place, key, value in edited():
        metadata = json.loads(json.dumps(whole))
        table = metadata
        for name in place:
            table = table[name]
        both = isinstance(value, dict) and isinstance(table[key], dict) and place == ("settings",)
        table[key] = {**table[key], **value} if both else value
        save_file(arrays, path, {"minifacenet": json.dumps(metadata)})
        message = message_of(
            lambda: run_training(script.faces(), out, began_with(out), resume=True)
        )
        if message:
            assert message.startswith(str(out))
            assert "\n" not in message
            assert len(message) < 700
        else:  # of these NumPy takes what it can
            assert place[:1] == ("rng",), (place, key, value)
        for file in (ROOT / "tests" / "data" / NAMES[1]).iterdir():
            shutil.copy(file, out)


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        (np.zeros((2, 4), np.int64), "a list of triplets is missing"),
        (np.zeros((2, 3), np.float32), "queue is float32"),
        (np.array([[0, 1, -1]]), "name photos below 0"),
        (np.array([[0, 1, 99]]), "its triplets are of others"),
    ],
)
def test_triplets_that_cannot_be_are_refused(stored, script, queue, message):
    path = stored / "state.safetensors"
    arrays, metadata = load_arrays(path)
    save_file({**arrays, "queue": queue}, path, {"minifacenet": json.dumps(metadata)})
    with pytest.raises(CheckpointError, match=message):
        run_training(script.faces(), stored, began_with(stored), resume=True)
