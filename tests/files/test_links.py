"""Links that go in circles end nothing with a traceback, on any Python."""

from pathlib import Path

import pytest

import minifacenet
from minifacenet.files.links import real_path
from minifacenet.files.locks import locked

PACKAGE = Path(minifacenet.__file__).parent


def test_where_a_path_leads(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "circle").symlink_to("circle")
    assert real_path(tmp_path / "link") == tmp_path.resolve() / "file"
    assert real_path(tmp_path / "none" / "x") == tmp_path.resolve() / "none" / "x"
    assert real_path(tmp_path / "circle").is_absolute()


def test_a_folder_of_results_that_is_a_circle_is_an_error_with_its_name(tmp_path):
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ValueError, match="circle is no folder"), locked(tmp_path / "circle"):
        pass


def test_nobody_follows_links_in_another_way():
    """`Path.resolve` raises RuntimeError at a circle, until Python 3.13."""
    found = [p.name for p in PACKAGE.rglob("*.py") if ".resolve()" in p.read_text(encoding="utf-8")]
    assert found == []
