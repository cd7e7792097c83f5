"""The card, without one: faked attributes, and what the tables and pictures make of them."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from minifacenet.speed import card as module
from minifacenet.speed.card import Card, Rate, arithmetic, attribute, fp32_peak, memory, rate
from minifacenet.speed.charts import share_bars
from minifacenet.speed.clock import Timing
from minifacenet.speed.sides import BOTH, FORWARD
from minifacenet.speed.tables import tell_machine, tell_timings, write_timings

CARD = Card(("Card 1", "copies fast"), peak=10e12, bandwidth=500e9)
CONV = Timing(
    "conv1", {FORWARD: 2e9, BOTH: 6e9}, {FORWARD: 1e-3, BOTH: 2e-3}, {}, {FORWARD: 1e8, BOTH: 3e8}
)
POOL = Timing("pool1", {FORWARD: 0, BOTH: 0}, CONV.ours, {}, {FORWARD: 4e8, BOTH: 1e8})
CONCAT = Timing("concat", {FORWARD: 0, BOTH: 0}, CONV.ours, {}, {FORWARD: 0, BOTH: 0})
TOTAL = Timing("total", CONV.operations, CONV.ours, {}, CONV.traffic)
ROWS = [CONV, POOL, CONCAT, TOTAL]


class Device:
    """As `numba.cuda` has them; what it does not know is an AttributeError."""

    name, compute_capability = "Tesla", (8, 0)
    MULTIPROCESSOR_COUNT, CLOCK_RATE = 108, 1_410_000


@pytest.mark.parametrize(
    ("capability", "multiprocessors", "kilohertz", "tera"),
    [
        ((8, 0), 108, 1_410_000, 19.5),  # A100, as NVIDIA gives it
        ((7, 0), 80, 1_530_000, 15.7),  # V100
        ((8, 6), 82, 1_695_000, 35.6),  # RTX 3090
        ((9, 0), 132, 1_980_000, 66.9),  # H100 SXM
    ],
)
def test_the_peak_is_that_of_the_data_sheet(capability, multiprocessors, kilohertz, tera):
    peak = fp32_peak(capability, multiprocessors, kilohertz)
    assert peak / 1e12 == pytest.approx(tera, abs=0.06)


@pytest.mark.parametrize("factors", [((99, 0), 1, 1), ((8, 0), None, 1), ((8, 0), 1, None)])
def test_there_is_no_peak_without_all_its_factors(factors):
    assert fp32_peak(*factors) is None


def test_an_attribute_may_be_missing():
    class Refusing:
        @property
        def CLOCK_RATE(self):
            raise RuntimeError("CUDA_ERROR_INVALID_VALUE")

    assert attribute(Device(), "CLOCK_RATE") == 1_410_000
    assert attribute(object(), "CLOCK_RATE") is None
    assert attribute(Refusing(), "CLOCK_RATE") is None
    assert attribute(SimpleNamespace(CLOCK_RATE=0), "CLOCK_RATE") is None


@pytest.fixture
def fake_cuda(monkeypatch):
    device = Device()
    context = SimpleNamespace(get_memory_info=lambda: (2**33, 2**34))
    cuda = SimpleNamespace(get_current_device=lambda: device, current_context=lambda: context)
    monkeypatch.setattr(module, "numba_cuda", lambda: cuda)
    monkeypatch.setattr(module, "copy_bandwidth", lambda rounds: 1.4e12)
    return device


def test_the_card_says_what_it_is(fake_cuda):
    card = module.this_card()
    assert card.about == (
        "Tesla, 16.0 GiB, compute capability 8.0",
        "108 multiprocessors, clock up to 1.41 GHz, fp32 peak 19.5 TFLOP/s",
        "copies 1400 GB/s within its memory, reads and writes counted",
    )
    assert card.peak == 108 * 64 * 2 * 1.41e9
    assert card.bandwidth == 1.4e12


def test_a_card_of_the_future(fake_cuda):
    fake_cuda.name, fake_cuda.compute_capability = b"New", (99, 1)
    card = module.this_card()
    assert card.about[0].startswith("New, ")
    assert card.about[1].endswith("fp32 peak not known")
    assert card.peak is None


def test_a_row_is_measured_by_its_operations_or_else_by_its_bytes():
    assert rate(CONV, FORWARD, CARD) == Rate(2000, "GFLOP/s", pytest.approx(0.2))
    assert rate(CONV, BOTH, CARD) == Rate(3000, "GFLOP/s", pytest.approx(0.3))
    assert memory(CONV, FORWARD, CARD) == Rate(100, "GB/s", pytest.approx(0.2))
    assert rate(POOL, FORWARD, CARD) == Rate(400, "GB/s", pytest.approx(0.8))
    assert arithmetic(POOL, FORWARD, CARD) is rate(CONCAT, BOTH, CARD) is None
    unknown = Card(("simulated",), None, None)
    assert rate(CONV, FORWARD, unknown) == Rate(2000, "GFLOP/s", None)
    assert (str(Rate(2000.4, "GFLOP/s", 1)), str(Rate(0.25, "GB/s", 1))) == (
        "2000 GFLOP/s",
        "0.25 GB/s",
    )


def compared(timing):
    theirs = {which: seconds / 2 for which, seconds in timing.ours.items()}
    return Timing(
        timing.name,
        timing.operations,
        timing.ours,
        {"contiguous": theirs, "channels_last": theirs},
        timing.traffic,
    )


@pytest.mark.parametrize("rows", [ROWS, [compared(row) for row in ROWS]])
def test_tables_fit_eighty_columns_and_end_with_the_total(rows, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    tell_machine("nn1", 5, "PyTorch", CARD)
    tell_timings(rows, CARD)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80
    assert lines[1:3] == ["Card 1", "copies fast"]
    assert "Time on the wall, with the GPU's work done before and after" in " ".join(lines)
    found = {line.split()[0]: line.split()[1:] for line in reversed(lines) if line}
    assert found["conv1"] == ["1.000", "2000", "GFLOP/s", "20%", "2.000", "3000", "GFLOP/s", "30%"]
    assert found["pool1"] == ["1.000", "400", "GB/s", "80%", "2.000", "50", "GB/s", "10%"]
    assert found["concat"] == ["1.000", "-", "-", "2.000", "-", "-"]
    assert lines[-1].startswith("total")
    if rows[0].theirs:
        assert lines[-1].split()[-2:] == ["0.50", "0.50"]


def test_the_csv_has_both_rates(tmp_path):
    write_timings(tmp_path / "bench.csv", ROWS, CARD)
    lines = (tmp_path / "bench.csv").read_text().splitlines()
    conv, pool, *_ = csv.DictReader(lines)
    assert (conv["forward GFLOP/s"], conv["forward of fp32 peak"]) == ("2000", "0.2")
    assert (conv["forward GB/s"], conv["forward of copy"]) == ("100", "0.2")
    assert (pool["forward GFLOP/s"], pool["forward of fp32 peak"]) == ("", "")
    assert pool["forward+backward GB"] == "0.1"
    write_timings(tmp_path / "cpu.csv", ROWS)
    assert "GB" not in (tmp_path / "cpu.csv").read_text()


def test_the_picture_shows_shares():
    ax = share_bars(ROWS, CARD, "nn1")
    forward = [bar.get_width() for bar in ax.patches[: len(ROWS)]]
    np.testing.assert_allclose(forward, [20, 80, np.nan, 20])
    assert ax.get_xlim() == (0, 100)
    assert share_bars([POOL], Card((), None, 200e9), "").get_xlim()[1] > 200  # a cache is faster
