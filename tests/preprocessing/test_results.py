import json
import re

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from minifacenet.files.arrays import save_arrays
from minifacenet.preprocessing.listing import FolderError
from minifacenet.preprocessing.read_folder import read_faces
from minifacenet.preprocessing.results import refuse_among, result_in

SETTINGS = json.dumps({"architecture": {}, "training": {}, "held_out": 0.2})
METRICS = json.dumps({"closed": None, "open": None, "versions": {}})
OURS = {
    "config.json": SETTINGS,
    "metrics.json": METRICS,
    "align.json": json.dumps({"format": 1, "photos": "/p", "crop": "centre"}),
    "verification.json": json.dumps({"pairs_same": 3, "auc": 1}),
    "benchmark.csv": "seed,protocol,method,measure,value\n",
}


@pytest.fixture
def root(tmp_path):
    for name in ("Ada", "Grace", "model"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((40, 40), 9, np.uint8)).save(tmp_path / name / "1.png")
    return tmp_path


@pytest.mark.parametrize("name", OURS)
def test_a_folder_with_results_is_no_person_and_named(root, name):
    (root / "model" / name).write_text(OURS[name])
    faces = read_faces(root, size=32)
    assert faces.people == ("Ada", "Grace")
    assert faces.ignored == (f"model/ (results of minifacenet, {name}: no person)",)


@pytest.mark.parametrize("name", ["model", "state", "people"])
def test_so_is_one_with_a_model(root, name):
    save_arrays(root / "model" / f"{name}.safetensors", {"a": np.zeros(2)}, {})
    assert read_faces(root, size=32).people == ("Ada", "Grace")


def test_files_of_others_do_no_harm(root):
    here = root / "model"
    assert result_in(here) is None
    for name in ("config.json", "metrics.json", "align.json"):
        for text in ("[]", "{}", "{", "[" * 100_000, '{"training": 1}', "\xff"):
            (here / name).write_text(text, encoding="latin-1")
            assert result_in(here) is None
    (here / "benchmark.csv").write_text("a,b\n")
    save_file({"a": np.zeros(2)}, here / "model.safetensors")
    (here / "people.safetensors").write_bytes(b"none")
    (here / "state.safetensors").mkdir()
    assert result_in(here) is None
    assert read_faces(root, size=32).people == ("Ada", "Grace", "model")


def test_nothing_but_results_is_no_folder_of_people(root):
    (root / "only" / "run").mkdir(parents=True)
    (root / "only" / "run" / "metrics.json").write_text(METRICS)
    with pytest.raises(FolderError, match="no folder in"):
        read_faces(root / "only")


def test_a_place_at_or_in_the_photos_is_refused_by_whatever_way(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "link").symlink_to(root)
    (root / "out").symlink_to(elsewhere)
    for out in (
        root,
        root / "new",
        root / "Ada" / "a" / "b",
        elsewhere / "link" / "x",
        root / "out",
    ):
        with pytest.raises(
            ValueError, match=f"^{re.escape(str(out))} lies among the photos: choose"
        ):
            refuse_among(out, root)
        with pytest.raises(ValueError, match="lies among"):
            refuse_among(out, elsewhere / "link")
    for out in (elsewhere, root.with_name(f"{root.name}2"), root.parent):
        refuse_among(out, root)
    refuse_among(root, root / "missing")
