import csv
import re
import sys
from functools import partial

import pytest

from minifacenet.embedding.nn1 import NN1

from ..conftest import text
from ..speed.fake import Fake

ROWS = [row if isinstance(row, str) else row[0] for row in NN1]
SMALL = ("--network", "nn1_mini", "--size", 32, "--batch", 1, "--rounds", 1, "--threads", 1)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr("minifacenet.speed.yardsticks.yardstick", lambda name, device: Fake)


def table(printed):
    """Lines of the table by their first cell, without the empty ones."""
    lines = [line.rstrip() for line in printed.splitlines() if line.strip()]
    start = next(i for i, line in enumerate(lines) if line.startswith("─"))
    return {re.split(r"  +", line)[0]: line for line in lines[start + 1 :]}


def read(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_our_own_timings_need_no_pytorch(run, tmp_path):
    status, printed, _ = run("bench", *SMALL, "--out", tmp_path)
    assert status == 0
    assert list(table(printed)) == [*ROWS, "without LRN", "total"]
    assert "nn1_mini, 1 photo of 32x32x3" in printed
    assert "1 thread" in printed
    assert "BLAS" in printed
    assert "GFLOP/s" in printed
    assert "Processor time, median of 1 round" in printed
    assert "timed apart: they need not add up to the total" in printed
    assert "ratio" not in printed.lower()
    rows = read(tmp_path / "bench.csv")
    assert [row["layer"] for row in rows] == [*ROWS, "without LRN", "total"]
    assert float(rows[-1]["ours forward ms"]) > 0
    assert not any("ratio" in column for column in rows[0])
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_the_last_line_is_the_total_and_ends_with_its_two_ratios(run, tmp_path, fake):
    status, printed, _ = run("bench", *SMALL, "--against", "torch", "--out", tmp_path)
    assert status == 0
    assert "Fake 1.0" in printed
    last = printed.rstrip("\n").splitlines()[-1]
    assert re.fullmatch(r"total .* (\d+\.\d\d) +(\d+\.\d\d)", last)
    assert max(map(len, table(printed).values())) <= 80
    rows = read(tmp_path / "bench.csv")
    total = rows[-1]
    theirs = [
        float(total[f"torch {layout} forward ms"]) for layout in ("contiguous", "channels_last")
    ]
    expected = min(theirs) / float(total["ours forward ms"])
    assert float(total["ratio forward"]) == pytest.approx(expected, rel=1e-3)
    assert last.split()[-2] == f"{float(total['ratio forward']):.2f}"
    assert (tmp_path / "bench.png").exists()


def test_a_training_step(run, tmp_path, fake, monkeypatch):
    from minifacenet.embedding.architectures import Architecture
    from minifacenet.speed import step

    monkeypatch.setattr(step, "DEMO", Architecture("nn1_mini", 32, channels=1))
    options = ("--rounds", 1, "--threads", 1, "--against", "torch", "--out", tmp_path)
    status, printed, _ = run("bench", "step", *options)
    assert status == 0
    rows = table(printed)
    assert list(rows) == ["network", "Adam", "total"]
    assert re.fullmatch(r"total .* \d+\.\d\d", rows["total"])
    assert [row["layer"] for row in read(tmp_path / "bench.csv")] == ["network", "Adam", "total"]


def test_how_cost_grows(run, tmp_path, monkeypatch):
    from minifacenet.speed import scaling

    few = partial(scaling.time_scaling, batches=(1, 2), factors=(0.5,), sizes=(32,))
    monkeypatch.setattr(scaling, "time_scaling", few)
    status, printed, _ = run("bench", *SMALL, "--scaling", "--out", tmp_path)
    assert status == 0
    assert list(table(printed))[:4] == ["batch 1", "batch 2", "width 0.5", "size 32"]
    assert printed.rstrip().endswith("scaling.csv, scaling.png")
    assert [row["varied"] for row in read(tmp_path / "scaling.csv")] == [
        "batch", "batch", "width", "size",
    ]  # fmt: skip
    assert (tmp_path / "scaling.png").exists()


def test_without_pytorch_one_line_says_how_to_get_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "minifacenet.speed.against_torch", raising=False)
    status, _, error = run("bench", *SMALL, "--against", "torch")
    assert status == 1
    assert error.count("\n") == 1
    assert "python -m pip install torch --index-url" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--against", "jax"), "no yardstick 'jax'"),
        ((*SMALL, "--against", "torch", "--scaling"), "leave out --against"),
        (("--network", "nn9"), "unknown network 'nn9'"),
        (("--batch", "3", "mining"), "bench mining --option"),
    ],
)
def test_what_cannot_be_is_said(run, arguments, message):
    status, _, error = run("bench", *arguments)
    assert status == 1
    assert message in text(error)
