import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.experiment.scores import score_naming, score_pairs
from minifacenet.training.selection import cross_score, longest_within_error, validation_score
from minifacenet.training.splits import ProtocolError, split_people, split_photos

labels_of = st.lists(st.integers(0, 7), min_size=1, max_size=60).map(np.array)


@given(labels_of, st.floats(0.1, 0.9))
def test_photos_are_split_within_each_person(labels, share):
    split = split_photos(labels, share, np.random.default_rng(0))
    np.testing.assert_array_equal(
        np.sort(np.concatenate([split.train, split.test])), np.arange(len(labels))
    )
    for person in np.unique(labels):
        total, train = (labels == person).sum(), (labels[split.train] == person).sum()
        assert train >= 1
        assert total == 1 or train < total
        assert abs(train - share * total) <= 1


def test_half_of_ten_is_five_and_the_seed_decides():
    labels = np.repeat(np.arange(40), 10)
    splits = [split_photos(labels, 0.5, np.random.default_rng(seed)).train for seed in (0, 0, 1)]
    assert (np.bincount(labels[splits[0]]) == 5).all()
    np.testing.assert_array_equal(splits[0], splits[1])
    assert (splits[0] != splits[2]).any()


@given(labels_of)
def test_people_are_split_whole(labels):
    _, counts = np.unique(labels, return_counts=True)
    if (counts >= 2).sum() < 4:
        with pytest.raises(ProtocolError, match="at least 4 people"):
            split_people(labels, 0.25, np.random.default_rng(0))
        return
    split = split_people(labels, 0.25, np.random.default_rng(0))
    train, test = set(labels[split.train]), set(labels[split.test])
    assert not train & test
    assert len(split.train) + len(split.test) == len(labels)
    assert len(test) >= 2
    assert (np.bincount(labels[split.train]) >= 2).sum() >= 2  # there is something to train on
    assert np.bincount(labels[split.test])[list(test)].min() >= 2  # and something to verify


def test_a_quarter_of_forty_are_ten():
    labels = np.repeat(np.arange(40), 10)
    assert len(split_people(labels, 0.25, np.random.default_rng(0)).test) == 100


def test_the_share_is_one_of_the_people_who_have_pairs():
    labels = np.concatenate([np.repeat(np.arange(20), 2), np.arange(20, 100)])
    split = split_people(labels, 0.25, np.random.default_rng(0))
    assert len(np.unique(labels[split.test])) == 5  # of twenty, not of a hundred


def test_who_has_far_more_photos_than_others_trains():
    labels = np.repeat(np.arange(8), [2, 2, 2, 2, 2, 3, 20, 21])  # the median is 2
    for seed in range(20):
        test = labels[split_people(labels, 0.5, np.random.default_rng(seed)).test]
        assert 7 not in test
    everybody = [split_people(labels, 0.5, np.random.default_rng(seed)).test for seed in range(20)]
    assert any(6 in labels[test] for test in everybody)  # ten times the median is not more


def test_older_trainings_hold_out_a_share_of_all_people():
    labels = np.concatenate([np.repeat(np.arange(20), 2), np.arange(20, 60), np.repeat(60, 99)])
    test = labels[split_people(labels, 0.25, np.random.default_rng(0), "people").test]
    drawn = np.random.default_rng(0).choice([*range(20), 60], 15, replace=False)  # of 61 people
    assert set(test) == set(drawn)


def test_naming_and_pairs_of_clear_clusters():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 6)
    vectors = np.eye(8)[labels] + 0.05 * rng.standard_normal((24, 8))
    accuracy, answers = score_naming(vectors[::2], labels[::2], vectors[1::2], labels[1::2])
    assert accuracy == 1
    np.testing.assert_array_equal(answers, labels[1::2])
    assert score_pairs(vectors, labels).auc == 1


def test_the_held_out_score_leaves_out_pairs_of_training_photos():
    # two people; the training photos are told apart wrongly, those held out rightly
    vectors = np.array([[0.0], [9.0], [8.9], [0.1], [0.05], [8.95]])
    labels = np.array([0, 0, 1, 1, 0, 1])
    held_out = np.array([0, 0, 0, 0, 1, 1], bool)
    distances = (vectors - vectors.T) ** 2
    pairs = [(i, j) for i in range(6) for j in range(i) if held_out[i] or held_out[j]]
    same = [distances[p] for p in pairs if labels[p[0]] == labels[p[1]]]
    different = [distances[p] for p in pairs if labels[p[0]] != labels[p[1]]]
    expected = np.mean([(s < d) + 0.5 * (s == d) for s in same for d in different])
    assert validation_score(vectors, labels, held_out)[0] == pytest.approx(expected)


def test_the_standard_error_is_the_jackknifes_over_people():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), 4)
    vectors = np.eye(5)[labels] + 0.6 * rng.standard_normal((20, 5))
    everyone = np.ones(20, bool)
    without = [
        score_pairs(vectors[labels != person], labels[labels != person]).auc for person in range(5)
    ]
    expected = np.sqrt(4 / 5 * ((without - np.mean(without)) ** 2).sum())
    auc, error = validation_score(vectors, labels, everyone)
    assert auc == pytest.approx(score_pairs(vectors, labels).auc)
    assert error == pytest.approx(expected)
    assert error > 0


def test_across_two_networks_a_photo_meets_all_but_itself():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 3)
    probes, gallery = rng.standard_normal((2, 12, 5))
    pairs = [(i, j) for i in range(12) for j in range(12) if i != j]
    expected = [((probes[i] - gallery[j]) ** 2).sum() for i, j in pairs]
    seen = []

    def measure(distances, same):
        seen.append((distances, same))
        return float(len(same))

    score, error = cross_score(probes, gallery, labels, measure)
    assert (score, error) == (132, 0)  # 12 x 11 pairs, and of three people always 9 x 8
    distances, same = seen[-1]
    np.testing.assert_allclose(distances, expected)
    np.testing.assert_array_equal(same, [labels[i] == labels[j] for i, j in pairs])
    assert {len(same) for _, same in seen[:-1]} == {72}


def test_two_people_give_an_auc_without_an_error():
    labels = np.repeat([0, 1], 2)
    score, error = validation_score(np.eye(2)[labels], labels, np.ones(4, bool))
    assert score == 1
    assert np.isnan(error)


def test_the_longest_of_equally_good_trainings_is_taken():
    scores = [(25, 0.98, 0.01), (50, 0.99, 0.004), (75, 0.987, 0.1), (100, 0.985, 0.1)]
    assert longest_within_error(scores) == 75
    assert longest_within_error([(10, 0.9, 0.0), (20, 0.8, 0.0)]) == 10
