import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from minifacenet import Architecture, TrainConfig

FILE = Path(__file__).parents[2] / "lessons" / "ablations.py"


@pytest.fixture
def ablations():
    spec = importlib.util.spec_from_file_location("ablations", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_variant_can_be_built_and_changes_one_thing(ablations):
    for (group, variant), (architecture, training) in ablations.VARIANTS.items():
        Architecture(channels=1, **architecture)
        TrainConfig(**training)
        changed = len(architecture) + len(training)
        assert changed == {"default": 0, "people x photos": changed or 1}.get(group, 1), variant
    groups = {group for group, _ in ablations.VARIANTS} - {"default"}
    assert groups == set(ablations.DEFAULT)


def test_an_interrupted_run_goes_on_and_ends_with_a_picture(
    ablations, people, tmp_path, monkeypatch, capsys
):
    measured = []

    def measure(faces, seed, architecture, training):
        measured.append(seed)
        if len(measured) == 20:
            raise KeyboardInterrupt
        return [0.9 + 0.001 * seed, 0.1, 0.5, 0.4, 1.5]

    monkeypatch.setattr(ablations, "measure", measure)
    path = tmp_path / "a.csv"
    monkeypatch.setattr(sys, "argv", ["a", str(people), "--seeds", "2", "--out", str(path)])
    with pytest.raises(KeyboardInterrupt):
        ablations.main()
    ablations.main()
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(ablations.VARIANTS) == len(measured) - 1
    assert len({(row["group"], row["variant"], row["seed"]) for row in rows}) == len(rows)
    assert {row["auc"] for row in rows} == {"0.91000", "0.91100"}
    assert (tmp_path / "a.png").exists()
    assert "min left" in capsys.readouterr().out


def test_a_variant_is_trained_and_judged_on_strangers(ablations, people):
    faces = ablations.read_faces(people, size=32)
    scores = ablations.measure(faces, 10, {"dim": 8}, {"steps": 2, "people": 3, "photos": 2})
    assert len(scores) == len(ablations.HEADER) - 3
    assert all(np.isfinite(scores))
    assert 0 <= scores[0] <= 1
