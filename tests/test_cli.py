import json
import re

import pytest
from PIL import Image
from typer.testing import CliRunner

from minifacenet import cli
from minifacenet.classification.methods import methods_with
from minifacenet.training import loop

QUICK = ("--steps", 4, "--people", 3, "--photos", 2, "--size", 32)
FEW = (*QUICK[:3], 2, *QUICK[4:])
PNGS = {"training.png", "names.png", "distances.png", "roc.png", "map.png", "grid.png"}


def test_a_run_writes_all_that_it_says(run, people, tmp_path):
    out = tmp_path / "run"
    status, printed, _ = run("run", people, "--out", out, *QUICK)
    assert status == 0
    assert "30 photos of 5 people, 1 skipped" in printed
    assert "Ada/broken.jpg: not a photo" in printed
    files = {path.name for path in out.iterdir()}
    assert files == PNGS | {
        "model.safetensors", "log.csv", "names.csv", "split.csv", "metrics.json", "open",
        "report.html",
    }  # fmt: skip
    assert {path.name for path in (out / "open").iterdir()} == (PNGS - {"names.png"}) | {
        "model.safetensors",
        "log.csv",
    }
    metrics = json.loads((out / "metrics.json").read_text())
    for method in methods_with("nn1_mini"):  # what is printed is what is stored
        printed_row = re.search(re.escape(method.title) + r"\s+([0-9.]+)", printed)
        assert float(printed_row[1]) == pytest.approx(
            metrics["closed"][method.key]["svm_accuracy"], abs=5e-5
        )
    names = (out / "names.csv").read_text(encoding="utf-8").splitlines()
    assert len(names) == 1 + metrics["closed"]["test_photos"] == 16
    assert any(line.startswith("Émilie/") for line in names)


@pytest.mark.full
def test_a_second_run_repeats_the_numbers_and_overwrites_only_by_force(run, people, tmp_path):
    out = tmp_path / "run"
    run("run", people, "--out", out, *QUICK)
    first = json.loads((out / "metrics.json").read_text())
    status, _, error = run("run", people, "--out", out, *QUICK)
    assert status == 1
    assert "holds a run already" in error
    status, _, _ = run("run", people, "--out", out, *QUICK, "--force")
    assert status == 0
    assert json.loads((out / "metrics.json").read_text()) == first


def test_too_few_people_for_strangers_still_get_names(run, people, tmp_path):
    few = tmp_path / "few"
    for name in ("Ada", "Grace"):
        (few / name).parent.mkdir(exist_ok=True)
        (few / name).symlink_to(people / name)
    old = tmp_path / "run" / "open" / "roc.png"  # of an earlier run with more people
    old.parent.mkdir(parents=True)
    old.write_bytes(b"")
    status, printed, _ = run("run", few, "--out", tmp_path / "run", *FEW, "--force")
    assert status == 0
    assert "open/" not in printed
    assert "at least 4 people with 2 photos each, got 2 of 2" in " ".join(printed.split())
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["open"] is None


def test_two_people_with_three_photos_are_enough_for_names(run, people, tmp_path):
    few = tmp_path / "few"
    for name in ("Ada", "Grace"):
        (few / name).mkdir(parents=True)
        for number in range(3):
            photo = (people / name / f"{number}.png").read_bytes()
            (few / name / f"{number}.png").write_bytes(photo)
    status, printed, _ = run("run", few, "--out", tmp_path / "run", *FEW)
    assert status == 0
    assert "no verification of them" in printed
    assert "accuracy" in printed
    assert "AUC" not in printed

    (few / "Ada" / "0.png").unlink()
    (few / "Grace" / "0.png").unlink()
    status, _, error = run("run", few, "--out", tmp_path / "run2", *FEW)
    assert status == 1
    assert "3 photos of one, got 2 people with at most 2 photos" in error
    for photo in (few / "Grace").iterdir():
        photo.unlink()
    (few / "Ada" / "1.png").unlink()
    error = run("run", few, "--out", tmp_path / "run2", *FEW)[2]
    assert "got 1 person with at most" in error


def test_a_wrong_folder_is_one_readable_line(run, people, tmp_path):
    status, _, error = run("run", people / "Ada", "--out", tmp_path / "run")
    assert status == 1
    assert re.match(r"error: expected person folders, found 7 photos at top level", error)
    status, _, error = run("run", people, "--out", tmp_path / "run", "--optimizer", "lion")
    assert status == 1
    assert "'lion' is none of" in error
    assert not (tmp_path / "run").exists()


def test_a_run_refuses_a_batch_that_half_of_the_photos_cannot_fill(run, people, tmp_path):
    for options, message in (
        (("--people", 6), "6 people in a batch, but there are 5"),
        (("--photos", 4), "4 photos of each person.*nobody has more than 3"),
    ):
        status, _, error = run("run", people, "--out", tmp_path / "run", "--size", 32, *options)
        assert status == 1
        assert re.search(message, error)


def test_the_summary_of_nn1_stands_beside_the_papers(run):
    status, printed, _ = run("summary", "nn1")
    assert status == 0
    assert len(re.findall(r"^(?:conv|pool|rnorm|concat|fc|L2)\S*", printed, re.M)) == 22
    assert re.search(r"total\s+22 rows\s+140,025,664\s+140M\s+1,608,287,104\s+1\.6B", printed)
    assert max(map(len, printed.splitlines())) <= 80


def test_help_and_version():
    result = CliRunner().invoke(cli.app, ["--help"])
    assert "run" in result.output
    assert "summary" in result.output
    assert CliRunner().invoke(cli.app, ["--version"]).output.strip() == "0.1.0"


def test_photos_that_are_all_alike_are_refused_before_any_training(run, tmp_path, monkeypatch):
    for person in ("Ada", "Grace"):
        (tmp_path / "alike" / person).mkdir(parents=True)
        for number in range(4):
            photo = Image.new("L", (40, 40), 60 + number)  # brightness is taken out
            photo.save(tmp_path / "alike" / person / f"{number}.png")
    monkeypatch.setattr(loop, "train", lambda *arguments: pytest.fail("it trained"))
    status, _, error = run("run", tmp_path / "alike", "--out", tmp_path / "out", "--size", 32)
    assert status == 1
    assert "too much alike" in error


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        ("align", "PHOTOS OUT"),
        ("run", "FACES"),
        ("train", "FACES"),
        ("benchmark", "FACES"),
        ("summary", "[NETWORK]"),
        ("classify fit", "FACES"),
        ("classify predict", "PHOTOS"),
        ("embed", "PHOTOS"),
        ("cluster", "PHOTOS"),
        ("compare", "A B"),
        ("verify", "[FACES]"),
        ("make-pairs", "FACES"),
        ("evaluate lfw", "IMAGES"),
        ("study jpeg", "IMAGES"),
        ("study dim", "FACES"),
    ],
)
def test_help_names_what_a_command_takes_as_the_readme_does(run, words, usage):
    printed = run(*words.split(), "--help")[1]
    assert f"{words} [OPTIONS] {usage}" in printed
