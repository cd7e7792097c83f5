"""Folders as people have them: tidy ones, untidy ones, and ones that need an explanation."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from minifacenet.preprocessing.centre_square import square_crop
from minifacenet.preprocessing.faces import Faces
from minifacenet.preprocessing.listing import FolderError
from minifacenet.preprocessing.read_folder import read_faces, read_listed, read_photos

from .made_files import save_crop


def save(path, colour=100, mode="L", size=(12, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def untidy(tmp_path):
    """Two people, one of them with problems, and one without any readable photo."""
    save(tmp_path / "s2" / "1.png", 20)
    save(tmp_path / "s2" / "10.PNG", 30)
    save(tmp_path / "s2" / "2.JPG", 25)
    save(tmp_path / "s10" / "a.pgm", 40)
    (tmp_path / "s10" / "half.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (tmp_path / "s10" / "notes.txt").write_text("a note")
    save(tmp_path / "s10" / "more" / "b.png")
    (tmp_path / "s10" / ".DS_Store").write_bytes(b"\0")
    save(tmp_path / ".ipynb_checkpoints" / "c.png")
    (tmp_path / "s3").mkdir()
    (tmp_path / "s3" / "empty.png").touch()
    (tmp_path / "README.md").write_text("about")
    save(tmp_path / "cover.png")
    return tmp_path


def test_faces_of_an_untidy_folder(untidy):
    faces = read_faces(untidy, size=8)
    assert faces.people == ("s2", "s10")
    assert faces.paths == ("s2/1.png", "s2/2.JPG", "s2/10.PNG", "s10/a.pgm")
    assert faces.labels.tolist() == [0, 0, 0, 1]
    assert faces.labels.dtype == np.int64
    assert faces.images.shape == (4, 8, 8, 1)
    assert faces.images.dtype == np.uint8
    np.testing.assert_allclose(faces.images[:, 4, 4, 0], [20, 25, 30, 40], atol=2)
    assert len(faces) == 4


def test_nothing_vanishes_in_silence(untidy):
    faces = read_faces(untidy, size=8)
    skipped = dict(faces.skipped)
    assert list(skipped) == ["cover.png", "s3/empty.png", "s10/half.jpg"]
    assert "beside the person folders" in skipped["cover.png"]
    assert "empty (0 bytes)" in skipped["s3/empty.png"]
    assert faces.ignored == ("README.md", "s10/more/", "s10/notes.txt")
    assert faces.dropped == ("s3",)
    assert faces.duplicates == ()
    assert faces.summary() == (
        "4 photos of 2 people, 3 skipped, 1 person without a photo, 3 other files ignored"
    )


def test_progress_counts_every_photo(untidy):
    calls = []
    read_faces(untidy, size=8, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, 6) for i in range(1, 7)]


def test_one_person_is_enough_here(tmp_path):
    save(tmp_path / "Ada" / "1.png")
    assert read_faces(str(tmp_path)).summary() == "1 photo of 1 person"


def test_channels_follow_the_photos_or_the_caller(tmp_path):
    save(tmp_path / "Ada" / "grey.png", 90)
    save(tmp_path / "Bob" / "colour.png", (200, 100, 50), "RGB")
    luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    for channels in (None, 3):
        faces = read_faces(tmp_path, size=4, channels=channels)
        assert faces.images.shape == (2, 4, 4, 3)
        assert (faces.images[0] == 90).all()
        assert (faces.images[1] == [200, 100, 50]).all()
    grey = read_faces(tmp_path, size=4, channels=1).images
    assert grey.shape == (2, 4, 4, 1)
    assert (grey[0] == 90).all()
    np.testing.assert_allclose(grey[1], luma, atol=1)
    with pytest.raises(ValueError, match="None, 1 or 3, got 4"):
        read_faces(tmp_path, channels=4)


def test_identical_files_are_named(tmp_path):
    for path in ("Ada/1.png", "Ada/2.png", "Bob/1.png"):
        save(tmp_path / path, 50)
    save(tmp_path / "Bob" / "2.png", 51)
    faces = read_faces(tmp_path)
    assert faces.duplicates == (("Ada/1.png", "Ada/2.png", "Bob/1.png"),)
    assert faces.summary() == "4 photos of 2 people, 3 photos with an exact copy"
    assert faces.subset([0, 2]).duplicates == (("Ada/1.png", "Bob/1.png"),)
    assert faces.subset([0, 3]).duplicates == ()


@pytest.mark.parametrize(
    "index",
    [[3, 0], np.array([False, False, True, True]), slice(1, 3), []],
    ids=["integers", "mask", "slice", "empty"],
)
def test_subset_keeps_the_numbering(untidy, index):
    faces = read_faces(untidy, size=8)
    index = np.array(index, dtype=int) if isinstance(index, list) else index
    part = faces.subset(index)
    assert isinstance(part, Faces)
    np.testing.assert_array_equal(part.images, faces.images[index])
    np.testing.assert_array_equal(part.labels, faces.labels[index])
    assert part.paths == tuple(np.array(faces.paths)[index])
    assert part.people == faces.people
    assert (part.skipped, part.ignored, part.dropped) == ((), (), ())


def test_summary_counts_the_people_of_a_subset(untidy):
    assert read_faces(untidy).subset([0, 1]).summary() == "2 photos of 1 person"


def error(root):
    with pytest.raises(FolderError) as caught:
        read_faces(root)
    return str(caught.value)


def test_missing_root(tmp_path):
    assert "'" + str(tmp_path / "absent") + "' does not exist" in error(tmp_path / "absent")


def test_root_that_is_a_file(tmp_path):
    save(tmp_path / "1.png")
    assert "is not a folder" in error(tmp_path / "1.png")


def test_empty_root(tmp_path):
    (tmp_path / ".hidden").mkdir()
    assert "no folder in" in error(tmp_path)


def test_photos_at_top_level(tmp_path):
    for i in range(8):
        save(tmp_path / f"{i}.png")
    message = error(tmp_path)
    assert "expected person folders, found 8 photos at top level: 0.png, 1.png, 2.png" in message


def test_one_level_too_deep_names_the_folder_to_pass(tmp_path):
    (tmp_path / "docs" / "empty").mkdir(parents=True)
    save(tmp_path / "lfw" / "Ada" / "1.png")
    message = error(tmp_path)
    assert "one level too deep" in message
    assert f"If 'Ada' is a person, pass '{tmp_path / 'lfw'}' instead" in message


def test_folders_without_photos(tmp_path):
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "notes.txt").touch()
    assert "no photos (.jpg, .png, ...) in the 1 folder of" in error(tmp_path)


def test_no_photo_can_be_read(tmp_path):
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "1.jpg").write_text("not a photo")
    assert "Ada/1.jpg: not a photo" in error(tmp_path)


def test_square_crop_takes_the_centre():
    photo = np.zeros((4, 10, 3), np.uint8)
    photo[:, 3:7] = 255
    assert (square_crop(photo, 4) == 255).all()
    assert (square_crop(photo.transpose(1, 0, 2), 4) == 255).all()


def test_square_crop_of_its_own_size_changes_nothing():
    photo = np.random.default_rng(0).integers(0, 256, (5, 5, 1), dtype=np.uint8)
    before = photo.copy()
    face = square_crop(photo, 5)
    np.testing.assert_array_equal(face, before)
    face[:] = 0
    np.testing.assert_array_equal(photo, before)


def test_square_crop_averages_fine_patterns_away():
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(square_crop(stripes, 8).astype(int) - 127).max() <= 16


@pytest.mark.parametrize(
    "photo", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)]
)
def test_square_crop_refuses_what_is_no_photo(photo):
    with pytest.raises(ValueError, match="expected a uint8 photo"):
        square_crop(photo, 4)


def test_square_crop_refuses_no_pixels():
    with pytest.raises(ValueError, match="got 0"):
        square_crop(np.zeros((4, 4, 1), np.uint8), 0)


def test_photos_of_anybody_are_read_at_any_depth(tmp_path):
    for path in ("a10.png", "a2.png", "Ada/x.png", "Ada/2020/y.PNG", ".hidden/z.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (40, 40), 99).save(tmp_path / path)
    (tmp_path / "note.txt").write_text("")
    (tmp_path / "Ada" / "broken.jpg").write_bytes(b"no photo")
    faces = read_photos(tmp_path, size=32)
    assert faces.paths == ("a2.png", "a10.png", "Ada/x.png", "Ada/2020/y.PNG")
    assert [faces.people[label] for label in faces.labels] == ["", "", "Ada", "Ada"]
    assert faces.ignored == ("note.txt",)
    assert [path for path, _ in faces.skipped] == ["Ada/broken.jpg"]
    assert faces.summary().startswith("4 photos in 1 folder, 1 skipped")
    assert faces.subset([0, 1]).summary() == "2 photos, 2 photos with an exact copy"
    one = read_photos(tmp_path / "a2.png", size=32)
    assert (one.paths, one.people, one.images.shape) == (("a2.png",), ("",), (1, 32, 32, 1))


def test_no_photos_of_anybody(tmp_path):
    with pytest.raises(FolderError, match="does not exist: pass a photo"):
        read_photos(tmp_path / "nowhere")
    with pytest.raises(FolderError, match=r"no photos \(\.jpg, \.png, \.\.\.\) in '.*'$"):
        read_photos(tmp_path)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(FolderError, match=r"only 1 other file, such as a\.txt$"):
        read_photos(tmp_path)
    (tmp_path / "a.jpg").write_text("no photo")
    with pytest.raises(FolderError, match=r"a\.jpg: not a photo but text .*$") as raised:
        read_photos(tmp_path)
    assert str(raised.value).startswith(str(tmp_path / "a.jpg"))
    (tmp_path / "b.jpg").write_text("none either")
    with pytest.raises(FolderError, match=r"no photo in .* could be read, of 2: a\.jpg"):
        read_photos(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_circle_of_links_has_an_end(tmp_path):
    (tmp_path / "Ada").mkdir()
    Image.new("L", (40, 40), 99).save(tmp_path / "Ada" / "1.png")
    for name in ("self", "again"):
        (tmp_path / name).symlink_to(tmp_path)
    faces = read_photos(tmp_path, size=32)
    assert faces.paths == ("Ada/1.png",)
    assert set(faces.ignored) == {"self/", "again/"}


def test_faces_know_how_they_were_cut_and_from_which_photos(tmp_path):
    save_crop(tmp_path / "Ada" / "1.png", "Ada/1.jpg")
    save_crop(tmp_path / "Ada" / "1.face2.png", "Ada/1.jpg")
    save_crop(tmp_path / "Bob" / "1.png", "Bob/1.jpg")
    origins = ("//Ada/1.jpg", "//Ada/1.jpg", "//Bob/1.jpg")
    names = ("Ada/1.png", "Ada/1.face2.png", "Bob/1.png")
    for faces in (read_faces(tmp_path), read_photos(tmp_path), read_listed(tmp_path, names)):
        assert faces.cut == "aligned to portrait, margin 0"
        assert sorted(faces.origins) == sorted(origins)
        first = faces.paths.index("Bob/1.png")
        part = faces.subset([first, faces.paths.index("Ada/1.face2.png")])
        assert part.origins == ("//Bob/1.jpg", "//Ada/1.jpg")
        assert part.cut == faces.cut
        who = "in 2 folders" if faces.anonymous else "of 2 people"
        told = f"3 photos {who} (aligned to portrait, margin 0), 2 photos with an exact copy"
        assert faces.summary() == told
    assert read_photos(tmp_path / "Ada" / "1.face2.png").origins == ("//Ada/1.jpg",)


def test_photos_are_centre_squares_of_themselves(tmp_path):
    save(tmp_path / "Ada" / "1.png")
    save_crop(tmp_path / "Ada" / "2.png", "Ada/2.jpg", crop="centre")  # by --already-cropped
    faces = read_faces(tmp_path)
    assert faces.cut == "centre square"
    assert faces.origins == ("Ada/1.png", "//Ada/2.jpg")
    assert faces.summary() == "2 photos of 1 person"
    made = Faces(faces.images, faces.labels, faces.people, faces.paths)
    assert (made.cut, made.origins) == ("centre square", faces.paths)
    assert made.subset([1]).origins == ("Ada/2.png",)


def test_a_folder_mixes_no_two_ways_to_cut(tmp_path):
    save(tmp_path / "Ada" / "1.png")
    for number in (2, 3):
        save_crop(tmp_path / "Ada" / f"{number}.png", "Ada/2.jpg")
    with pytest.raises(FolderError) as error:
        read_faces(tmp_path)
    assert str(error.value) == (
        f"'{tmp_path}' mixes faces that were cut in 2 ways: 2 faces 'aligned to portrait, margin "
        "0', such as Ada/2.png; 1 face 'centre square', such as Ada/1.png. Leave one kind there, "
        "or cut all out of their photos anew: minifacenet align PHOTOS OUT"
    )
    save_crop(tmp_path / "Bob" / "1.png", "Bob/1.jpg", margin=0.1)
    with pytest.raises(FolderError, match="in 3 ways"):
        read_photos(tmp_path)
    assert len(read_listed(tmp_path, ["Ada/2.png", "Ada/3.png"])) == 2
    (tmp_path / "Ada" / "1.png").write_bytes(b"damaged")  # what is no face is not cut in any way
    (tmp_path / "Bob" / "1.png").unlink()
    assert read_faces(tmp_path).cut == "aligned to portrait, margin 0"


@pytest.mark.skipif(sys.platform != "linux", reason="names there are Unicode")
def test_names_in_no_encoding_are_passed_over_and_named(tmp_path):
    odd = os.fsdecode(b"\xff")
    for path in ("Ada/1.png", f"Ada/{odd}.png", f"{odd}/2.png"):
        save(tmp_path / path)
    (tmp_path / f"{odd}.txt").touch()
    notes = {
        rf"{path} (its name is no valid Unicode: rename it)"
        for path in (r"Ada/\udcff.png", r"\udcff", r"\udcff.txt")
    }
    for read in (read_faces, read_photos):
        faces = read(tmp_path, size=32)
        assert faces.paths == ("Ada/1.png",)
        assert faces.people == ("Ada",)
        assert set(faces.ignored) == notes
        assert (faces.skipped, faces.dropped) == ((), ())
    with pytest.raises(FolderError, match=r"\\udcff\.png: its name is no valid Unicode: rename it"):
        read_photos(tmp_path / "Ada" / f"{odd}.png")
    (tmp_path / "Ada" / "1.png").unlink()
    with pytest.raises(FolderError, match=r"only 3 other files, such as .*udcff.*: rename it"):
        read_photos(tmp_path)
