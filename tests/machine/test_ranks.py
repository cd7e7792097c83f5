"""Ranks without MPI: one process, what launchers say, and what is said without mpi4py.

`tests/training/test_ranks.py` starts several.
"""

import subprocess
import sys

import numpy as np
import pytest

from minifacenet.machine import launcher, mpi
from minifacenet.machine.ranks import ALONE, Ranks

OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4", "PMIX_RANK": "1"}


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch):
    for name in (*launcher.RANKS, *launcher.SIZES):
        monkeypatch.delenv(name, raising=False)


def test_one_that_is_alone_has_everything():
    rows = np.arange(6.0).reshape(3, 2)
    assert ALONE.gather(rows, 3) is rows
    assert rows[ALONE.share(3)].shape == rows.shape
    assert ALONE.texts("a") == ["a"]
    assert ALONE.any(True)
    assert not ALONE.any(False)
    assert ALONE.array_of_first(lambda: rows) is rows
    ALONE.add([rows])
    np.testing.assert_array_equal(rows, np.arange(6.0).reshape(3, 2))
    with mpi.all_ranks() as ranks:
        assert ranks is ALONE


@pytest.mark.parametrize("count", [0, 1, 4, 7, 1800])
def test_shares_cover_everything_once_and_differ_by_one_item_at_most(count):
    every = Ranks()
    every.size = 5
    ends = every.bounds(count)
    assert (ends[0], ends[-1], len(ends)) == (0, count, 6)
    assert set(np.diff(ends)) <= {count // 5, -(-count // 5)}
    every.rank = 4
    assert every.share(count) == slice(ends[4], count)


@pytest.mark.parametrize(
    ("said", "rank", "size"),
    [
        ({}, None, 1),
        (OPEN_MPI, 1, 4),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, 0, 2),
        ({"PMIX_RANK": "3"}, 3, 0),
        ({"PMIX_RANK": "3", "SLURM_STEP_NUM_TASKS": "8"}, 3, 8),
        ({"SLURM_STEP_NUM_TASKS": "8"}, None, 1),
        ({"PMI_RANK": "", "PMI_SIZE": "x"}, None, 1),
    ],
)
def test_what_launchers_say(said, rank, size, monkeypatch):
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert (launcher.launched_rank(), launcher.launched()) == (rank, size)


def test_without_mpi4py_several_processes_are_refused(monkeypatch, run, people, tmp_path):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setenv("PMI_RANK", "0")
    monkeypatch.setenv("PMI_SIZE", "4")
    status, _, said = run("train", people, "--out", tmp_path / "out")
    assert (status, said.count("\n")) == (1, 1)
    assert "has started 4 processes" in said
    assert "pip install 'minifacenet[mpi]'" in said
    assert not (tmp_path / "out").exists()


OTHER = """
import os, sys
from minifacenet.machine import launcher
launcher.PATIENCE = 0
os.environ["PMI_RANK"] = "2"
try:
    with launcher.only_first_speaks():
        print("aloud")
        print("why", file=sys.stderr)
        sys.exit(3)
finally:
    print("as before")
"""


def test_other_ranks_are_silent_until_they_end_alone():
    result = subprocess.run([sys.executable, "-c", OTHER], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (3, "as before\n")
    assert result.stderr == "rank 2: why\n"


@pytest.mark.parametrize("sizes", [[5], [3, 4], [4, 4, 1], [9, 0, 2], []])
def test_buckets_hold_every_number_once_in_place(sizes):
    arrays = [np.zeros(size) for size in sizes]
    groups = list(mpi._buckets(arrays, 4))
    assert all(sum(part.size for part in group) == 4 for group in groups[:-1])
    for group in groups:
        for part in group:
            part += 1
    assert all((array == 1).all() for array in arrays)


def test_sums_go_in_the_order_of_the_ranks():
    rows, out = np.array([[1e8], [-1e8], [1e-3]], np.float32), np.empty(1, np.float32)
    mpi._sum_rows(rows, out)
    assert out[0] == np.float32(1e-3)
    mpi._sum_rows(rows[[0, 2, 1]], out)
    assert out[0] == 0
