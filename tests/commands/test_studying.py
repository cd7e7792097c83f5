"""`minifacenet study` as a user meets it."""

import csv

import pytest
from PIL import Image

from minifacenet.classification import verification
from minifacenet.machine import memory
from tests.conftest import text

from ..preprocessing.made_files import save_crop


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [*csv.DictReader(file)]


def test_a_study_of_a_folder_of_faces(run, people, model, tmp_path):
    options = ("--model", model, "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    status, printed, error = run("study", "jpeg", people, *options, "--values", "50,5")
    assert (status, error) == (0, "")
    words = text(printed)
    assert "75 pairs of one person, 360 of two. What goes through JPEG is the crop" in words
    assert "no VAL at FAR 0.001: it takes 2,000 pairs of two people, and there are 360" in words
    assert "jackknife over 5 people" in words
    rows = rows_of(tmp_path / "out" / "study.csv")
    assert [row["quality"] for row in rows] == ["5", "50", "as it is"]
    assert [row["paper_share_of_best"] for row in rows] == ["", "0.988", ""]
    assert (tmp_path / "out" / "study.png").exists()
    again = run("study", "jpeg", people, *options)
    assert "holds study.csv already" in text(again[2])


def test_a_study_of_a_list_in_folds(run, people, model, tmp_path):
    pairs = tmp_path / "pairs.txt"
    run("make-pairs", people, "--out", pairs, "--folds", 2, "--per-fold", 25)
    options = ("--model", model, "--out", tmp_path / "out", "--pairs", pairs)
    status, printed, _ = run("study", "quantise", people, *options)
    assert status == 0
    assert "over 2 folds, thresholds from the others" in text(printed)
    assert [row["bytes"] for row in rows_of(tmp_path / "out" / "study.csv")][-2:] == ["128", "512"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("jpg",), "there is no study 'jpg': is jpeg meant?"),
        (("zz",), "there is no study 'zz': there are jpeg, pixels, quantise, dim, people"),
        (("jpeg", "PEOPLE", "--values", "0,50"), "from 1 to 100, got 0"),
        (("jpeg", "PEOPLE", "--values", "a"), "--values takes whole numbers with commas"),
        (("pixels", "PEOPLE", "--values", "32"), "from 1 to 31"),
    ],
)
def test_wrong_words_are_one_line(run, people, model, tmp_path, words, says):
    words = [people if word == "PEOPLE" else word for word in words]
    options = ("--model", model, "--out", tmp_path / "out") if len(words) > 1 else ()
    status, printed, error = run("study", *words, *options)
    assert (status, printed) == (1, "")
    assert len(error.splitlines()) == 1
    assert says in error


def test_too_few_pairs(run, people, model, tmp_path):
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("Ada/0.png\tAda/1.png\t1\nAda/0.png\tGrace/1.png\t0\n")
    options = ("--model", model, "--out", tmp_path / "out", "--pairs", pairs)
    status, _, error = run("study", "jpeg", people, *options)
    assert status == 1
    assert "too few pairs: 1 pair of one person and 1 of two" in error


def test_faces_that_were_cut_otherwise_than_the_models(run, people, model, tmp_path):
    (tmp_path / "faces" / "Ada").mkdir(parents=True)
    with Image.open(people / "Ada" / "0.png") as photo:
        save_crop(tmp_path / "faces" / "Ada" / "0.png", "0.jpg", photo)
    options = ("--model", model, "--out", tmp_path / "out")
    status, _, error = run("study", "pixels", tmp_path / "faces", *options)
    assert status == 1
    assert "was trained on centre squares of photos" in error
    assert "holds faces aligned to portrait" in error


def test_trainings_are_planned_done_and_gone_on_with(run, people, tmp_path):
    out = tmp_path / "out"
    options = ("--out", out, "--steps", 1, "--seeds", 1, "--size", 32)
    planned = run("study", "dim", people, *options, "--values", "4", "--plan")
    assert planned[0] == 0
    assert "1 training of 1 steps: about" in text(planned[1])
    assert not out.exists()
    assert run("study", "dim", people, *options, "--values", "4")[0] == 0
    status, printed, _ = run("study", "dim", people, *options, "--values", "4,8")
    assert status == 0
    assert "1 training of 1 steps, 1 are done" in text(printed)
    assert "No standard errors: one seed tells none" in text(printed)
    assert [row["value"] for row in rows_of(out / "study.csv")] == ["4", "8"]
    assert (out / "study.png").exists()
    status, _, error = run("study", "people", people, *options)
    assert status == 1
    assert "holds another study" in text(error)


def test_the_memory_of_the_strangers_pairs_is_checked_before_any_training(
    run, people, tmp_path, monkeypatch
):
    monkeypatch.setattr(verification, "BYTES_A_PAIR", 20 * 10**6)
    monkeypatch.setattr(memory, "free_bytes", lambda: 10**8)
    status, printed, error = run("study", "dim", people, "--out", tmp_path / "out", "--size", 32)
    assert status == 1
    assert "All 66 pairs of 12 photos of strangers take about 1.3 GB of memory" in text(error)
    assert "Take a folder of fewer photos" in text(error)
    assert "a few steps are tried" not in printed


def test_figure_1(run, people, model, tmp_path):
    out = tmp_path / "f.png"
    options = ("--model", model, "--out", out, "--credit", "me")
    status, printed, _ = run("study", "invariance", people, "--person", "Grace", *options)
    assert status == 0
    assert "12 photos of 2 people held out of its training" in text(printed)
    assert "of 11 distances are on the right side" in text(printed)  # six photos, and four below
    assert out.exists()
    status, _, error = run("study", "invariance", people, "--person", "Grase", *options, "--force")
    assert status == 1
    assert "no 'Grase' in" in error
    assert "is Grace meant?" in error
