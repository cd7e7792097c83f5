import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.embedding.batches import check_batch, sample_batch, to_input


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(1, 8), st.integers(1, 5))
def test_a_batch_holds_k_photos_of_p_people(labels, people, photos):
    labels = np.array(labels)
    batch = sample_batch(labels, people, photos, np.random.default_rng(0))
    chosen, counts = np.unique(labels[batch], return_counts=True)
    assert len(np.unique(batch)) == len(batch)  # no photo twice
    assert len(chosen) == min(people, len(np.unique(labels)))
    for person, count in zip(chosen, counts, strict=True):
        assert count == min(photos, (labels == person).sum())


def test_extra_negatives_are_other_people_one_photo_each():
    labels = np.repeat(np.arange(6), 4)
    batch = sample_batch(labels, 2, 3, np.random.default_rng(0), extra_negatives=3)
    people, counts = np.unique(labels[batch], return_counts=True)
    assert sorted(counts) == [1, 1, 1, 3, 3]
    assert len(people) == 5
    more = sample_batch(labels, 5, 3, np.random.default_rng(0), extra_negatives=9)
    assert len(more) == 16  # one person was left


def test_people_with_one_photo_are_drawn_only_where_others_are_missing():
    labels = np.repeat(np.arange(40), [1] * 30 + [2] * 10)
    for people, singles in ((6, 0), (10, 0), (14, 4)):
        drawn = labels[sample_batch(labels, people, 3, np.random.default_rng(0))]
        _, counts = np.unique(drawn, return_counts=True)
        assert len(counts) == people
        assert (counts == 1).sum() == singles
    extra = sample_batch(labels, 6, 3, np.random.default_rng(0), extra_negatives=25)
    assert len(extra) == 6 * 2 + 25


def test_everybody_is_drawn_where_a_single_photo_can_be_learned_from():
    labels, rng = np.repeat(np.arange(40), [1] * 30 + [2] * 10), np.random.default_rng(0)
    batches = [sample_batch(labels, 6, 2, rng, everybody=True) for _ in range(60)]
    assert {len(np.unique(labels[batch])) for batch in batches} == {6}
    assert set(np.concatenate(batches)) == set(range(50))


def test_without_extra_negatives_the_draws_stay_the_same():
    labels = np.repeat(np.arange(6), 4)
    rng = np.random.default_rng(0)
    sample_batch(labels, 2, 3, rng)
    twin = np.random.default_rng(0)
    people = twin.choice(np.arange(6), 2, replace=False)
    for person in people:
        twin.choice(np.flatnonzero(labels == person), 3, replace=False)
    assert rng.random() == twin.random()


def test_everybody_and_every_photo_has_its_turn():
    labels = np.repeat(np.arange(5), 3)
    rng = np.random.default_rng(0)
    seen = np.concatenate([sample_batch(labels, 2, 2, rng) for _ in range(60)])
    assert set(seen) == set(range(15))


def test_a_batch_that_cannot_be_names_those_that_can():
    labels = np.repeat([0, 1, 2], [5, 2, 5])
    check_batch(labels, 3, 5)
    check_batch(labels)
    check_batch([0, 0], 9, 9)  # one person: not a matter of the batch
    with pytest.raises(ValueError, match=r"4 people in a batch, but there are 3 .*take up to 3"):
        check_batch(labels, people=4)
    with pytest.raises(ValueError, match=r"6 photos .*more than 5.*take up to 5 \(2 people have 5"):
        check_batch(labels, photos=6)
    with pytest.raises(ValueError, match=r"4 people.*; 6 photos"):
        check_batch(labels, 4, 6)


def test_the_networks_input_is_float32_in_minus_one_to_one():
    x = to_input(np.array([0, 255], np.uint8))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, [-1, 1])
