"""One name in two Unicode forms is one person; names that are nearly equal are told."""

import doctest
import unicodedata

from PIL import Image

from minifacenet.preprocessing import person_names
from minifacenet.preprocessing.read_folder import read_faces, read_photos

COMPOSED, APART = (unicodedata.normalize(form, "José") for form in ("NFC", "NFD"))


def photos(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (12, 12), 9 * len(name)).save(root / name)


def test_the_examples():
    assert doctest.testmod(person_names).failed == 0


def test_one_name_in_two_forms_is_one_person(tmp_path):
    photos(tmp_path, f"{COMPOSED}/1.png", "Ada/1.png", f"{APART}/2.png", f"{APART}/3.png")
    (tmp_path / unicodedata.normalize("NFD", "Zoë")).mkdir()
    for reader in (read_faces, read_photos):
        faces = reader(tmp_path, size=8)
        assert sorted(faces.people) == ["Ada", COMPOSED]
        names = (faces.people[label] for label in faces.labels)
        shown = dict(zip(faces.paths, names, strict=True))
        assert shown == {
            "Ada/1.png": "Ada",
            f"{COMPOSED}/1.png": COMPOSED,
            f"{APART}/2.png": COMPOSED,
            f"{APART}/3.png": COMPOSED,
        }
        assert person_names.in_several_forms(faces.paths) in (
            ((COMPOSED, APART),), ((APART, COMPOSED),),
        )  # fmt: skip
    assert read_faces(tmp_path, size=8).dropped == (unicodedata.normalize("NFD", "Zoë"),)


def test_a_person_whose_folder_has_the_other_form_is_not_left_out(tmp_path):
    photos(tmp_path, f"{APART}/1.png", "Ada/1.png")
    faces = read_faces(tmp_path, size=8)
    assert faces.people == ("Ada", COMPOSED)
    assert faces.dropped == ()


def test_case_and_blanks_at_the_ends_are_told():
    names = ["mats", "Zoe", "Ada", "Ada ", "MATS", "Zoes", COMPOSED, APART.upper()]
    assert person_names.hard_to_tell_apart(names) == (
        ("mats", "MATS"), ("Ada", "Ada "), (COMPOSED, APART.upper()),
    )  # fmt: skip
