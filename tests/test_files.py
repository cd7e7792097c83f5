import json
import stat

import pytest

from minifacenet.files import replacing, sweep, write_json


def test_a_file_appears_whole_with_its_folder_and_nothing_else(tmp_path):
    path = tmp_path / "new" / "a.json"
    write_json(path, {"é": 1})
    assert json.loads(path.read_text(encoding="utf-8")) == {"é": 1}
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]
    assert path.stat().st_mode & stat.S_IROTH  # not private, as temporary files are


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_nan_is_not_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"auc": float("nan")})
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_swept_away_and_nothing_else(tmp_path):
    names = [
        ".model-0a1b2c3d.safetensors",
        ".gitignore",
        ".model-0a1b2c3d.txt.bak",
        "model-0a1b2c3d.png",
    ]
    for name in names:
        (tmp_path / name).write_text("")
    (tmp_path / ".run-00000000.d").mkdir()
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*names[1:], ".run-00000000.d"}
    sweep(tmp_path / "missing")
