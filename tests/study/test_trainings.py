"""Many trainings: who is trained on and judged, going on after an interruption, the means."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from minifacenet import Architecture, TrainConfig, read_faces
from minifacenet.preprocessing.faces import Faces
from minifacenet.study import trainings
from minifacenet.study.trainings import (
    TrainingStudy,
    check_values,
    left_to_do,
    result_of,
    run_trainings,
    seconds_for,
    split_for,
    usual_values,
)
from minifacenet.training.loop import is_trainable

SMALL = Architecture("nn1_mini", 32, 1)


@pytest.fixture
def faces(people):
    return read_faces(people, size=32)


def wanted(name="people", values=(2, 3), seeds=2, steps=1):
    return TrainingStudy(name, values, seeds, TrainConfig(steps=steps), SMALL)


@pytest.fixture
def quick(monkeypatch):
    """No training: the list of those that were asked for."""
    asked = []
    monkeypatch.setattr(
        trainings, "train_watched", lambda *arguments, **_: asked.append(arguments[4])
    )
    return asked


def test_fewer_people_are_some_of_more_and_the_strangers_stay(faces):
    few, strangers = split_for(faces, 1, 2)
    more, same_strangers = split_for(faces, 1, 3)
    assert {*few.labels} < {*more.labels}
    assert strangers.paths == same_strangers.paths
    assert not {*more.labels} & {*strangers.labels}


def test_the_fewest_people_can_be_trained_on_where_most_have_one_photo():
    labels = np.concatenate([np.arange(40), np.arange(5)])
    paths = tuple(map(str, labels))
    few = Faces(np.zeros((45, 2, 2, 1), np.uint8), labels, tuple(map(str, range(40))), paths)
    for seed in range(5):
        assert is_trainable(split_for(few, seed, 2)[0].labels)
    equal = few.subset(np.arange(10).repeat(2))  # two photos of each: the order is the drawn one
    known = np.unique(split_for(equal, 3)[0].labels)
    drawn = np.random.default_rng(3).permutation(known)[:4]
    assert {*split_for(equal, 3, 4)[0].labels} == {*drawn}


def test_usual_values_are_the_papers_dimensions_or_halves_of_all_people(faces):
    assert usual_values("dim", faces) == (16, 32, 64, 128, 256)
    assert usual_values("people", faces) == (3,)
    many = replace(faces.subset(np.arange(8).repeat(10) % 30), labels=np.arange(80) // 2)
    assert usual_values("people", many) == (4, 8, 15, 30)


@pytest.mark.parametrize(
    ("name", "value", "says"), [("people", 4, "2 to 3.*got 4"), ("dim", 0, "1 or more; got 0")]
)
def test_a_value_that_cannot_be_is_refused(faces, name, value, says):
    with pytest.raises(ValueError, match=says):
        check_values(name, [value], faces)


def test_an_interrupted_study_goes_on_and_ends_as_if_nothing_had_been(faces, tmp_path, quick):
    study = wanted()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    rows, left = left_to_do(faces, study, whole, force=False)
    assert (rows, len(left)) == ([], 4)
    run_trainings(faces, whole, study, rows, left)
    done = iter([False, False, True, True])
    assert len(run_trainings(faces, parts, study, rows, left, stop=lambda: next(done))) == 2
    rows, rest = left_to_do(faces, study, parts, force=False)
    assert rest == left[2:]
    run_trainings(faces, parts, study, rows, rest)
    assert (parts / "study.csv").read_bytes() == (whole / "study.csv").read_bytes()
    assert len(quick) == 4 + 3 + 2
    more = left_to_do(faces, wanted(seeds=3), parts, force=False)[1]
    assert [one.seed for one in more] == [2, 2]


def test_another_study_or_a_damaged_table_is_refused(faces, tmp_path, quick):
    study = wanted()
    run_trainings(faces, tmp_path, study, [], study.trainings()[:1])
    with pytest.raises(ValueError, match=r"another study \(not the same steps\).*--force"):
        left_to_do(faces, wanted(steps=2), tmp_path, force=False)
    assert left_to_do(faces, wanted(steps=2), tmp_path, force=True)[0] == []
    table = tmp_path / "study.csv"
    header, row = table.read_text().splitlines()
    cells = row.split(",")
    for wrong in (
        "value,seed\n1,2", f"{header}\n{row}\n{row}", f"{header}\n{'a' * 140_000}",
        *(f"{header}\n{','.join([*cells[:at], value, *cells[at + 1:]])}"
          for at, value in ((0, "x"), (1, "01"), (2, "-1"), (6, "nan"), (7, "1e308"), (8, ""))),
    ):  # fmt: skip
        table.write_text(wrong)
        with pytest.raises(ValueError, match=r"study\.csv: no table of this study, or damaged"):
            left_to_do(faces, study, tmp_path, force=False)


def test_a_study_begun_anew_keeps_no_rows_of_the_old_one(faces, tmp_path, quick):
    study, longer = wanted(), wanted(steps=2)
    run_trainings(faces, tmp_path, study, [], study.trainings()[:1])
    rows, left = left_to_do(faces, longer, tmp_path, force=True)
    assert run_trainings(faces, tmp_path, longer, rows, left, stop=lambda: True) == []
    assert left_to_do(faces, longer, tmp_path, force=False) == ([], longer.trainings())


def test_a_training_is_that_of_its_dimensions_and_seed(faces, tmp_path):
    study = wanted("dim", (4, 8), seeds=1)
    rows = run_trainings(faces, tmp_path, study, [], study.trainings())
    assert [row[:2] for row in rows] == [["8", "0"], ["4", "0"]]
    with (tmp_path / "study.csv").open(newline="") as file:
        assert [*csv.reader(file)] == [[*trainings.HEADER], *rows]
    assert rows[0][6:] != rows[1][6:]


def test_the_result_has_means_over_seeds_and_leaves_out_fars_of_too_few_pairs():
    counts = [3, 18, 30, 300]
    table = [
        [*map(str, (value, seed, *counts)), *(f"{0.8 + seed / 10 + value / 100}" for _ in range(5))]
        for value in (2, 3)
        for seed in (1, 0)
    ]
    result = result_of(wanted(), table)
    assert result.measures == ("balanced_accuracy", "auc", "val_at_far_0.1", "val_at_far_0.01")
    figure = result.rows[0].figures["auc"]
    assert figure.value == pytest.approx(0.87)
    assert figure.error == pytest.approx(0.05)
    assert result.share(result.rows[1]).value == 1
    with pytest.raises(ValueError, match="too few pairs: 12 of two strangers"):
        result_of(wanted(), [[*row[:5], "12", *row[6:]] for row in table])


def test_the_time_is_that_of_the_trainings_that_are_left(faces, monkeypatch):
    seen = []

    def plan(labels, architecture, *_):
        seen.append((len(np.unique(labels)), architecture.dim))
        return type("Plan", (), {"seconds": float(len(np.unique(labels)))})

    monkeypatch.setattr(trainings, "plan", plan)
    study = wanted()
    assert seconds_for(faces, study, study.trainings()[1:]) == 2 + 3 + 2
    assert seen == [(2, 128), (3, 128)]
