import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from minifacenet.classification.methods import METHODS, methods_with
from minifacenet.experiment import seeds as module
from minifacenet.experiment.seeds import SeedScores, run_seeds
from minifacenet.experiment.settings import RunConfig
from minifacenet.files.locks import LOCK
from minifacenet.preprocessing.read_folder import read_faces
from minifacenet.training.observer import Observer
from minifacenet.training.settings import TrainConfig

CONFIG = RunConfig(training=TrainConfig(steps=2, people=3, photos=2))


class Listener(Observer):
    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)


@pytest.fixture(scope="module")
def faces(people):
    return read_faces(people, size=32)


@pytest.fixture(scope="module")
def result(faces, tmp_path_factory):
    out = tmp_path_factory.mktemp("benchmark")
    return out, run_seeds(faces, out, 2, CONFIG)


def test_it_gathers_what_the_runs_stored(result):
    out, gathered = result
    assert gathered.seeds == (0, 1)
    for seed in (0, 1):
        metrics = json.loads((out / f"seed-{seed}" / "metrics.json").read_text())
        assert metrics["config"]["training"]["seed"] == seed
        for (protocol, method, measure), values in gathered.values.items():
            assert values[seed] == metrics[protocol][method][measure]
    assert {method for _, method, _ in gathered.values} == {method.key for method in METHODS}
    assert (out / "benchmark.png").exists()
    with (out / "benchmark.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(gathered.values) == 2 * 5 * 9
    for row in rows:
        value = gathered.values[row["protocol"], row["method"], row["measure"]]
        assert float(row["value"]) == value[int(row["seed"])]


def test_a_photo_costs_a_multiple_of_pixels(result):
    cost = result[1].cost
    assert set(cost) == {method.key for method in METHODS}
    assert cost["pixels"] == 1
    assert cost["facenet"] > 1


def test_mean_and_standard_error():
    values = {("open", "facenet", "auc"): np.array([0.9, 0.94, 0.98])}
    mean, error = SeedScores((0, 1, 2), values, {}).mean_error("open", "facenet", "auc")
    assert mean == pytest.approx(0.94)
    assert error == pytest.approx(0.04 / np.sqrt(3))
    one = SeedScores((0,), {("open", "facenet", "auc"): np.array([0.9])}, {})
    assert np.isnan(one.mean_error("open", "facenet", "auc")[1])


def test_what_is_there_is_not_run_again_unless_it_is_of_something_else(
    faces, result, monkeypatch, tmp_path
):
    out = tmp_path / "copy"
    shutil.copytree(result[0], out)
    before = result[1]
    ran = []

    def run(faces, folder, config, observer):
        ran.append(folder.name)
        return json.loads((folder / "metrics.json").read_text())

    monkeypatch.setattr(module, "run", run)
    listener = Listener()
    lock = out / "seed-1" / LOCK  # of a process that was killed when all was done
    lock.touch()
    again = run_seeds(faces, out, 2, CONFIG, listener)
    assert ran == []
    assert not lock.exists()
    assert all("taken from there" in line for line in listener.said)
    for name, values in before.values.items():
        np.testing.assert_array_equal(again.values[name], values)
    other = replace(CONFIG, training=replace(CONFIG.training, margin=0.3))
    others = replace(faces, images=faces.images ^ 1)
    for given, message in (
        ((faces, out, 2, other), r"seed-0 holds a run with other settings.*--force"),
        ((others, out, 1, CONFIG), r"seed-0 holds a run of other photos.*--force"),
    ):
        with pytest.raises(ValueError, match=message):
            run_seeds(*given)
        assert ran == []
        run_seeds(*given, force=True)
        assert ran == [f"seed-{seed}" for seed in range(given[2])]
        ran.clear()


LONG = "x" * 9000


def test_a_setting_that_an_older_run_did_not_know_has_its_default(
    faces, result, monkeypatch, tmp_path
):
    out = tmp_path / "copy"
    shutil.copytree(result[0], out)
    monkeypatch.setattr(module, "run", lambda *arguments: pytest.fail("it was run again"))
    path = out / "seed-1" / "metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    del metrics["config"]["credit"], metrics["config"]["training"]["mine_over"]
    del metrics["config"]["training"]["augmentation"]["flip"]
    path.write_text(json.dumps(metrics), encoding="utf-8")
    run_seeds(faces, out, 2, CONFIG)


def test_a_damaged_seed_is_named_and_one_without_its_model_is_run_again(
    faces, result, monkeypatch, tmp_path
):
    out = tmp_path / "copy"
    shutil.copytree(result[0], out)
    ran = []
    monkeypatch.setattr(module, "run", lambda faces, folder, *rest: ran.append(folder.name))
    metrics = out / "seed-1" / "metrics.json"
    whole = metrics.read_text(encoding="utf-8")
    figures = json.loads(whole)
    odd = [figures | {"data": LONG}, figures | {"config": LONG}, figures | {"closed": LONG}]
    odd += [figures | {"open": {}}, figures | {"config": figures["config"] | {LONG: 1}}]
    odd[2:2] = [{k: v for k, v in figures.items() if k != "closed"}]
    for value in (None, LONG, [], True):
        of_pixels = figures["closed"]["pixels"] | {"auc": value}
        odd.append(figures | {"closed": figures["closed"] | {"pixels": of_pixels}})
    texts = [whole[:99], "{}", "[]", "[" * 200_000, '{"a": ' + "9" * 5000 + "}", f'"{LONG}"']
    for text in [*texts, *map(json.dumps, odd)]:
        metrics.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"json is not the metrics of a run.*--force") as error:
            run_seeds(faces, out, 2, CONFIG)
        assert len(str(error.value)) < len(str(metrics)) + 400
    metrics.write_text(whole, encoding="utf-8")
    for name in ("report.html", "model.safetensors"):
        (out / "seed-1" / name).unlink()
        with pytest.raises(TypeError):  # our `run` gives no figures
            run_seeds(faces, out, 2, CONFIG)
        assert ran.pop() == "seed-1"
        assert not ran


def test_what_is_of_somebody_else_is_not_replaced(faces, result, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "run", lambda *_: pytest.fail("it ran"))
    (tmp_path / "benchmark.csv").touch()
    with pytest.raises(ValueError, match=r"holds benchmark\.csv without the runs.*--force"):
        run_seeds(faces, tmp_path, 1, CONFIG)
    shutil.copytree(result[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "seed-2").mkdir()
    (tmp_path / "seed-2" / "model.safetensors").touch()
    run_seeds(faces, tmp_path, 1, CONFIG)
    with pytest.raises(ValueError, match=r"seed-2 holds model\.safetensors, and no run: .*--force"):
        run_seeds(faces, tmp_path, 3, CONFIG)


def test_no_seeds_are_refused(faces, tmp_path):
    with pytest.raises(ValueError, match="at least one seed, got 0"):
        run_seeds(faces, tmp_path, 0, CONFIG)


def test_the_command_prints_mean_and_error_of_every_method(
    people, tmp_path, monkeypatch, result, run
):
    monkeypatch.setattr(module, "run_seeds", lambda *arguments: result[1])
    status, printed, _ = run("benchmark", people, "--out", tmp_path, "--seeds", 2)
    assert status == 0
    mean, error = result[1].mean_error("open", "lbp", "auc")
    assert f"{mean:.3f}±{error:.3f}" in printed
    assert "Strangers" in printed
    for method in methods_with("nn1_mini"):
        assert printed.count(method.title) >= 2
    tables = [line for line in printed.splitlines() if "±" in line]
    assert max(map(len, tables)) <= 80


def test_orl_that_was_not_fetched_says_how(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIFACENET_HOME", str(tmp_path / "home"))
    status, _, error = run("benchmark", "orl")
    assert status == 1
    assert "run `minifacenet get orl`" in error
