"""What is free is read from the system's own files, and unknown where there are none."""

import sys

import pytest

from minifacenet.machine import memory
from minifacenet.machine.memory import free_bytes

MEMINFO = "MemTotal: 9000 kB\nMemAvailable: 5000 kB\nSwapFree: 1000 kB\nHugePages_Total: 0\n"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Its files, which a test may write."""
    files = tmp_path / "meminfo", tmp_path / "limit", tmp_path / "used"
    monkeypatch.setattr(memory, "_MEMINFO", files[0])
    monkeypatch.setattr(memory, "_CONTAINERS", [files[1:]])
    return files


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says it")
def test_this_machine_has_some():
    assert 10**6 < free_bytes() < 10**15


@pytest.mark.parametrize(
    ("limit", "used", "free"),
    [("max", "7", 6_144_000), ("9000000", "1000", 6_144_000), ("9000000", "8000000", 10**6)],
)
def test_a_container_may_have_less_than_its_machine(system, limit, used, free):
    for file, content in zip(system, (MEMINFO, limit, used), strict=True):
        file.write_text(content)
    assert free_bytes() == free


@pytest.mark.parametrize("content", [None, "", "MemAvailable: many kB", "\n"])
def test_elsewhere_it_is_unknown(system, content):
    if content is not None:
        system[0].write_text(content)
    assert free_bytes() is None
