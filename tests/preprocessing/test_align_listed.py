"""Only the listed photos are cut, as a network knows faces, and what was cut before stays."""

import numpy as np
import pytest
from PIL import Image

from minifacenet.preprocessing.align_folder import align_folder
from minifacenet.preprocessing.align_listed import align_listed, are_crops, settings_for
from minifacenet.preprocessing.choose_and_cut import CropSettings
from minifacenet.preprocessing.crop_note import in_words

CENTRE = CropSettings(size=8, crop="centre")


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for name in ("Ada/1", "Ada/2", "Grace/1", "Grace/2"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 20)).astype(np.uint8)).save(root / f"{name}.png")
    return root


def crops(out):
    return sorted(p.relative_to(out / "faces").as_posix() for p in out.rglob("faces/*/*"))


@pytest.mark.parametrize(
    "settings",
    [
        CropSettings(crop="aligned", template="portrait", margin=0),
        CropSettings(crop="aligned", template="openface", margin=0.25),
        CropSettings(crop="box", margin=1e-05),
        CropSettings(crop="box"),
        CropSettings(crop="centre"),
    ],
)
def test_words_give_the_settings_that_they_describe(settings):
    words = in_words(settings.crop, settings.template, settings.margin)
    found = settings_for(words, 96, select="center")
    assert in_words(found.crop, found.template, found.margin) == words
    assert (found.size, found.select) == (96, "center")


@pytest.mark.parametrize("words", ["cut in several ways", "aligned to newer, margin 0", "squashed"])
def test_words_of_no_settings_are_refused(words):
    with pytest.raises(ValueError, match=r"newer|several|squashed"):
        settings_for(words, 96)


def test_the_listed_photos_alone_are_cut(photos, tmp_path):
    out, listed = tmp_path / "out", ["Grace/1.png", "Ada/2.png"]
    result, found = align_listed(photos, listed, out, CENTRE)
    assert [entry.photo for entry in result.entries] == ["Ada/2.png", "Grace/1.png"]
    assert found.folder == out
    assert found.files == {name: f"faces/{name}" for name in listed}
    assert crops(out) == sorted(listed)


def test_another_list_adds_to_what_is_there(photos, tmp_path):
    out = tmp_path / "out"
    align_listed(photos, ["Ada/1.png"], out, CENTRE)
    result, found = align_listed(photos, ["Ada/1.png", "Grace/2.png"], out, CENTRE)
    assert result.fresh == {"Grace/2.png"}
    result, found = align_listed(photos, ["Grace/2.png"], out, CENTRE)
    assert (result.fresh, result.removed) == (frozenset(), 0)
    assert [*found.files] == ["Grace/2.png"]
    assert crops(out) == ["Ada/1.png", "Grace/2.png"]
    result, _ = align_listed(photos, ["Grace/2.png"], out, CENTRE, force=True)
    assert crops(out) == ["Grace/2.png"]  # of others nobody knows any more how they were cut
    assert len(align_folder(photos, out, CENTRE).fresh) == 3


def test_photos_without_a_crop_have_a_reason(photos, tmp_path):
    (photos / "Ada" / "1.png").write_bytes(b"")
    _, found = align_listed(
        photos, ["Ada/1.png", "Grace/1.png", "Grace/9.png"], tmp_path / "out", CENTRE
    )
    assert [*found.files] == ["Grace/1.png"]
    assert found.reasons["Ada/1.png"].startswith("the file is empty")
    assert found.reasons["Grace/9.png"] == "not cut out yet"


def test_an_interruption_leaves_the_rest_for_the_next_run(photos, tmp_path):
    out, listed = tmp_path / "out", ["Ada/1.png", "Ada/2.png", "Grace/1.png"]
    result, found = align_listed(photos, listed, out, CENTRE, stop=lambda: True)
    assert (result.left, [*found.files]) == (2, ["Ada/1.png"])
    result, found = align_listed(photos, listed, out, CENTRE)
    assert (len(result.fresh), result.left, len(found.files)) == (2, 0, 3)


def test_crops_are_told_from_photos(photos, tmp_path):
    align_folder(photos, tmp_path / "out", CENTRE)
    (photos / "Ada" / "1.png").unlink()
    assert not are_crops(photos, ["Ada/1.png", "Ada/2.png"])
    (tmp_path / "out" / "faces" / "Ada" / "1.png").unlink()
    assert are_crops(tmp_path / "out" / "faces", ["Ada/1.png", "Ada/2.png"])
    assert not are_crops(photos, [])
