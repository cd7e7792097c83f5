"""Photos of a list under a folder: all there, some there, none there."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from minifacenet.classification.pair_lists import Pairs, PairsError
from minifacenet.classification.pair_photos import find_photos, read_pair_photos


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def pairs_of(*rows):
    return Pairs(*zip(*rows, strict=True))


LFW = pairs_of(
    ("Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", True, 1),
    ("Ada/Ada_0001.jpg", "Bob/Bob_0001.jpg", False, 1),
    ("Eve/Eve_0001.jpg", "Eve/Eve_0002.jpg", True, 2),
    ("Eve/Eve_0002.jpg", "Ada/Ada_0001.jpg", False, 2),
)
ALL = ("Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", "Bob/Bob_0001.jpg")
ALL += ("Eve/Eve_0001.jpg", "Eve/Eve_0002.jpg")


def test_each_photo_is_there_once(tmp_path):
    touch(tmp_path, *ALL)
    found = find_photos(str(tmp_path), LFW)
    assert sorted(found.paths) == sorted(ALL)
    assert tuple(np.array(found.paths)[found.first]) == LFW.first
    assert tuple(np.array(found.paths)[found.second]) == LFW.second
    assert found.same.tolist() == [True, False, True, False]
    assert found.fold.tolist() == [1, 1, 2, 2]
    assert (found.same.dtype, found.fold.dtype, found.first.dtype) == (bool, np.int64, np.int64)
    assert (found.missing, found.left_out, found.incomplete) == ((), 0, ())
    assert found.summary() == "4 of 4 pairs found, 5 photos"


def test_lfw_photos_may_have_any_ending_of_a_photo(tmp_path):
    touch(tmp_path, "Ada/Ada_0001.PNG", "Ada/Ada_0002.jpeg", "Bob/Bob_0001.JPG", *ALL[3:])
    touch(tmp_path, "Ada/Ada_0001.txt", "Ada/Ada_00011.png")
    (tmp_path / "Ada" / "Ada_0001.webp").mkdir()
    found = find_photos(tmp_path, LFW)
    assert found.paths[:3] == ("Ada/Ada_0001.PNG", "Ada/Ada_0002.jpeg", "Bob/Bob_0001.JPG")
    assert found.left_out == 0


def test_the_ending_of_the_list_comes_first(tmp_path):
    touch(tmp_path, *ALL, "Ada/Ada_0001.png")
    assert "Ada/Ada_0001.jpg" in find_photos(tmp_path, LFW).paths


def test_two_photos_for_one_name_are_refused(tmp_path):
    touch(tmp_path, *ALL[1:], "Ada/Ada_0001.png", "Ada/Ada_0001.webp")
    with pytest.raises(PairsError, match=r"which photo is Ada/Ada_0001.jpg\?.*png and Ada.*webp"):
        find_photos(tmp_path, LFW)


def test_other_paths_are_taken_as_they_are(tmp_path):
    touch(tmp_path, "Ada/1.png", "Ada/a [2].jpg", "Ada/Bob_0001.png")
    rows = [("Ada/1.png", "Ada/a [2].jpg", True, 1), ("Ada/1.jpg", "Ada/Bob_0001.jpg", True, 1)]
    found = find_photos(tmp_path, pairs_of(*rows))
    assert found.paths == ("Ada/1.png", "Ada/a [2].jpg")
    assert found.missing == ("Ada/1.jpg", "Ada/Bob_0001.jpg")


def test_pairs_without_both_photos_are_left_out_and_folds_stay(tmp_path):
    touch(tmp_path, *ALL[2:], "Ada/Ada_0001.jpg")  # without Ada_0002
    found = find_photos(tmp_path, LFW)
    assert found.missing == ("Ada/Ada_0002.jpg",)
    assert found.left_out == 1
    assert found.fold.tolist() == [1, 2, 2]
    assert found.same.tolist() == [False, True, False]
    assert found.incomplete == ((1, 0, 1),)
    assert found.summary() == (
        "3 of 4 pairs found, 4 photos; 1 photo missing: Ada/Ada_0002.jpg; "
        "fold 1 has 0 same and 1 different pairs"
    )


def test_a_fold_of_which_nothing_is_left_is_reported(tmp_path):
    touch(tmp_path, "Eve/Eve_0001.jpg", "Eve/Eve_0002.jpg", "Bob/Bob_0001.jpg")
    found = find_photos(tmp_path, LFW)
    assert found.paths == ("Eve/Eve_0001.jpg", "Eve/Eve_0002.jpg")  # nobody needs Bob
    assert found.fold.tolist() == [2]
    assert found.incomplete == ((1, 0, 0), (2, 1, 0))


def test_nothing_found_names_the_first_missing_photo(tmp_path):
    many = pairs_of(*[(f"A/{i}.jpg", f"B/{i}.jpg", False, 1) for i in range(6000)])
    with pytest.raises(PairsError) as caught:
        find_photos(tmp_path, many)
    assert f"0 of 6,000 pairs found in '{tmp_path}'" in str(caught.value)
    assert f"first missing: {tmp_path / 'A/0.jpg'}" in str(caught.value)
    with pytest.raises(PairsError, match="absent' is no folder"):
        find_photos(tmp_path / "absent", LFW)


def test_a_name_that_no_disk_takes_is_missing(tmp_path):
    touch(tmp_path, *ALL)
    longer = pairs_of(("a" * 5000, "b\0c", False, 1), (*ALL[:2], True, 1))
    assert find_photos(tmp_path, longer).missing == ("a" * 5000, "b\0c")


def test_distances_of_the_pairs(tmp_path):
    touch(tmp_path, *ALL)
    found = find_photos(tmp_path, LFW)
    embeddings = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    wide = dict(zip(found.paths, embeddings.astype(np.float64), strict=True))
    expected = [
        ((wide[a] - wide[b]) ** 2).sum() for a, b in zip(LFW.first, LFW.second, strict=True)
    ]
    distances = found.distances(embeddings)
    assert distances.dtype == np.float64
    np.testing.assert_allclose(distances, expected, rtol=1e-14)
    with pytest.raises(ValueError, match=r"shape \(5, D\).*got \(4, 8\)"):
        found.distances(embeddings[1:])


def test_a_photo_that_cannot_be_read_counts_as_missing(tmp_path):
    for name in ("Ada/1", "Ada/2", "Grace/1", "Grace/2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (40, 40), 20 * len(name)).save(tmp_path / f"{name}.png")
    (tmp_path / "Ada" / "2.png").write_bytes(b"no photo")
    rows = (
        ("Ada/1.png", "Ada/2.png", True, 1),
        ("Ada/1.png", "Grace/1.png", False, 1),
        ("Grace/1.png", "Grace/2.png", True, 1),
    )
    found, faces = read_pair_photos(tmp_path, pairs_of(*rows), 32, 1)
    assert faces.paths == found.paths == ("Ada/1.png", "Grace/1.png", "Grace/2.png")
    assert (found.left_out, found.missing) == (1, ("Ada/2.png",))
    assert [path for path, _ in faces.skipped] == ["Ada/2.png"]
    assert found.same.tolist() == [False, True]
    whole, faces = read_pair_photos(tmp_path, pairs_of(*rows[1:]), 32, 1)
    assert (len(faces), faces.skipped, whole.left_out) == (3, (), 0)


COMPOSED, APART = (unicodedata.normalize(form, "José") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("listed", "there"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_a_photo_is_found_under_its_name_in_the_other_unicode_form(tmp_path, listed, there):
    lfw = f"{listed}/{listed}_0001.jpg", f"{listed}/{listed}_0002.jpg"
    touch(tmp_path, f"{there}/{there}_0001.png", f"{there}/{there}_0002.jpg", f"{there}/x.png")
    touch(tmp_path, f"{there}/deep/{there}.png")
    found = find_photos(
        tmp_path,
        pairs_of((*lfw, True, 1), (f"{listed}/x.png", f"{listed}/deep/{listed}.png", True, 1)),
    )
    assert found.left_out == 0
    assert found.paths == (
        f"{there}/{there}_0001.png", f"{there}/{there}_0002.jpg",
        f"{there}/x.png", f"{there}/deep/{there}.png",
    )  # fmt: skip


def test_of_a_person_in_both_forms_each_photo_is_found_where_it_lies(tmp_path):
    touch(tmp_path, f"{COMPOSED}/1.png", f"{APART}/2.png", f"{APART}/é.png")
    rows = ((f"{COMPOSED}/1.png", f"{COMPOSED}/2.png", True, 1),)
    assert find_photos(tmp_path, pairs_of(*rows)).paths == (f"{COMPOSED}/1.png", f"{APART}/2.png")
    touch(tmp_path, f"{COMPOSED}/e\u0301.png")
    unclear = pairs_of((f"{COMPOSED}/1.png", f"{COMPOSED}/é.png", True, 1))
    with pytest.raises(PairsError, match=r"'Jose.u0301/.xe9.png' and 'Jos.xe9/e.u0301.png'"):
        find_photos(tmp_path, unclear)
