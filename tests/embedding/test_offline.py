from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.mining import LISTED_RULES, mine
from minifacenet.embedding.offline import mine_offline, take


class Flat:
    """A 'network' whose embedding is the photo: 1 x 1 pixels of two channels."""

    device = "cpu"

    def forward(self, x, train=False):
        assert not train
        return x.reshape(len(x), -1)


@pytest.fixture
def faces():
    rng = np.random.default_rng(1)
    return SimpleNamespace(
        images=rng.integers(0, 256, (50, 1, 1, 2), dtype=np.uint8), labels=rng.integers(0, 9, 50)
    )


@pytest.mark.parametrize("rule", LISTED_RULES)
def test_over_everybody_it_is_the_rule_itself(faces, rule):
    queue = mine_offline(Flat(), faces, 10_000, 0.2, rule, np.random.default_rng(0))
    vectors = faces.images.reshape(50, 2).astype(np.float32) / np.float32(127.5) - 1
    order = np.random.default_rng(0)
    order.permutation(np.unique(faces.labels))
    people = np.concatenate(
        [np.flatnonzero(faces.labels == p) for p in np.random.default_rng(0).permutation(9)]
    )
    triplets = mine(squared_distances(vectors[people]), faces.labels[people], 0.2, rule, order)
    expected = people[np.stack(triplets, axis=1)]
    assert len(queue) > 20
    assert sorted(map(tuple, queue)) == sorted(map(tuple, expected))
    assert list(map(tuple, queue)) != list(map(tuple, expected))  # in random order


def test_a_subset_is_made_of_whole_people(faces):
    queue = mine_offline(Flat(), faces, 12, 4.0, "semi-hard", np.random.default_rng(0))
    people = np.unique(faces.labels[queue])
    counts = np.array([(faces.labels == person).sum() for person in people])
    assert 2 <= len(people) <= 4
    assert counts.sum() - counts.min() < 12 + counts.max()


def test_a_subset_has_two_people_however_small_it_is(faces):
    for seed in range(5):
        queue = mine_offline(Flat(), faces, 3, 0.2, "hardest", np.random.default_rng(seed))
        assert len(np.unique(faces.labels[queue])) == 2


def test_nothing_to_find_is_an_empty_queue(faces):
    queue = mine_offline(Flat(), faces, 50, 1e-12, "semi-hard", np.random.default_rng(0))
    assert queue.shape == (0, 3)


@given(st.integers(1, 30), st.integers(1, 40))
def test_a_batch_holds_what_its_triplets_need(triplets, photos):
    queue = np.random.default_rng(0).integers(0, 25, (triplets, 3))
    batch, taken, rest = take(queue, photos)
    assert len(np.unique(batch)) == len(batch) <= max(3, photos)
    named = np.stack([batch[positions] for positions in taken], axis=1)
    np.testing.assert_array_equal(np.concatenate([named, rest]), queue)
