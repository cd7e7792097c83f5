"""The attacks are alive: a few cases of each; the tables say what results.csv says."""

from dataclasses import replace

import pytest

from minifacenet.embedding.architectures import NETWORKS

from . import results
from .attack import KINDS, Absent, Attack, attacks
from .results import long_table, short_table, with_table

ALL = attacks()
TINY = NETWORKS.pop("tiny")  # the attacks' own: no other test is to meet it


@pytest.mark.torture
@pytest.mark.parametrize("name", ALL)
def test_a_few_cases_of_each_are_survived(name, tmp_path, monkeypatch):
    monkeypatch.setitem(NETWORKS, "tiny", TINY)
    try:
        outcomes = list(ALL[name].play(2, 0, tmp_path))
    except Absent as what:
        pytest.skip(str(what))
    assert outcomes
    assert [outcome for outcome in outcomes if outcome is not None] == []


@pytest.mark.parametrize(
    ("page", "table"), [(results.README, short_table), (results.PAGE, long_table)]
)
def test_the_tables_are_those_of_the_results(page, table):
    text = page.read_text(encoding="utf-8")
    assert with_table(text, table(results.rows(), ALL)) == text, "python -m tests.torture --tables"


def test_every_row_is_that_of_an_attack():
    table = results.rows()
    assert len({row["attack"] for row in table}) == len(table)
    for row in table:
        attack = ALL[row["attack"]]
        assert (row["kind"], row["what"]) == (attack.kind, attack.what)


def test_a_run_takes_the_place_of_the_one_before(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results.csv")
    kinds = iter(KINDS)
    first, second = (Attack(next(kinds), name, "words", 9, lambda *_: iter(())) for name in "ba")
    results.record(second, 9, 9, 0, 1.0)
    results.record(first, 9, 7, 0, 1.0)
    results.record(first, 9, 8, 1, 1.6)
    rows = results.rows()
    assert [(r["attack"], r["cases"], r["survived"], r["seconds"]) for r in rows] == [
        ("b", "9", "8", "2"), ("a", "9", "9", "1"),
    ]  # fmt: skip
    both = {"a": second, "b": first, "c": replace(first, name="c")}
    assert "| 1 of 2 | 9 | 8 | `make torture OF=kill` |" in short_table(rows, both)
    assert "| `b` | words | 9 | 8 |\n| `c` | words |  |  |" in long_table(rows, both)
