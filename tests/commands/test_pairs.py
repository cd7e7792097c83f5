"""`minifacenet verify`, `make-pairs` and `compare` as a user meets them."""

import json
import os
import re
import shutil

import pytest

from minifacenet.classification import verification
from minifacenet.classification.pair_lists import read_pairs
from minifacenet.classification.thresholds import Thresholds
from minifacenet.machine import memory
from tests.conftest import text


def test_all_pairs_of_a_folder(run, people, model, tmp_path):
    out = tmp_path / "v"
    status, printed, _ = run("verify", people, "--model", model, "--out", out)
    assert status == 0
    assert "75 pairs of one person, 360 of two: AUC 0." in text(printed)
    assert "of 360" in printed
    assert "A FAR of 0.001 and below allows at most one false accept" in text(printed)
    assert printed.count("best balanced accuracy") == 2  # of these pairs, and by the model's
    own = text(printed).split("at the model's threshold")[1]
    assert own.startswith(" squared distance distance cosine VAL FAR")
    assert "from 12 photos of 2 people held out of its training: 30 pairs of one person, 36" in own
    assert "A FAR of 0.01 and below allows at most one false accept" in own
    scores = json.loads((out / "verification.json").read_text())
    assert (scores["pairs_same"], scores["pairs_different"]) == (75, 360)
    assert {p.name for p in out.iterdir()} == {"verification.json", "roc.png", "distances.png"}
    status, _, error = run("verify", people, "--model", model, "--out", out)
    assert status == 1
    assert "holds verification.json already: choose another --out, or say --force" in text(error)
    (out / "verification.json").write_text("older")
    assert run("verify", people, "--model", model, "--out", out, "--force")[0] == 0
    assert json.loads((out / "verification.json").read_text()) == scores


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (None, "All 435 pairs of 30 photos take about 8.7 GB of memory."),
        (9 * 10**9, "All 435 pairs of 30 photos take about 8.7 GB of memory."),
        (10**8, "8.7 GB of memory, and 0.1 GB are free. Take some of the pairs: minifacenet make-"),
    ],
)
def test_the_memory_of_all_pairs_is_said_before_it_is_taken(
    run, people, model, monkeypatch, free, said
):
    monkeypatch.setattr(verification, "BYTES_A_PAIR", 20 * 10**6)
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    status, printed, error = run("verify", people, "--model", model)
    assert said in text(printed + error)
    assert (status, "AUC" in printed) == ((1, False) if free == 10**8 else (0, True))


def test_a_drawn_list_in_folds(run, people, model, tmp_path):
    pairs = tmp_path / "pairs.txt"
    drawn = ("make-pairs", people, "--out", pairs, "--folds", 2, "--per-fold", 5)
    status, printed, _ = run(*drawn)
    assert status == 0
    assert "2 folds of 5 + 5 pairs" in printed
    assert "is there already" in text(run(*drawn)[2])
    status, printed, _ = run("verify", people, "--model", model, "--pairs", pairs)
    assert status == 0
    assert "20 of 20 pairs found" in text(printed)
    assert re.search(r"Accuracy [01]\.\d+ ± 0\.\d+ \(standard error; std of the folds", printed)
    assert re.search(r"VAL [01]\.\d+ ± \d\.\d+ at FAR", printed)
    assert printed.count("5 + 5") == 2
    assert "(0 false accepts allowed" in text(printed)


def test_more_pairs_than_there_are(run, people, tmp_path):
    options = ("--out", tmp_path / "p.txt", "--folds", 10, "--per-fold", 300)
    status, _, error = run("make-pairs", people, *options)
    assert status == 1
    assert "5" in text(error)
    assert not (tmp_path / "p.txt").exists()


def test_missing_photos_are_counted_and_no_photo_is_an_error(run, people, model, tmp_path):
    pairs = tmp_path / "pairs.txt"
    rows = [f"Ada/0.png\tAda/{i}.png\t1\t{1 + i % 2}" for i in (1, 2, 9)]
    rows += [f"Ada/0.png\tGrace/{i}.png\t0\t{1 + i % 2}" for i in (1, 2)]
    pairs.write_text("\n".join(rows))
    status, printed, _ = run("verify", people, "--model", model, "--pairs", pairs)
    assert status == 0
    assert "4 of 5 pairs found, 5 photos; 1 photo missing: Ada/9.png" in text(printed)
    pairs.write_text("Ada\t8\t9\n")
    status, _, error = run("verify", people, "--model", model, "--pairs", pairs)
    assert status == 1
    pairs.write_text("1\nAda\t8\t9\nAda\t8\tGrace\t9\n")
    status, _, error = run("verify", people, "--model", model, "--pairs", pairs)
    assert status == 1
    assert re.search(r"0 of 2 pairs found in .*; first missing: .*Ada_0008\.jpg", text(error))
    status, _, error = run("verify", people, "--model", model, "--pairs", tmp_path / "no.txt")
    assert status == 1
    assert "no.txt" in error


def test_explain_needs_nothing_else(run):
    status, printed, _ = run("verify", "--explain")
    assert status == 0
    assert "LFW's list comes in 10 folds" in text(printed)
    assert "verify takes a folder of faces and --model" in run("verify")[2]


def test_two_photos(run, people, model):
    photo = people / "Ada" / "0.png"
    status, printed, _ = run("compare", photo, photo, "--model", model)
    assert status == 0
    rows = text(printed)
    assert "the two photos 0.0000 0.0000 1.0000" in rows
    threshold = Thresholds.of_model(model).accuracy
    squared, plain, cosine = threshold, threshold**0.5, 1 - threshold / 2
    row = f"best balanced accuracy {squared:.4f} {plain:.4f} {cosine:.4f} the same person"
    assert row in rows
    assert "12 photos of 2 people held out of its training" in rows
    assert "A FAR of 0.01 and below allows at most one false accept" in rows
    other = people / "Grace" / "0.png"
    rows = text(run("compare", photo, other, "--model", model, "--threshold", 0)[1])
    assert "--threshold 0.0000 0.0000 1.0000 two people" in rows


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_photos_whose_names_no_list_can_hold_are_left_out(run, people, tmp_path):
    faces, pairs = tmp_path / "faces", tmp_path / "pairs.txt"
    shutil.copytree(people, faces)
    (faces / "Ada" / "1.png").rename(faces / "Ada" / "a\tb.png")
    (faces / "Lise").rename(faces / "Li\nse")
    options = ("--folds", 2, "--per-fold", 3)
    status, printed, _ = run("make-pairs", faces, "--out", pairs, *options)
    assert status == 0
    words = "left out, since no line of a list can hold its name"
    assert f"{words}: Ada/a\\tb.png" in printed
    assert f"{words}: Li\\nse/0.png" in printed
    assert printed.count(words) == 5
    assert "... and 2 more photos" in printed
    paths = {*read_pairs(pairs).first, *read_pairs(pairs).second}
    assert {path.split("/")[0] for path in paths} == {"Ada", "Émilie", "Grace", "Maria"}


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_photos_of_any_other_name_are_drawn_and_found(run, people, model, tmp_path):
    """Commas, quotes, blanks at the ends, and signs that some take for the end of a line."""
    faces, pairs = tmp_path / "faces", tmp_path / "pairs.txt"
    shutil.copytree(people, faces)
    names = ("a, b", '"c"', " d ", "e\x85f\u2028g\x0ch", "#1")
    for old, new in zip(sorted(os.listdir(faces)), names, strict=True):
        (faces / old).rename(faces / new)
        (faces / new / "0.png").rename(faces / new / f"{new}.png")
    assert run("make-pairs", faces, "--out", pairs, "--folds", 1, "--per-fold", 75)[0] == 0
    listed = read_pairs(pairs)
    assert {path.split("/")[0] for path in (*listed.first, *listed.second)} == {*names}
    printed = run("verify", faces, "--model", model, "--pairs", pairs)[1]
    assert "150 of 150 pairs found, 30 photos" in text(printed)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_photo_that_is_not_there(run, people, model, missing):
    photos = [people / "Ada" / "0.png", people / "Ada" / "99.png"]
    status, _, error = run("compare", photos[1 - missing], photos[missing], "--model", model)
    assert status == 1
    assert (
        text(error) == f"error: {photos[1]}: the file cannot be opened (No such file or directory)"
    )


@pytest.mark.filterwarnings("default")
def test_an_auc_below_one_half_is_a_warning_for_people(run, people, model, tmp_path):
    rows = [f"Ada/0.png\tAda/{i}.png\t0\t{1 + i % 2}" for i in range(1, 6)]
    rows += [f"Ada/{i}.png\tGrace/{i}.png\t1\t{1 + i % 2}" for i in range(1, 6)]
    (tmp_path / "flipped.txt").write_text("\n".join(rows))
    options = ("--model", model, "--pairs", tmp_path / "flipped.txt")
    status, _, error = run("verify", people, *options)
    assert status == 0
    assert re.search(r"^warning: AUC 0\.[0-4]\d+ is below 0\.5.*Is the sign flipped", text(error))
    assert ".py" not in error


def test_a_threshold_without_a_list_is_refused(run, people, model):
    status, _, error = run("verify", people, "--model", model, "--threshold", 0.5)
    assert status == 1
    assert "--threshold is for a list of --pairs" in error


def test_folds_that_cannot_be_scored_are_said(run, people, model, tmp_path):
    pairs = tmp_path / "pairs.txt"
    rows = [f"Ada/0.png\tAda/{i}.png\t1\t{i}" for i in (1, 2, 3)]
    rows += [f"Ada/0.png\tGrace/{i}.png\t0\t{i}" for i in (1, 2)]
    pairs.write_text("\n".join(rows))
    printed = text(run("verify", people, "--model", model, "--pairs", pairs)[1])
    assert "Left out: 1 folds without pairs of both kinds." in printed
    pairs.write_text(rows[0])
    status, _, error = run("verify", people, "--model", model, "--pairs", pairs)
    assert status == 1
    assert "no fold has found pairs of both kinds" in error
