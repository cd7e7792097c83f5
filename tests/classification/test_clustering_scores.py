"""clustering_scores.py against the definitions over faces and pairs, one by one."""

import doctest
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from minifacenet.classification import clustering_scores
from minifacenet.classification.clustering import cluster
from minifacenet.classification.clustering_scores import adjusted_rand, bcubed, pairwise

faces = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=1, max_size=25)


def together(labels, i, j):
    """Do two faces share a group? Noise shares none."""
    return i == j or labels[i] == labels[j] != -1


def harmonic(precision, recall):
    return 2 / (1 / precision + 1 / recall) if precision and recall else 0


@given(faces)
def test_bcubed_asks_every_face(pairs):
    labels, people = zip(*pairs, strict=True)
    everyone = range(len(labels))
    precisions, recalls = [], []
    for i in everyone:
        group = [j for j in everyone if together(labels, i, j)]
        person = [j for j in everyone if people[i] == people[j]]
        both = len(set(group) & set(person))
        precisions.append(both / len(group))
        recalls.append(both / len(person))
    precision, recall = np.mean(precisions), np.mean(recalls)
    expected = (precision, recall, harmonic(precision, recall))
    assert bcubed(labels, people) == pytest.approx(expected, abs=1e-12)


@given(faces)
def test_pairwise_asks_every_pair(pairs):
    labels, people = zip(*pairs, strict=True)
    both = list(itertools.combinations(range(len(labels)), 2))
    said = [people[i] == people[j] for i, j in both if together(labels, i, j)]
    true = [together(labels, i, j) for i, j in both if people[i] == people[j]]
    precision = np.mean(said) if said else 1
    recall = np.mean(true) if true else 1
    expected = (precision, recall, harmonic(precision, recall))
    assert pairwise(labels, people) == pytest.approx(expected, abs=1e-12)


@given(faces)
def test_adjusted_rand_counts_each_noise_face_as_a_group(pairs):
    labels, people = zip(*pairs, strict=True)
    groups = [100 + i if label == -1 else label for i, label in enumerate(labels)]
    assert adjusted_rand(labels, people) == adjusted_rand_score(people, groups)


def test_the_examples_of_the_docstring_hold():
    failed, tried = doctest.testmod(clustering_scores)
    assert (failed, tried) == (0, 5)


@pytest.mark.parametrize("score", [bcubed, pairwise])
def test_the_extremes(score):
    people = np.array(["a", "a", "b", "b"])
    assert score([7, 7, 3, 3], people) == (1, 1, 1)  # the numbers of groups mean nothing
    precision, recall, _ = score([0, 0, 0, 0], people)
    assert (precision < 0.6, recall) == (True, 1)
    for alone in ([0, 1, 2, 3], [-1, -1, -1, -1]):
        precision, recall, _ = score(alone, people)
        assert (precision, recall < 0.6) == (1, True)


def test_no_pair_said_and_none_to_find():
    assert pairwise([0, 1], ["a", "a"]) == (1, 0, 0)
    assert pairwise([0, 0], ["a", "b"]) == (0, 1, 0)
    assert pairwise([0, 1], ["a", "b"]) == (1, 1, 1)


def test_inputs_stay_as_they_are():
    labels, people = np.array([0, -1, -1, 1]), np.array([0, 0, 1, 1])
    for score in (bcubed, pairwise, adjusted_rand):
        score(labels, people)
    assert labels.tolist() == [0, -1, -1, 1]
    assert people.tolist() == [0, 0, 1, 1]


def test_random_labels_score_chance():
    """Large random groups hold a person as often as the whole collection does."""
    rng = np.random.default_rng(0)
    people, labels = rng.integers(10, size=50_000), rng.integers(5, size=50_000)
    assert adjusted_rand(labels, people) == pytest.approx(0, abs=1e-3)
    for score in (bcubed, pairwise):
        precision, recall, _ = score(labels, people)
        assert precision == pytest.approx(1 / 10, abs=2e-3)
        assert recall == pytest.approx(1 / 5, abs=2e-3)


@pytest.mark.parametrize("distance", [1.5, 1.8, 2.0])
def test_random_embeddings_score_chance(distance):
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(1000, 32))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    people = np.arange(1000) % 10
    result = cluster(embeddings, distance)
    assert 1 < len(result.sizes) < 1000
    assert adjusted_rand(result.labels, people) == pytest.approx(0, abs=0.01)
    share = 99 / 999  # of all pairs, those of one person
    assert pairwise(result.labels, people).precision == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("score", [bcubed, pairwise, adjusted_rand])
@pytest.mark.parametrize(
    ("labels", "people", "message"),
    [
        ([0, 1], ["a"], r"one shape \(N,\), got \(2,\) and \(1,\)"),
        ([[0]], [["a"]], r"got \(1, 1\)"),
        ([], [], "no faces to score"),
        ([0.0, np.nan], ["a", "b"], "labels holds whole numbers, got dtype float64"),
        ([0, 1], [0.0, np.nan], "people holds whole numbers or strings, got dtype float64"),
        ([0, -3], ["a", "b"], "or -1 for noise, got -3 for face 1"),
    ],
)
def test_unusable_labels_are_refused_in_words(score, labels, people, message):
    with pytest.raises(ValueError, match=message):
        score(labels, people)
