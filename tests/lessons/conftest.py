"""The lessons are a folder of notebooks, not a package: they import what lies beside them."""

import sys
from pathlib import Path

import pytest

LESSONS = Path(__file__).parents[2] / "lessons"
# Deprecations of packages, beside the newest of those that they need, are not ours.
WARNINGS = ("-W", "error::UserWarning", "-W", "ignore::DeprecationWarning")
sys.path.insert(0, str(LESSONS))


@pytest.fixture(autouse=True)
def _nothing_is_solved(tmp_path, monkeypatch):
    """A test neither reads nor writes what was solved on this machine."""
    from exercises import core, kept, mine

    monkeypatch.setattr(core, "SOLVED", tmp_path / "solved.json")
    monkeypatch.setattr(core, "CLOSED", tmp_path / "CLOSED")
    monkeypatch.setattr(core, "ATTEMPTED", set())
    monkeypatch.setattr(core, "CLIMBED", {})
    monkeypatch.setattr(kept, "FILE", tmp_path / "my_answers.py")
    monkeypatch.setattr(kept, "SESSION", {})
    monkeypatch.setattr(mine, "_told", set())
