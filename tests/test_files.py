import json
import re
import stat

import numpy as np
import pytest

from minifacenet.files import digest, replacing, sweep, write_json


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
    files = {".gitignore", ".model-0a1b2c3d.txt.tmp", "model-0a1b2c3d.tmp"}
    for name in files:
        (tmp_path / name).write_text("")
    folders = {".run.tmp", ".run-0a1b2c3d", "run-0a1b2c3d.tmp"}
    for name in (*folders, ".model-0a1b2c3d.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".tmpXYZ").write_text("half")
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == files | folders
    sweep(tmp_path / "missing")


def test_what_a_library_leaves_beside_its_file_goes_and_its_mode_is_ours(tmp_path):
    path = tmp_path / "a.txt"
    path.touch()
    mode = path.stat().st_mode
    with replacing(path) as temporary:
        (temporary.parent / ".tmpXYZ").write_text("half")
        (private := temporary.parent / "private").touch(0o600)
        private.replace(temporary)
    assert path.stat().st_mode == mode
    assert list(tmp_path.iterdir()) == [path]


def test_a_digest_tells_contents_apart_and_not_layouts():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    same = [a.copy(), np.asfortranarray(a), a.astype(">f4"), a.repeat(2, axis=1)[:, ::2]]
    assert {digest("x", array) for array in same} == {digest("x", a)}
    assert re.fullmatch("[0-9a-f]{16}", digest("x", a))
    flipped = a.copy()
    flipped.view(np.uint32)[1, 2] ^= 1
    others = [("y", a), (a, "x"), ("x", a.T), ("x", a.reshape(6)), ("x", a.view(np.int32))]
    others += [("x", flipped), ("x",), (a,), ("xx", a), ("x", "x", a)]
    assert len({digest(*parts) for parts in [("x", a), *others]}) == 1 + len(others)
    assert digest("a", "bc") != digest("ab", "c")
    assert digest("a", "b") != digest("atext:b")
    assert digest(np.float32([0.0])) != digest(np.float32([-0.0]))
