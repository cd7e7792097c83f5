"""The three scripts in lessons/examples: one trains, and the others use what it has trained."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "lessons" / "examples"


def example(name, *arguments):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def people(tmp_path):
    """Five people of six photos: each has eight by eight blocks of its own, in a little noise."""
    rng = np.random.default_rng(0)
    for name in ("Ada", "Grace", "Lise", "Maria", "Rosalind"):
        (tmp_path / "people" / name).mkdir(parents=True)
        blocks = np.kron(rng.integers(40, 216, (8, 8)), np.ones((6, 6)))
        for number in range(6):
            photo = (blocks + rng.normal(0, 10, blocks.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(photo).save(tmp_path / "people" / name / f"{number}.png")
    return tmp_path / "people"


@pytest.mark.slow
def test_train_then_name_then_verify(people, tmp_path):
    (tmp_path / "runs").mkdir()
    model = tmp_path / "runs" / "small.safetensors"
    printed = example("train", people, model, 20)
    assert "step   20" in printed
    assert model.exists()
    accuracy = re.search(r"accuracy ([01]\.\d+) on 15 photos", example("name", people, model))
    assert float(accuracy[1]) >= 0.9
    auc = re.search(r"AUC ([01]\.\d+)", example("verify", people, model))
    assert float(auc[1]) >= 0.9


def test_they_stay_small():
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 30, path.name
