"""`minifacenet recognise` as a user meets it."""

import os
import signal

import pytest
from PIL import Image

from minifacenet.album import page
from minifacenet.preprocessing import crop_files as cropper

from ..conftest import text
from ..tile_photos import BLACK, GREEN, RED, make_library, make_model, stand_in, tiles
from .test_killed import contents, half_written, killed, without_threads


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    stand_in(monkeypatch)


@pytest.fixture
def library(tmp_path):
    return (*make_library(tmp_path), tmp_path / "out")


@pytest.fixture
def recognise(run, library, tmp_path):
    """Run the command on the library, with more options: status, stdout and stderr in one line."""
    photos, known, out = library
    model = make_model(tmp_path / "model.safetensors")

    def command(*options, out=out):
        arguments = ("recognise", photos, "--known", known, "--out", out, "--model", model)
        status, printed, error = run(*arguments, *options)
        return status, text(printed), text(error)

    return command


def test_the_summary_adds_up_and_the_files_are_there(recognise, library):
    status, printed, _ = recognise("--draw")
    assert status == 0
    assert "Known: Grace 2, Ada Lovelace 1" in printed
    assert "7 photos: 6 with a face, 1 without" in printed
    faces = "9 faces: 3 named (Ada Lovelace 2, Grace 1), 6 unknown (5 in 2 groups, 1 alone)"
    assert faces in printed
    assert "Gate: a squared distance of 0.2000, from tiles" in printed
    out = library[2]
    assert f"In {out}: names.csv, album.html, album/, drawn/" in printed
    assert {path.name for path in out.iterdir()} == {
        "names.csv", "album.html", "album", "drawn", "work",
    }  # fmt: skip
    drawn = sorted(path.relative_to(out / "drawn").as_posix() for path in out.rglob("drawn/**/*.*"))
    assert drawn == [
        "2001/beach.jpg", "2001/party.jpg", "ada.jpg", "blue.jpg", "cyan.jpg", "pink.jpg",
    ]  # fmt: skip
    with Image.open(out / "drawn" / "2001" / "party.jpg") as picture:
        assert picture.size == (180, 60)


def test_again_it_says_that_nothing_was_to_do_and_draws_what_has_another_name(recognise, library):
    recognise("--draw")
    out = library[2]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")}
    (out / "drawn" / "mine.jpg").write_bytes(b"my own")
    names = library[0].parent / "names.csv"
    names.write_text("photo,face,name\nblue.png,1,Lise\nnone.png,1,Nobody\n")
    status, printed, _ = recognise("--draw", "--rename", names)
    assert status == 0
    assert "7 photos were done before and have not changed" in printed
    assert "1 face named by hand: they keep these names" in printed
    assert "line 3 of the names: there is no face 1 in none.png" in printed
    anew = {p.name for p in before if p.stat().st_mtime_ns > before[p]}
    assert anew == {"blue.jpg", "party.jpg", "beach.jpg"}  # where Lise is, of `drawn` alone
    assert (out / "drawn" / "mine.jpg").exists()
    (library[0] / "pink.png").unlink()
    recognise("--draw")
    assert not (out / "drawn" / "pink.jpg").exists()
    assert len(list((out / "album").iterdir())) == len(before) - 6 - 2


def test_what_is_wrong_with_the_known_is_said_and_the_run_goes_on(recognise, library):
    known = library[1]
    tiles(known / "Nobody.png", BLACK)
    tiles(known / "grace" / "two.png", GREEN, RED)
    status, printed, _ = recognise()
    assert status == 0
    assert "without a usable face, so nobody gets this name: Nobody" in printed
    assert "known photos without a usable face: Nobody.png: no face found in 60 x 60" in printed
    several = "known photos that show several faces, of which the largest is taken"
    assert f"{several}: grace/two.png (2)" in printed
    assert "two people or one?" in printed
    status, _, error = recognise("--strict")
    assert status == 1
    assert "strict: the known photo grace/two.png shows 2 faces" in error


def test_a_dry_run_writes_nothing(recognise, library, monkeypatch):
    monkeypatch.setattr(cropper, "Detector", None)
    status, printed, _ = recognise("--dry-run")
    assert status == 0
    assert "Faces would be looked for in 7 photos; cut: aligned to portrait, margin 0." in printed
    assert "Grace 2, Ada Lovelace 1" in printed
    assert not library[2].exists()
    status, _, error = recognise("--dry-run", "--rename", library[0] / "none.csv")
    assert status == 1
    assert "none.csv: cannot be opened" in error


def test_bad_options_are_one_line(recognise, library, tmp_path):
    photos, known, out = library
    for options, words in (
        (("--far", 0.01, "--threshold", 1), "--far would change nothing beside --threshold"),
        (("--far", 0.02), "far 0.02: the model has gates for 0.1, 0.05, 0.01"),
        (("--rename", tmp_path / "none.csv"), "none.csv: cannot be opened"),
        (("--known", photos), "are one folder"),
        (("--known", tmp_path / "nowhere"), "does not exist"),
        (("--model", tmp_path / "nothing"), "nothing"),
        (("--out", known / "out"), "lies among the photos"),
        (("--out", photos / "out"), "lies among the photos"),
    ):
        status, printed, error = recognise(*options)
        assert status == 1, options
        assert words in error
        assert error.count("error:") == 1
        assert "Traceback" not in error + printed
    recognise()
    status, _, error = recognise("--try-rotations")
    assert status == 1
    assert "was made with other settings (try_rotations False, now True)" in error
    assert recognise("--try-rotations", "--force")[0] == 0
    assert out.is_dir()


def test_interrupted_it_says_how_to_go_on(recognise, library, monkeypatch):
    real = cropper.Cropper.__call__

    def interrupted(self, name):
        signal.raise_signal(signal.SIGINT)
        return real(self, name)

    monkeypatch.setattr(cropper.Cropper, "__call__", interrupted)
    status, printed, _ = recognise()
    assert status == 130
    assert "Interrupted: 2 photos left. Go on with the same command." in printed  # of the known
    status, printed, _ = recognise("--force")
    assert "Go on with the same command, without --force." in printed
    assert not (library[2] / "names.csv").exists()
    monkeypatch.setattr(cropper.Cropper, "__call__", real)
    assert recognise()[0] == 0
    real_picture = page.make_pictures

    def interrupted_again(*arguments):
        signal.raise_signal(signal.SIGINT)
        return real_picture(*arguments)

    monkeypatch.setattr(page, "make_pictures", interrupted_again)
    status, printed, _ = recognise()
    assert status == 130
    assert "Interrupted: 6 photos of the album left." in printed
    assert (library[2] / "names.csv").exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_the_same_command_ends_as_if_it_had_not_been_killed(
    recognise, library, tmp_path, monkeypatch
):
    """Killed at every 9th write. What takes threads is replaced, as in `test_killed`."""
    without_threads(monkeypatch)
    photos, known, _ = library
    names = tmp_path / "names.csv"
    names.write_text("photo,face,name\nblue.png,1,Lise\n")
    more = ("--draw", "--rename", names)
    whole_place = tmp_path / "whole"
    assert recognise(*more, out=whole_place / "out")[0] == 0
    whole, number = contents(whole_place), 1
    while True:
        place = tmp_path / str(number)
        place.mkdir()
        model = tmp_path / "model.safetensors"
        arguments = (
            "recognise",
            photos,
            "--known",
            known,
            "--out",
            place / "out",
            "--model",
            model,
        )
        if not killed((*arguments, *more), place, number):
            break
        wrong = [name for name in half_written(place, whole) if not is_memory(name)]
        assert wrong == []
        assert recognise(*more, out=place / "out")[0] == 0
        there = contents(place)
        assert {n: c for n, c in there.items() if not is_memory(n)} == {
            n: c for n, c in whole.items() if not is_memory(n)
        }
        assert not [path for path in place.rglob("*") if path.name.startswith(".")]
        number += 9
    assert number > 30


def is_memory(name):
    """Whether a file tells how far a run has come: it differs until the run has ended."""
    return name.endswith(("manifest.csv", "align.json")) or "embeddings-" in name
