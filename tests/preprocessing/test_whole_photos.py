"""Faces of whole photos, found and cut on the way to a network."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifacenet.files.arrays import CheckpointError
from minifacenet.preprocessing import crop_store
from minifacenet.preprocessing.align_folder import align_folder
from minifacenet.preprocessing.choose_and_cut import CropSettings
from minifacenet.preprocessing.listing import FolderError
from minifacenet.preprocessing.mtcnn import FILE
from minifacenet.preprocessing.read_folder import read_faces
from minifacenet.preprocessing.whole_photos import FaceFinder, NoFace, read_whole_photos

from ..conftest import need
from .made_files import save_crop
from .stub_detector import LEFT, RIGHT, stub_detector

CUT = "aligned to openface, margin 0"
SIZE = 24


@pytest.fixture
def detector(monkeypatch):
    return stub_detector(monkeypatch)


@pytest.fixture
def photos(tmp_path):
    """Two people: one face, two faces; a photo without one, a damaged one."""
    root = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for name, size in (("Ada/one", (60, 60)), ("Bob/two", (60, 80)), ("Bob/none", (20, 20))):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size, 3)).astype(np.uint8)).save(
            root / f"{name}.png"
        )
    (root / "Ada" / "damaged.jpg").write_bytes(b"no photo")
    return root


def test_a_photo_gives_its_largest_face(detector, photos):
    faces = read_whole_photos(photos, CUT, SIZE, layout=read_faces)
    assert faces.paths == faces.captions == ("Ada/one.png", "Bob/two.png")
    assert faces.boxes == (LEFT, RIGHT)  # and not the more certain one
    assert faces.cut == CUT
    assert faces.people == ("Ada", "Bob")
    assert dict(faces.skipped)["Bob/none.png"] == "no face found in 20 x 20 pixels"
    assert [name for name, _ in faces.skipped] == ["Ada/damaged.jpg", "Bob/none.png"]


def test_or_all_from_left_to_right(detector, photos):
    faces = read_whole_photos(photos, CUT, SIZE, every=True)
    assert faces.paths == faces.origins == ("Ada/one.png", "Bob/two.png", "Bob/two.png")
    assert faces.captions == ("Ada/one.png", "Bob/two.png (face 1)", "Bob/two.png (face 2)")
    assert faces.boxes == (LEFT, LEFT, RIGHT)
    assert faces.numbers == (1, 1, 2)
    assert faces.box_rows[2] == (2, *RIGHT)
    assert faces.largest == [0, 2]
    assert faces.duplicates == ()
    assert faces.summary().startswith("3 faces on 2 photos in 2 folders")
    part = faces.subset(np.array([2, 0]))
    assert part.boxes == (RIGHT, LEFT)
    assert np.array_equal(part.images[0], faces.images[2])


def test_they_are_those_that_align_cuts(detector, photos, tmp_path):
    settings = CropSettings(size=SIZE, template="openface")
    align_folder(photos, tmp_path / "out", settings)
    crops = read_faces(tmp_path / "out" / "faces", SIZE)
    faces = read_whole_photos(photos, CUT, SIZE, layout=read_faces)
    assert np.array_equal(faces.images, crops.images)
    assert faces.cut == crops.cut


def test_one_photo(detector, photos):
    faces = read_whole_photos(photos / "Bob" / "two.png", CUT, SIZE)
    assert (faces.paths, faces.boxes) == (("two.png",), (RIGHT,))
    grey = read_whole_photos(photos / "Bob" / "two.png", CUT, SIZE, channels=1)
    assert grey.images.shape == (1, SIZE, SIZE, 1)


def test_a_photo_without_a_face_is_an_error_that_says_what_was_done(detector, photos):
    """Its size is the one that a viewer sees, after the turn that its EXIF note asks for."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (28, 10)).save(photos / "turned.jpg", exif=exif)
    with pytest.raises(NoFace) as raised:
        read_whole_photos(photos / "turned.jpg", CUT, SIZE)
    assert str(raised.value) == (
        f"{photos / 'turned.jpg'}: no face found in 10 x 28 pixels (MTCNN looked at the upright "
        "photo for faces of 20 pixels or more, with a score of 0.9 or more)"
    )
    with pytest.raises(FolderError, match=r"damaged\.jpg: ") as raised:
        read_whole_photos(photos / "Ada" / "damaged.jpg", CUT, SIZE)
    assert "MTCNN" not in str(raised.value)


def test_nothing_left_is_an_error(detector, photos):
    (photos / "Ada" / "one.png").unlink()
    (photos / "Bob" / "two.png").unlink()
    with pytest.raises(NoFace, match=r"no face in any of the 2 photos in '.*none\.png: no face"):
        read_whole_photos(photos, CUT, SIZE)


def test_crops_beside_photos_are_taken_as_they_are(detector, photos):
    with Image.open(photos / "Ada" / "one.png") as photo:
        save_crop(photos / "Ada" / "crop.png", "x.jpg", photo, template="openface")
    told = []
    finder = FaceFinder(CUT, begin=lambda *counts: told.append(counts))
    faces = read_faces(photos, SIZE, reader=finder)
    assert told == [(4, 1)]
    assert detector.photos == 3  # the damaged one is not shown to it
    assert faces.paths == ("Ada/crop.png", "Ada/one.png", "Bob/two.png")
    assert faces.boxes == (None, LEFT, RIGHT)
    assert faces.box_rows[0] == (None,) * 5
    assert finder.several == ["Bob/two.png"]
    alone = read_faces(photos, SIZE, mixed=print)
    assert np.array_equal(faces.images[0], alone.images[alone.paths.index("Ada/crop.png")])


def test_crops_of_another_cut_are_told_before_the_work(detector, photos):
    with Image.open(photos / "Ada" / "one.png") as photo:
        save_crop(photos / "Ada" / "crop.png", "x.jpg", photo, template="portrait")
    with pytest.raises(FolderError, match="mixes faces that were cut in 2 ways"):
        read_whole_photos(photos, CUT, SIZE)
    assert detector.photos == 0


def test_a_folder_of_crops_alone_asks_no_detector(detector, tmp_path):
    save_crop(tmp_path / "Ada" / "1.png", "x.jpg", template="openface")
    faces = read_whole_photos(tmp_path, CUT, SIZE)
    assert (faces.boxes, detector.photos) == ((), 0)


def test_the_cache_knows_photos_by_their_content(detector, photos, tmp_path):
    cache = tmp_path / "cache"
    first = read_whole_photos(photos, CUT, SIZE, cache=cache)
    assert detector.photos == 3
    moved = photos.rename(tmp_path / "moved")
    (moved / "Bob" / "two.png").rename(moved / "party.png")
    again = read_whole_photos(moved, CUT, SIZE, every=True, cache=cache)
    assert detector.photos == 3
    assert len(again) == 3
    assert np.array_equal(again.images[again.largest[1]], first.images[0])
    shutil.copy(moved / "party.png", moved / "Ada" / "one.png")  # changed, but known
    copies = read_whole_photos(moved, CUT, SIZE, every=True, cache=cache)
    assert detector.photos == 3
    assert copies.duplicates == (("party.png", "Ada/one.png"),)
    Image.new("L", (50, 50), 9).save(moved / "Ada" / "one.png")
    changed = read_whole_photos(moved, CUT, SIZE, cache=cache)
    assert detector.photos == 4
    assert changed.images[1].max() == 9


def test_the_cache_keeps_other_cuts_and_sizes_apart(detector, photos, tmp_path):
    for cut, size in ((CUT, SIZE), (CUT, 32), ("box, margin 0", SIZE)):
        before = detector.photos
        faces = read_whole_photos(photos, cut, size, cache=tmp_path / "cache")
        assert detector.photos == before + 3
        assert faces.images.shape[1] == size


@pytest.mark.parametrize("damage", ["missing", "edited", "manifest", "header"])
def test_a_damaged_cache_is_made_anew(detector, photos, tmp_path, damage):
    cache, told = tmp_path / "cache", []
    first = read_whole_photos(photos, CUT, SIZE, cache=cache)
    place = next(cache.glob(".faces-*"))
    crop = sorted(place.glob("faces/*.png"))[0]
    if damage == "missing":
        crop.unlink()
    elif damage == "edited":
        crop.write_bytes(crop.read_bytes()[:-1] + b"!")
    elif damage == "manifest":
        (place / "manifest.csv").write_text("damaged")
    else:
        lines = (place / "manifest.csv").read_text().replace("faces/", "../faces/")
        (place / "manifest.csv").write_text(lines)
    detector.photos = 0
    finder = FaceFinder(CUT, cache=cache, warn=told.append)
    again = read_faces(photos, SIZE, reader=finder)
    assert detector.photos == {"manifest": 3, "header": 2}.get(damage, 1)
    assert len(told) == (damage == "manifest")
    assert np.array_equal(again.images, first.images)


def test_a_cache_that_cannot_be_written_ends_nothing(detector, photos, tmp_path):
    (tmp_path / "cache").write_text("a file")
    told = []
    finder = FaceFinder(CUT, cache=tmp_path / "cache", warn=told.append)
    assert len(read_faces(photos, SIZE, reader=finder)) == 2
    assert "the faces that are found are not kept" in told[0]


def test_an_interruption_keeps_what_was_found(detector, photos, tmp_path):
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    finder = FaceFinder(CUT, cache=tmp_path / "cache")
    with pytest.raises(KeyboardInterrupt):
        read_faces(photos, SIZE, progress=stop, reader=finder)
    before, detector.photos = detector.photos, 0
    read_whole_photos(photos, CUT, SIZE, cache=tmp_path / "cache")
    assert 0 < before < 3
    assert before + detector.photos == 3


def test_what_a_killed_one_left_in_the_cache_goes_with_the_next_run(detector, photos, tmp_path):
    cache = tmp_path / "cache"
    read_whole_photos(photos, CUT, SIZE, cache=cache)
    (store,) = cache.iterdir()
    (crop, *_) = (store / "faces").iterdir()
    for place, gone in ((store, None), (store / "faces", crop)):
        left = place / ".minifacenet-0123abcd.tmp"
        left.mkdir()
        if gone is not None:  # it was under way when the kill came
            gone.unlink()
        read_whole_photos(photos, CUT, SIZE, cache=cache)
        assert not left.exists()


def test_nobody_takes_what_is_kept_for_photos(detector, photos):
    first = read_whole_photos(photos, CUT, SIZE, cache=photos)
    again = read_whole_photos(photos, CUT, SIZE, cache=photos)
    assert first.paths == again.paths


def test_without_a_cache_nothing_is_left(detector, photos, tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    read_whole_photos(photos, CUT, SIZE)
    assert not list((tmp_path / "temporary").iterdir())


def test_a_cut_of_nobody_is_an_error(detector, photos):
    with pytest.raises(ValueError, match="no crop of this version is 'by hand'"):
        read_whole_photos(photos, "by hand", SIZE)


def test_without_weights_it_says_what_gets_them(photos, monkeypatch, tmp_path):
    monkeypatch.setattr(crop_store, "default_file", lambda: tmp_path / "mtcnn.safetensors")
    monkeypatch.setenv("MINIFACENET_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"run `minifacenet get mtcnn`$"):
        read_whole_photos(photos, CUT, SIZE)


@pytest.mark.extra
def test_the_real_detector_finds_the_hundred_faces_of_the_readmes_figure(tmp_path):
    root = Path(__file__).parents[2]
    need((root / FILE).is_file(), f"no {FILE}: `minifacenet get mtcnn` makes it")
    figure = root / "lessons" / "figures" / "strangers.jpg"
    faces = read_whole_photos(figure, CUT, SIZE, every=True, cache=tmp_path)
    assert 97 <= len(faces) <= 100
    centres = [box[0] + box[2] for box in faces.boxes]
    assert centres == sorted(centres)
    largest = read_whole_photos(figure, CUT, SIZE, cache=tmp_path)
    assert largest.boxes[0] == faces.boxes[faces.largest[0]]
