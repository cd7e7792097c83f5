"""What a crop says about itself, and what anything else is taken for."""

import json
from dataclasses import asdict
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from minifacenet.preprocessing import crop_files as cropper
from minifacenet.preprocessing import crop_note
from minifacenet.preprocessing.choose_and_cut import CROPS, CropSettings
from minifacenet.preprocessing.crop_files import Cropper
from minifacenet.preprocessing.crop_note import align_options, how_cut, in_words
from minifacenet.preprocessing.detector import Detections

from .made_files import encoded

NOTE = {"photo": "Ada/1.jpg", **asdict(CropSettings())}
NONE = ("centre square", "x.png")


def noted(text, key="minifacenet"):
    """A small PNG with a text chunk."""
    info = PngInfo()
    info.add_text(key, text)
    return encoded(Image.new("L", (4, 4)), pnginfo=info)


def note_of(**changes):
    return noted(json.dumps(NOTE | changes))


@pytest.mark.parametrize(
    ("settings", "words", "options"),
    [
        (dict(), "aligned to portrait, margin 0", "--template portrait"),
        (
            dict(template="openface", margin=0.25),
            "aligned to openface, margin 0.25",
            "--template openface --margin 0.25",
        ),
        (dict(crop="box"), "box, margin 0", "--crop box"),
        (dict(crop="box", margin=1e-5), "box, margin 1e-05", "--crop box --margin 1e-05"),
        (dict(crop="centre", margin=0.1), "centre square", None),
    ],
)
def test_the_words_for_a_cut_and_the_options_that_make_it(settings, words, options):
    settings = CropSettings(**settings)
    assert in_words(settings.crop, settings.template, settings.margin) == words
    assert align_options(words) == options
    assert how_cut(note_of(**asdict(settings)), "x.png") == (words, "//Ada/1.jpg")


@pytest.mark.parametrize("cut", ["", "box", "aligned to the moon, margin 0", "box, margin 0; rm x"])
def test_other_words_have_no_options(cut):
    assert align_options(cut) is None


@pytest.mark.parametrize("crop", CROPS)
def test_crops_that_are_written_are_read(crop, tmp_path, monkeypatch):
    class Stub:
        def __init__(self, *settings):
            pass

        def detect(self, photo):
            points = [(20, 25), (40, 25), (30, 35), (22, 45), (38, 45)]
            box = np.array([(10, 10, 50, 50)], np.float32)
            return Detections(box, np.ones(1, np.float32), np.array([points], np.float32))

    monkeypatch.setattr(cropper, "Detector", Stub)
    name = "Émilie/\U0001f600.jpg"
    (tmp_path / name).parent.mkdir()
    Image.new("L", (60, 60), 90).save(tmp_path / name)
    settings = CropSettings(size=8, crop=crop)
    Cropper(tmp_path, tmp_path / "out", settings, None, {name: "Émilie/1"})(name)
    data = (tmp_path / "out" / "faces" / "Émilie" / "1.png").read_bytes()
    assert how_cut(data, "Émilie/1.png") == (in_words(crop, "portrait", 0), f"//{name}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        "[]",
        "null",
        '"aligned"',
        *(json.dumps({k: v for k, v in NOTE.items() if k != name}) for name in ("crop", "photo")),
        *(json.dumps(NOTE | {"crop": crop}) for crop in ("round", None, [])),
        *(json.dumps(NOTE | {"template": name}) for name in ("", "a b", "[red]", "a" * 21, 5)),
        *(json.dumps(NOTE | {"margin": margin}) for margin in (-1, 11, "0", None, float("nan"))),
        *(json.dumps(NOTE | {"photo": photo}) for photo in (None, 7, [])),
    ],
    ids=lambda text: text[-40:],
)
def test_a_note_that_does_not_read_like_ours_is_none(text):
    assert how_cut(noted(text), "x.png") == NONE


def test_a_crop_that_somebody_worked_on_shows_it():
    plain = encoded(Image.new("L", (4, 4)))
    crop = crop_note.noted(plain, NOTE)
    assert crop_note.untouched_photo(crop) == "Ada/1.jpg"
    for at in (*range(33), *range(crop.index(b"IDAT") - 4, len(crop))):  # all but the note
        changed = crop[:at] + bytes([crop[at] ^ 1]) + crop[at + 1 :]
        assert crop_note.untouched_photo(changed) is None
    assert crop_note.untouched_photo(crop + b"!") is None
    renamed = crop_note.with_photo(crop, "Ada/2.jpg")
    assert renamed == crop_note.noted(plain, NOTE | {"photo": "Ada/2.jpg"})
    assert crop_note.untouched_photo(renamed) == "Ada/2.jpg"
    assert crop_note.untouched_photo(note_of()) == "Ada/1.jpg"  # of an older version
    assert crop_note.untouched_photo(plain) is None
    with Image.open(BytesIO(crop)) as image:
        assert json.loads(image.text["minifacenet"])["photo"] == "Ada/1.jpg"


@pytest.mark.parametrize("photo", [["Ada/1.jpg"], 7, True, None, {}])
def test_a_note_whose_photo_is_no_text_is_of_no_crop_of_ours(photo):
    assert crop_note.untouched_photo(note_of(photo=photo)) is None


def test_a_note_that_another_program_moved_keeps_its_place_with_another_photo():
    crop = crop_note.noted(encoded(Image.new("L", (4, 4)), dpi=(72, 72)), NOTE)
    note, dpi = crop[33 : crop.index(b"pHYs") - 4], crop[crop.index(b"pHYs") - 4 :][:21]
    moved = crop.replace(note + dpi, dpi + note)
    assert crop_note.untouched_photo(moved) == "Ada/1.jpg"
    renamed = crop_note.with_photo(moved, "Ada/2.jpg")
    assert renamed.startswith(moved[: 33 + 21])
    assert crop_note.untouched_photo(renamed) == "Ada/2.jpg"


def test_templates_of_a_newer_version_are_no_centre_squares():
    words = "aligned to arcface, margin 0"
    assert how_cut(note_of(template="arcface"), "x.png")[0] == words


def test_a_note_is_looked_for_in_one_place_only():
    assert how_cut(noted(json.dumps(NOTE), "minifacenets"), "x.png") == NONE
    assert how_cut(noted(json.dumps(NOTE), "comment"), "x.png") == NONE
    jpeg = encoded(Image.new("L", (4, 4)), "JPEG", comment=note_of())
    assert how_cut(jpeg, "x.png") == NONE
    assert how_cut(b"\x8aMNG" + note_of()[4:], "x.png") == NONE
    plain, own = encoded(Image.new("L", (4, 4))), note_of()
    chunk = own[33 : own.index(b"IDAT") - 4]
    assert how_cut(plain[:33] + chunk + plain[33:], "x.png")[0] == "aligned to portrait, margin 0"
    assert how_cut(plain[:-12] + chunk + plain[-12:], "x.png") == NONE  # behind the pixels
    other = noted("a sunset", "comment")
    both = other[:33] + other[33 : other.index(b"IDAT") - 4] + chunk + plain[33:]
    assert how_cut(both, "x.png")[0] == "aligned to portrait, margin 0"


def test_a_file_cut_off_anywhere_is_no_more_than_a_file_without_a_note():
    whole = note_of()
    found = {how_cut(whole[:end], "x.png") for end in range(len(whole))}
    assert found == {NONE, ("aligned to portrait, margin 0", "//Ada/1.jpg")}


@given(st.binary(max_size=200))
def test_no_bytes_are_an_error(data):
    assert how_cut(data, "x.png") == NONE
    how_cut(b"\x89PNG\r\n\x1a\n" + data, "x.png")


@pytest.mark.parametrize(
    ("path", "photo", "origin"),
    [
        ("Ada/1.png", "Ada/1.jpg", "//Ada/1.jpg"),
        ("Ada/1.face2.png", "Ada/1.jpg", "//Ada/1.jpg"),
        ("first/faces/Ada/1.png", "Ada/1.jpg", "first/faces//Ada/1.jpg"),
        ("second/faces/Ada/1.png", "Ada/1.jpg", "second/faces//Ada/1.jpg"),
        ("1.png", "1.jpg", "//1.jpg"),
        ("1.png", "Ada/deep/1.jpg", "//Ada/deep/1.jpg"),  # the folder itself is read
        ("deep/1.png", "Ada/deep/1.jpg", "deep//Ada/deep/1.jpg"),
        ("Grace/1.png", "Ada/1.jpg", "Grace//Ada/1.jpg"),  # moved
        ("InAda/1.png", "Ada/1.jpg", "InAda//Ada/1.jpg"),
    ],
)
def test_the_photo_of_a_crop_is_named_within_the_folder_that_is_read(path, photo, origin):
    assert how_cut(note_of(photo=photo), path)[1] == origin
