"""Drawn lists keep their promises for any folder, and whatever is possible is also found."""

import re
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.classification.draw_pair_list import _couple, make_pairs
from minifacenet.classification.pair_lists import PairsError, read_pairs, write_pairs
from minifacenet.preprocessing.faces import Faces


def folder(counts):
    """Paths and labels of people with so many photos each."""
    paths = [f"p{p}/{i}.jpg" for p, count in enumerate(counts) for i in range(count)]
    return paths, [int(path[1 : path.index("/")]) for path in paths]


def person(path):
    return path.split("/")[0]


def check(pairs, folds, per_fold):
    """All that a list promises."""
    rows = list(zip(pairs.first, pairs.second, pairs.same, pairs.fold, strict=True))
    assert [row[2:] for row in rows] == [
        (same, fold)
        for fold in range(1, folds + 1)
        for same in (True, False)
        for _ in range(per_fold)
    ]
    assert len({frozenset(row[:2]) for row in rows}) == len(rows)
    home = {}
    for first, second, same, fold in rows:
        assert first != second
        assert same == (person(first) == person(second))
        for path in (first, second):
            assert home.setdefault(person(path), fold) == fold


@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=12),
    st.integers(1, 4),
    st.integers(1, 40),
    st.integers(0, 2**32),
)
def test_a_list_keeps_its_promises_or_says_what_is_possible(counts, folds, per_fold, seed):
    arguments = folder(counts)
    try:
        pairs = make_pairs(*arguments, folds, per_fold, seed)
    except PairsError as error:
        message = str(error)
    else:
        check(pairs, folds, per_fold)
        assert pairs == make_pairs(*arguments, folds, per_fold, seed)
        return
    assert "at most" in message or "no pairs can be made" in message


@given(st.lists(st.integers(1, 5), min_size=2, max_size=9), st.integers(1, 3), st.integers(0, 99))
def test_the_number_in_the_error_is_possible_and_exact(counts, folds, seed):
    with pytest.raises(PairsError) as caught:
        make_pairs(*folder(counts), folds, 10**6, seed)
    message = str(caught.value)
    most = int((re.search("at most ([0-9]+)", message) or [0, 0])[1])
    if "in a fold" in message:
        check(make_pairs(*folder(counts), folds, most, seed), folds, most)
        with pytest.raises(PairsError, match=f"at most {most} of each in a fold"):
            make_pairs(*folder(counts), folds, most + 1, seed)
    elif most:
        check(make_pairs(*folder(counts), most, 1, seed), most, 1)
    else:
        assert max(counts) == 1


def test_every_pair_can_be_asked_for():
    paths, labels = folder([3, 2, 1])  # 3 + 1 pairs of one person, 6 + 3 + 2 of two
    pairs = make_pairs(paths, labels, 1, 4, seed=0)
    same = {frozenset(p) for p in zip(pairs.first[:4], pairs.second[:4], strict=True)}
    assert same == {frozenset(p) for p in combinations(paths, 2) if person(p[0]) == person(p[1])}
    with pytest.raises(PairsError) as caught:
        make_pairs(paths, labels, 1, 5, seed=0)
    assert str(caught.value) == (
        "5 same and 5 different pairs in each fold (1 in all) are too many for 3 people, 2 of them "
        "with two different photos or more: at most 4 of each in a fold"
    )


def test_too_few_people_for_the_folds():
    with pytest.raises(
        PairsError, match=r"3 folds .* take 6 people, 3 of them .*fewer --folds, at most 2"
    ):
        make_pairs(*folder([4, 4, 4, 4, 4]), 3, 1, seed=0)
    with pytest.raises(PairsError, match=r"4 people, 1 of them .* at most 1"):
        make_pairs(*folder([4, 1, 1, 1]), 2, 1, seed=0)
    with pytest.raises(PairsError, match="no pairs can be made"):
        make_pairs(*folder([1, 1, 1]), 1, 1, seed=0)


def test_people_are_drawn_before_photos():
    pairs = make_pairs(*folder([200, 5, 5, 5, 5]), 1, 10, seed=0)
    same = Counter(map(person, pairs.first[:10]))
    assert set(same.values()) == {2}  # 19,900 pairs are no reason to be drawn more often
    couples = [
        frozenset(map(person, p)) for p in zip(pairs.first[10:], pairs.second[10:], strict=True)
    ]
    assert len(set(couples)) == 10


@pytest.mark.parametrize(
    ("counts", "folds", "per_fold"),
    [([9, 9, 9, 2, 2, 2, 2], 3, 18), ([6, 5, 4, 3, 2, 2], 2, 17), ([40] * 4 + [2] * 40, 4, 780)],
    ids=["most photos first", "back and forth", "few with many photos"],
)
def test_folds_get_people_with_many_photos_alike(counts, folds, per_fold):
    check(make_pairs(*folder(counts), folds, per_fold, seed=0), folds, per_fold)


def test_seeds_draw_other_folds_and_pairs():
    paths, labels = folder([10] * 8)
    drawn = [make_pairs(paths, labels, 2, 20, seed) for seed in range(3)]
    assert len(set(drawn)) == 3
    assert len({frozenset(map(person, pairs.first[:40])) for pairs in drawn}) > 1


def test_all_pairs_of_equal_people_are_drawn_alike():
    counts = Counter()
    for seed in range(400):
        pairs = make_pairs(*folder([4, 4]), 1, 2, seed)
        counts.update(map(frozenset, zip(pairs.first, pairs.second, strict=True)))
    same = [n for pair, n in counts.items() if len(set(map(person, pair))) == 1]
    different = [n for pair, n in counts.items() if len(set(map(person, pair))) == 2]
    assert len(same) == 12
    assert len(different) == 16
    # 800 draws over 12 or 16 pairs: 67 and 50 each, with standard deviations of 8 and 7.
    assert max(abs(n - 800 / 12) for n in same) < 32
    assert max(abs(n - 800 / 16) for n in different) < 28


def test_copies_are_one_photo_and_belong_to_one_person():
    paths, labels = folder([4, 3, 3])
    copies = [("p0/0.jpg", "p0/1.jpg", "p0/2.jpg"), ("p1/0.jpg", "p2/0.jpg"), ("x/1.jpg", "x/2")]
    pairs = make_pairs(paths, labels, 1, 3, seed=0, duplicates=copies)
    used = {*pairs.first, *pairs.second}
    assert used <= {"p0/0.jpg", "p0/3.jpg", "p1/1.jpg", "p1/2.jpg", "p2/1.jpg", "p2/2.jpg"}
    check(pairs, 1, 3)
    with pytest.raises(PairsError, match="at most 3 of each"):
        make_pairs(paths, labels, 1, 4, seed=0, duplicates=copies)


def test_from_faces_to_a_file_and_back(tmp_path):
    paths, labels = folder([3] * 6)
    faces = Faces(
        images=np.zeros((18, 1, 1, 1), np.uint8),
        labels=np.array(labels),
        people=tuple("abcdef"),
        paths=tuple(paths),
    )
    pairs = make_pairs(faces.paths, faces.labels, 3, 2, 0, faces.duplicates)
    write_pairs(tmp_path / "pairs.txt", pairs)
    assert read_pairs(tmp_path / "pairs.txt") == pairs


def test_many_people_need_no_list_of_all_couples():
    pairs = make_pairs(*folder([2] * 100_000), 1, 50, seed=0)  # 5e9 couples
    check(pairs, 1, 50)


def test_couples_are_counted_up_without_gaps():
    assert [_couple(t) for t in range(6)] == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    assert _couple(10**15 * (10**15 - 1) // 2 - 1) == (10**15 - 2, 10**15 - 1)


@pytest.mark.parametrize(
    ("paths", "labels", "folds", "per_fold", "message"),
    [
        (["a", "b"], [0], 1, 1, r"got 2 paths, 2 of them distinct, and labels of shape \(1,\)"),
        (["a", "a"], [0, 1], 1, 1, "got 2 paths, 1 of them distinct"),
        (["a", "b"], [0, 1], 0, 1, "at least 1, got 0 and 1"),
        (["a", "b"], [0, 1], 1, 0, "at least 1, got 1 and 0"),
    ],
)
def test_unusable_arguments_are_refused_in_words(paths, labels, folds, per_fold, message):
    with pytest.raises(ValueError, match=message):
        make_pairs(paths, labels, folds, per_fold, 0)
