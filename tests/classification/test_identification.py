import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from minifacenet.classification import identification
from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.crowding import Crowding
from minifacenet.classification.identification import (
    FAR_TARGETS,
    cross_validate,
    gate_by_strangers,
    gate_threshold,
    open_set,
    stranger_distances,
)
from tests.classification.test_classifier import faces

DISTANCES = st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0, 4.0]), min_size=1, max_size=12)


@settings(deadline=None)
@given(DISTANCES, st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 0.99, 1.0]))
def test_the_gate_is_the_largest_threshold_that_keeps_the_rate(distances, far):
    """Among the middles of all gaps, by trying every one; it is a threshold in any case."""
    distances = np.array(distances)
    threshold = gate_threshold(distances, far)
    FaceClassifier(threshold=threshold).fit(np.eye(2), [0, 1])
    if threshold > 0:  # whatever the gate, distance 0 is within
        assert (distances <= threshold).mean() <= far
    for larger in distances[distances > threshold]:
        assert (distances <= larger).mean() > far


@pytest.mark.parametrize(("usual", "stays"), [(2.0, True), (0.0, False)])
def test_strangers_who_set_a_gate_stay_out_where_it_would_lie_below_0(usual, stays):
    rows = np.eye(8)
    crowding = Crowding((tuple(rows[0].tolist()),), 1.0, usual)  # each allowance is 2 - usual
    near = rows[1:4] + 0.5 * rows[5]
    strangers = near / np.linalg.norm(near, axis=1, keepdims=True)
    gate, moved = gate_by_strangers(rows[1:4], [1, 2, 3], strangers, 0.0, crowding)
    assert (moved is crowding) == stays
    namer = FaceClassifier(threshold=gate, crowding=moved).fit(rows[1:4], [1, 2, 3])
    assert not namer.answers(strangers).known.any()
    assert namer.answers(rows[1:4]).known.all()


def test_a_gate_per_person_keeps_the_rate_and_moves_with_the_crowd():
    """Enrolled people and strangers are a crowd around a centre, or far from it and each other."""
    rng = np.random.default_rng(0)
    centre = np.eye(64)[0]

    def draw(spread):
        rows = centre + spread * rng.normal(size=(60, 64))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    enrolled, strangers = (np.concatenate([draw(0.05), draw(0.2)]) for _ in range(2))
    names = np.arange(120)
    crowded = names < 60

    def accepted(crowding):
        namer = FaceClassifier(threshold=4.0, crowding=crowding).fit(enrolled, names)
        gate = gate_threshold(namer.answers(strangers).normalised, 0.2)
        known = namer.set_params(threshold=gate).answers(strangers).known
        assert known.sum() == 24
        return known[crowded].mean(), known[~crowded].mean()

    one, each = accepted(None), accepted(Crowding((tuple(centre.tolist()),), 1.0, 0.5))
    assert one == (0.4, 0)  # all of them in the crowd
    assert each[1] > 0.1


def test_the_gate_of_no_strangers_or_no_rate_is_refused():
    with pytest.raises(ValueError, match="needs strangers, got none"):
        gate_threshold([], 0.1)
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        gate_threshold([0.1], 1.5)
    with pytest.raises(ValueError, match="NaN in 1 of 2 distances"):
        gate_threshold([0.1, np.nan], 0.1)


def test_dir_counts_nobody_where_a_stranger_lies_at_distance_0():
    """Rejecting that stranger rejects all, although no gate does so."""
    classifier = FaceClassifier(threshold=0.0).fit(np.eye(2), ["Ada", "Bob"])
    result = open_set(classifier, np.eye(2), ["Ada", "Bob"], np.eye(2))
    assert result.dir_at_far[0.01] == 0
    assert result.correct_name_rate == result.false_accept_rate == 1


def test_open_set_counts_every_probe_once():
    embeddings, names = faces(people=6, photos=10, spread=0.8)
    strangers, _ = faces(people=8, spread=0.8, seed=1)
    enrolled = FaceClassifier(threshold=0.5).fit(embeddings[::2], names[::2])
    result = open_set(enrolled, embeddings[1::2], names[1::2], strangers)
    named = enrolled.predict(embeddings[1::2])
    assert result.correct_name_rate == np.mean(named == names[1::2])
    assert result.rejected_rate == np.mean(named == "unknown") > 0
    assert result.correct_name_rate + result.misnamed_rate + result.rejected_rate == (
        pytest.approx(1)
    )
    assert result.false_accept_rate == np.mean(enrolled.predict(strangers) != "unknown")
    assert (result.enrolled_faces, result.stranger_faces) == (30, 40)
    json.dumps(result.as_dict(), allow_nan=False)
    assert set(result.as_dict()) >= {"dir_at_far_0.01", "dir_at_far_0.05", "false_accept_rate"}


def test_dir_is_the_correct_name_rate_at_the_threshold_that_the_strangers_set():
    embeddings, names = faces(people=6, photos=10, spread=1.5)
    strangers, _ = faces(people=20, spread=1.5, seed=1)
    free = FaceClassifier().fit(embeddings[::2], names[::2])
    rates = open_set(free, embeddings[1::2], names[1::2], strangers).dir_at_far
    for far in FAR_TARGETS:
        gate = gate_threshold(free.answers(strangers).distance, far)
        gated = FaceClassifier(threshold=gate).fit(embeddings[::2], names[::2])
        result = open_set(gated, embeddings[1::2], names[1::2], strangers)
        assert result.correct_name_rate == rates[far]
        assert result.false_accept_rate <= far
    assert rates[0.01] <= rates[0.05] <= rates[0.1]


def test_random_embeddings_are_chance():
    rng = np.random.default_rng(0)

    def draw(count):
        rows = rng.normal(size=(count, 128))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    people = np.arange(400) % 20
    enrolled = FaceClassifier().fit(draw(400), people)
    result = open_set(enrolled, draw(400), people, draw(400))
    assert result.correct_name_rate < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)
    assert result.dir_at_far[0.1] < 0.03
    gated = FaceClassifier(threshold=gate_threshold(enrolled.answers(draw(400)).distance, 0.1))
    result = open_set(gated.fit(draw(400), people), draw(400), people, draw(400))
    assert result.false_accept_rate == pytest.approx(0.1, abs=0.08)
    assert 1 - result.rejected_rate == pytest.approx(0.1, abs=0.08)


def test_nobody_to_ask_for_and_people_who_are_not_enrolled():
    embeddings, names = faces()
    enrolled = FaceClassifier().fit(embeddings, names)
    with pytest.raises(ValueError, match="'Ada' is not enrolled"):
        open_set(enrolled, embeddings[:1], ["Ada"], embeddings[:1])
    with pytest.raises(ValueError, match="got 30 of enrolled people and 0 of strangers"):
        open_set(enrolled, embeddings, names, embeddings[:0])


@pytest.mark.parametrize("people", [2, 3, 7])
def test_a_stranger_is_asked_for_where_he_is_not_enrolled(people):
    embeddings, names = faces(people=people, spread=0.5)
    distances = stranger_distances(embeddings, names, np.random.default_rng(0), folds=people)
    for i in range(len(names)):
        rest = names != names[i]
        alone = FaceClassifier(threshold=4.0).fit(embeddings[rest], names[rest])
        assert distances[i] == pytest.approx(alone.answers(embeddings[i : i + 1]).distance[0])
    with pytest.raises(ValueError, match="two people at least, got 1"):
        stranger_distances(embeddings, ["Ada"] * len(names), np.random.default_rng(0))


def test_cross_validation_asks_every_photo_where_it_is_not_enrolled():
    embeddings, names = faces(people=5, photos=7, spread=1.2)
    result = cross_validate(embeddings, names, 0.6, np.random.default_rng(0), folds=7)
    answers = []
    for i in range(len(names)):  # with 7 photos in 7 folds every other person loses one photo too
        rest = np.arange(len(names)) != i
        answers.append(FaceClassifier().fit(embeddings[rest], names[rest]).predict(embeddings[[i]]))
    assert result.asked == 35
    assert result.svm == pytest.approx(np.mean(np.concatenate(answers) == names), abs=0.1)
    assert 0.5 < result.nearest_mean <= 1
    assert 0.5 < result.neighbours <= 1
    assert 0 < result.rejected < 1
    free = cross_validate(embeddings, names, None, np.random.default_rng(0), folds=7)
    assert (free.svm, free.rejected) == (result.svm, 0)


def test_cross_validation_of_random_embeddings_is_chance():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 128))
    result = cross_validate(rows, np.arange(400) % 20, None, rng)
    for share in (result.svm, result.nearest_mean, result.neighbours):
        assert share < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)


def test_people_with_one_photo_are_enrolled_and_never_asked():
    embeddings, names = faces(photos=1)
    assert cross_validate(embeddings, names, None, np.random.default_rng(0)).asked == 0
    twice, who = np.concatenate([embeddings, embeddings[:1]]), np.append(names, names[0])
    result = cross_validate(twice, who, None, np.random.default_rng(0))
    assert (result.asked, result.svm) == (2, 1)


@pytest.mark.parametrize("far", [0.0, 0.025, 0.1])
def test_a_gate_keeps_its_rate_on_the_strangers_that_set_it(far):
    """Embeddings are float32: the nearest stranger must stay out at a rate of 0."""
    enrolled, names = faces(people=6)
    strangers, _ = faces(people=8, seed=1)
    free = FaceClassifier().fit(enrolled, names)
    gate = gate_threshold(free.answers(strangers).distance, far)
    gated = FaceClassifier(threshold=gate).fit(enrolled, names)
    assert gated.answers(strangers).known.sum() == int(far * 40)


def test_three_photos_vote_as_in_scikit_learn():
    rng = np.random.default_rng(0)
    vectors, asked = rng.normal(size=(80, 4)), rng.normal(size=(200, 4))
    names = rng.integers(0, 4, 80).astype(str)
    asked[0] = vectors[5]
    expected = KNeighborsClassifier(3, weights="distance").fit(vectors, names).predict(asked)
    np.testing.assert_array_equal(identification._voted(vectors, names, asked), expected)


def test_of_very_many_photos_some_are_asked(monkeypatch):
    monkeypatch.setattr(identification, "MOST_ASKED", 30)
    rng = np.random.default_rng(0)
    vectors, names = rng.normal(size=(60, 8)), np.repeat(np.arange(20), 3)
    found = stranger_distances(vectors, names, rng)
    assert found.shape == (30,)
    assert np.isfinite(found).all()
    assert cross_validate(vectors, names, None, rng).asked == 30


@pytest.mark.parametrize("seed", range(5))
def test_a_fold_of_which_nobody_is_drawn_is_passed_over(monkeypatch, seed):
    """Two people have two photos each, and all others one, or one person has nearly all."""
    monkeypatch.setattr(identification, "MOST_ASKED", 3)
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(60, 8))
    names = np.r_[0, 0, 1, 1, np.arange(2, 58)]
    assert cross_validate(vectors, names, None, rng).asked == 3
    for people in (names, np.r_[0, 1, np.full(58, 2)]):
        told = []
        found = stranger_distances(vectors, people, rng, progress=lambda *a, t=told: t.append(a))
        assert found.shape == (3,)
        assert np.isfinite(found).all()
        assert told[-1][0] == told[-1][1]


def test_cross_validation_without_an_svm():
    rng = np.random.default_rng(0)
    vectors, names = rng.normal(size=(60, 8)), np.repeat(np.arange(20), 3)
    found = cross_validate(vectors, names, None, rng, svm=False)
    assert np.isnan(found.svm)
    assert 0 <= found.nearest_mean <= 1
