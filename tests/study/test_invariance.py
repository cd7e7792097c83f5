"""Fig. 1: whose photos, which of them, in which order, and what is written."""

import numpy as np
import pytest
from PIL import Image

from minifacenet.preprocessing.faces import Faces
from minifacenet.preprocessing.listing import FolderError
from minifacenet.study.drawing import draw_invariance
from minifacenet.study.invariance import alone, folders_for, in_rows, most_different


@pytest.fixture
def folder(tmp_path):
    for name, photos in (("Ada", 3), ("Bob", 1), ("Grace", 4), ("Lise", 2)):
        (tmp_path / name).mkdir()
        for number in range(photos):
            Image.new("L", (8, 8)).save(tmp_path / name / f"{number}.png")
    (tmp_path / "note.txt").write_text("no person")
    return tmp_path


def test_the_next_folder_with_enough_photos_stands_below(folder):
    def names(*arguments):
        return [path.name for path in folders_for(folder, *arguments)]

    assert names("Ada") == ["Ada", "Grace"]
    assert names("Grace") == ["Grace", "Ada"]  # nobody has four: the one with the most
    assert names("Lise", "Bob") == ["Lise", "Bob"]


@pytest.mark.parametrize(
    ("person", "beside", "says"),
    [
        ("Aba", None, "no 'Aba' in .*: is Ada meant"),
        ("Ada", "Xyz", "no 'Xyz' in .*: there are Ada, Bob"),
        ("", None, "no '' in .*: there are Ada, Bob"),
        ("Ada", "", "no '' in .*: there are Ada, Bob"),
        ("Ada", "Ada", "'Ada' cannot stand beside photos of the same person"),
        ("Bob", None, "has 1 photo, and the picture takes two or more"),
    ],
)
def test_people_who_are_not_there_or_have_one_photo(folder, person, beside, says):
    with pytest.raises(FolderError, match=says):
        folders_for(folder, person, beside)


def flat(*levels):
    return np.array([np.full((8, 8, 1), level) for level in levels], np.uint8)


def test_the_most_different_photos_are_far_from_each_other():
    images = flat(100, 102, 250, 104, 0, 251)
    assert {*most_different(images, 3)} == {5, 4, 1} or {*most_different(images, 3)} == {5, 4, 3}
    assert sorted(most_different(images, 9)) == [*range(6)]


def test_rows_go_from_dark_to_bright_and_from_side_to_side():
    images = flat(10, 200, 20, 210)
    images[0, :, :4] += 30  # bright on the left
    images[3, :, :4] -= 30
    assert [list(row) for row in in_rows(images, 2)] == [[0, 2], [1, 3]]


def test_photos_with_several_faces_are_left_out_where_others_are_left():
    def faces(paths):
        boxes = tuple((0, 0, 10 + i, 10) for i in range(len(paths)))
        labels = np.zeros(len(paths), int)
        return Faces(flat(*range(len(paths))), labels, ("",), tuple(paths), boxes=boxes)

    assert alone(faces("abbc")).paths == ("a", "c")
    assert alone(faces("abb")).boxes == ((0, 0, 10, 10), (0, 0, 12, 10))


def test_the_picture_counts_what_the_threshold_judges_correctly(tmp_path):
    def own(*levels):
        names = tuple(map(str, levels))
        return Faces(flat(*levels), np.zeros(len(levels), int), ("",), names)

    one = np.array([[1, 0], [0.8, 0.6], [1, 0]], np.float32)  # the second is 0.4 from the others
    other = np.array([[0, 1]], np.float32)  # 2 from the first
    path = tmp_path / "f.png"
    faces = [own(10, 20, 30), own(5)]
    counted = draw_invariance(faces, [one, other], ["Ada", "Grace"], path, 0.3, columns=3)
    assert counted == (1, 3)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert draw_invariance(faces, [one, other], ["Ada", "Grace"], path, None) == (0, 0)
