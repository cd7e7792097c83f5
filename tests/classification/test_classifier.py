"""FaceClassifier: scikit-learn's own contract, and one source of truth for a name."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from minifacenet.classification import classifier as classifier_module
from minifacenet.classification.classifier import UNKNOWN, FaceClassifier
from minifacenet.classification.crowding import Crowding
from minifacenet.classification.identification import cross_validate


def faces(people=6, photos=5, spread=0.3, seed=0):
    """Unit vectors of shape (people * photos, 128), float32, in a compact group for each person."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(size=(people, 128)), photos, axis=0)
    rows = centres + spread * rng.normal(size=centres.shape)
    names = np.repeat([f"person {i}" for i in range(people)], photos)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), names


@parametrize_with_checks([FaceClassifier(), FaceClassifier(svm=False)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_names_new_photos_of_known_people():
    embeddings, names = faces(photos=10)
    classifier = FaceClassifier().fit(embeddings[::2], names[::2])
    assert classifier.score(embeddings[1::2], names[1::2]) == 1
    assert classifier.classes_.tolist() == sorted(set(names))
    assert classifier.n_features_in_ == 128
    assert classifier.coef_.shape == (6, 128)
    assert classifier.intercept_.shape == (6,)


@pytest.mark.parametrize("spread", [0.3, 3.0])
def test_the_name_is_the_largest_score(spread):
    embeddings, names = faces(spread=spread)
    classifier = FaceClassifier().fit(embeddings, names)
    strangers, _ = faces(people=20, spread=spread, seed=1)
    scores = classifier.decision_function(strangers)
    assert scores.shape == (100, 6)
    expected = classifier.classes_[scores.argmax(axis=1)]
    np.testing.assert_array_equal(classifier.predict(strangers), expected)


def test_two_people_share_one_score():
    embeddings, names = faces(people=2)
    classifier = FaceClassifier().fit(embeddings, names)
    scores = classifier.decision_function(embeddings)
    assert scores.shape == (10,)
    np.testing.assert_array_equal(scores > 0, names == "person 1")
    np.testing.assert_array_equal(classifier.predict(embeddings), names)


def test_the_score_is_the_formula():
    embeddings, names = faces()
    classifier = FaceClassifier().fit(embeddings, names)
    person = classifier.classes_.tolist().index("person 3")
    score = classifier.coef_[person] @ embeddings[0] + classifier.intercept_[person]
    assert classifier.decision_function(embeddings[:1])[0, person] == pytest.approx(score)


def test_labels_may_be_integers_with_gaps():
    embeddings, _ = faces(people=3)
    labels = np.repeat([40, 7, 12], 5)
    np.testing.assert_array_equal(
        FaceClassifier().fit(embeddings, labels).predict(embeddings), labels
    )


@pytest.mark.parametrize("people", [2, 40])  # fewer and more photos than the 128 dimensions
def test_two_fits_are_equal(people):
    embeddings, names = faces(people=people, spread=2.0)
    first, second = (FaceClassifier().fit(embeddings, names) for _ in range(2))
    np.testing.assert_array_equal(first.coef_, second.coef_)
    np.testing.assert_array_equal(first.intercept_, second.intercept_)


@pytest.mark.filterwarnings("error")
def test_one_photo_a_person_is_enough():
    embeddings, names = faces(photos=1)
    assert FaceClassifier().fit(embeddings, names).score(embeddings, names) == 1


def test_one_person_alone_is_a_matter_of_verification():
    embeddings, names = faces(people=1)
    with pytest.raises(ValueError, match=r"one class only, 'person 0'.*Give a threshold"):
        FaceClassifier().fit(embeddings, names)
    classifier = FaceClassifier(threshold=0.5).fit(embeddings, names)
    strangers, _ = faces(people=3, seed=1)
    assert set(classifier.predict(embeddings)) == {"person 0"}
    assert set(classifier.predict(strangers)) == {UNKNOWN}
    answers = classifier.answers(strangers)
    assert (answers.runner_up == -1).all()
    assert np.isnan(answers.runner_up_distance).all()


@pytest.mark.parametrize("people", [1, 2, 6])
def test_the_gate_is_the_distance_to_the_mean_direction(people):
    embeddings, names = faces(people=people)
    asked = np.concatenate([embeddings, faces(people=9, seed=1)[0]])
    classifier = FaceClassifier(threshold=0.5).fit(embeddings, names)
    answers = classifier.answers(asked)
    everyone = FaceClassifier(threshold=4.0).fit(embeddings, names).predict(asked)
    for i in range(len(asked)):
        mean = embeddings[names == everyone[i]].mean(axis=0)
        distance = ((asked[i] - mean / np.linalg.norm(mean)) ** 2).sum()
        assert answers.distance[i] == pytest.approx(distance, rel=1e-5)
        assert answers.known[i] == (distance <= 0.5)
        assert classifier.predict(asked[i : i + 1])[0] == (
            everyone[i] if distance <= 0.5 else UNKNOWN
        )
    assert answers.known.tolist() == [True] * len(embeddings) + [False] * 45


def test_the_runner_up_has_the_second_score():
    embeddings, names = faces(spread=1.0)
    classifier = FaceClassifier(threshold=0.5).fit(embeddings, names)
    order = np.argsort(-classifier.decision_function(embeddings), axis=1)
    answers = classifier.answers(embeddings)
    np.testing.assert_array_equal(answers.person, order[:, 0])
    np.testing.assert_array_equal(answers.runner_up, order[:, 1])
    two = FaceClassifier().fit(embeddings[:10], names[:10]).answers(embeddings[:10])
    np.testing.assert_array_equal(two.person, np.repeat([0, 1], 5))
    np.testing.assert_array_equal(two.runner_up, np.repeat([1, 0], 5))


def test_strangers_among_numbers_are_minus_one():
    embeddings, _ = faces(people=2)
    classifier = FaceClassifier(threshold=0.5).fit(embeddings, np.repeat([3, 8], 5))
    assert set(classifier.predict(faces(people=3, seed=1)[0])) == {-1}


@pytest.mark.parametrize("dtype", [*np.typecodes["AllInteger"], *"fd"])
def test_a_stranger_is_never_a_person_of_a_number(dtype):
    """-1 is 255 in uint8, and somebody may bear that number."""
    embeddings, _ = faces(people=3)
    dtype = np.dtype(dtype)
    largest = 2**20 if dtype.kind == "f" else min(np.iinfo(dtype).max, 2**63 - 1)
    numbers = np.repeat(np.array([0, 9, largest], dtype), 5)
    classifier = FaceClassifier(threshold=0.5).fit(embeddings, numbers)
    np.testing.assert_array_equal(classifier.predict(embeddings), numbers)
    answers = classifier.predict(np.concatenate([embeddings, faces(people=3, seed=1)[0]]))
    np.testing.assert_array_equal(answers[:15], numbers)
    assert (answers[15:] == -1).all()
    assert classifier.score(embeddings, numbers) == 1


def test_numbers_that_no_signed_type_holds_are_refused():
    with pytest.raises(ValueError, match=r"up to 2\*\*63 - 1, got 9223372036854775809"):
        FaceClassifier().fit(np.eye(2), np.array([1, 2**63 + 1], np.uint64))


@pytest.mark.parametrize("threshold", [None, 0.5])
@pytest.mark.parametrize("people", [[True, False], np.array(["2020", "2021"], "datetime64[D]")])
def test_labels_without_a_place_for_strangers_are_refused(people, threshold):
    """A gate may be set after `fit`, so without one too."""
    with pytest.raises(ValueError, match="people are strings or whole numbers, got dtype"):
        FaceClassifier(threshold=threshold).fit(np.eye(2), people)


@pytest.mark.parametrize("dtype", [str, object, "T"])
def test_strings_of_all_kinds_are_names(dtype):
    if dtype == "T":
        dtype = pytest.importorskip("numpy", "2.0").dtypes.StringDType()
    embeddings, names = faces(people=3)
    asked = np.concatenate([embeddings, faces(people=2, seed=1)[0]])
    answers = FaceClassifier(threshold=0.5).fit(embeddings, names.astype(dtype)).predict(asked)
    assert answers.tolist() == [*names, *[UNKNOWN] * 10]


@pytest.mark.parametrize("threshold", [np.nan, np.inf, -1, -5e-324, 9, "0.5", True, [0.5]])
def test_a_threshold_is_a_distance(threshold):
    embeddings, names = faces(people=2)
    message = "threshold is a squared L2 distance, a number from 0 to 4, got"
    with pytest.raises(ValueError, match=message):
        FaceClassifier(threshold=threshold).fit(embeddings, names)
    classifier = FaceClassifier().fit(embeddings, names).set_params(threshold=threshold)
    with pytest.raises(ValueError, match=message):
        classifier.predict(embeddings)


@pytest.mark.parametrize("threshold", [0, 4, np.float32(0.5), np.int64(1)])
def test_a_threshold_may_be_of_any_number(threshold):
    FaceClassifier(threshold=threshold).fit(*faces(people=2))


def test_nobody_is_called_unknown():
    embeddings, names = faces(people=2)
    names[:5] = UNKNOWN
    with pytest.raises(ValueError, match="nobody can be called 'unknown'"):
        FaceClassifier(threshold=1.0).fit(embeddings, names)
    FaceClassifier().fit(embeddings, names)  # without a gate there is no stranger


def test_who_has_one_photo_is_named_beside_those_with_many():
    """Without weights, one photo on the wrong side costs an SVM of one against the rest little."""
    embeddings, names = faces(people=8, photos=30, spread=1.2)
    enrolled = np.concatenate([[30 * p + i for i in range((1, 12)[p % 2])] for p in range(8)])
    asked = np.setdiff1d(np.arange(len(names)), enrolled)
    namer = FaceClassifier().fit(embeddings[enrolled], names[enrolled])
    rare = np.isin(names[asked], [f"person {p}" for p in (0, 2, 4, 6)])
    right = namer.predict(embeddings[asked]) == names[asked]
    assert right[rare].mean() > 0.9
    assert right[~rare].mean() > 0.9


def test_a_gate_per_person_is_the_threshold_and_an_allowance():
    embeddings, names = faces(spread=1.0)
    crowding = Crowding((tuple(embeddings[0].tolist()),), share=0.5, usual=1.0)
    namer = FaceClassifier(threshold=0.9, crowding=crowding).fit(embeddings, names)
    from_it = np.square(namer.centroids_ - embeddings[0].astype(float)).sum(axis=1)
    np.testing.assert_allclose(namer.gates(), 0.9 + 0.5 * (from_it - 1.0), atol=1e-12)
    asked = faces(spread=1.2)[0]
    answers = namer.answers(asked)
    np.testing.assert_array_equal(answers.threshold, namer.gates()[answers.person])
    np.testing.assert_array_equal(answers.known, answers.distance <= answers.threshold)
    np.testing.assert_allclose(
        answers.normalised, answers.distance - 0.5 * (from_it[answers.person] - 1.0)
    )
    plain = FaceClassifier(threshold=0.9).fit(embeddings, names)
    np.testing.assert_array_equal(plain.answers(asked).person, answers.person)
    np.testing.assert_array_equal(plain.gates(), [0.9] * 6)
    assert (plain.answers(asked).known != answers.known).any()
    for threshold, bound in ((0, 0), (4, 4)):  # gates stay distances
        assert bound in namer.set_params(threshold=threshold).gates()
        assert ((namer.gates() >= 0) & (namer.gates() <= 4)).all()
    np.testing.assert_array_equal(namer.set_params(threshold=None).gates(), [np.inf] * 6)


def test_before_fit_there_are_no_names():
    with pytest.raises(NotFittedError):
        FaceClassifier().predict(np.zeros((1, 128)))


def test_embeddings_of_another_length_are_refused():
    classifier = FaceClassifier().fit(*faces())
    with pytest.raises(ValueError, match=r"64 features.*128 features"):
        classifier.predict(np.zeros((1, 64)))


def test_one_photo_each_is_no_regression():
    """Of 30 people; scikit-learn would warn, and a warning ends a test here."""
    embeddings, names = faces(people=30, photos=1)
    assert FaceClassifier(threshold=4.0).fit(embeddings, names).score(embeddings, names) == 1
    embeddings, names = np.r_[embeddings, embeddings[:4]], np.r_[names, names[:4]]
    checked = cross_validate(embeddings, names, 4.0, np.random.default_rng(0))
    assert checked.asked == 8


@pytest.mark.parametrize("people", [2, 6])
def test_without_an_svm_the_nearest_mean_gives_the_name(people):
    embeddings, names = faces(people, spread=2.0)
    asked, _ = faces(20, spread=2.0, seed=1)
    namer = FaceClassifier(threshold=1.9, svm=False).fit(embeddings, names)
    assert (namer.named_by, namer.coef_.shape, namer.intercept_.shape) == ("mean", (0, 128), (0,))
    gaps = ((asked[:, None].astype(np.float64) - namer.centroids_) ** 2).sum(axis=2)
    order = np.argsort(gaps, axis=1)
    answers = namer.answers(asked)
    np.testing.assert_array_equal(answers.person, order[:, 0])
    np.testing.assert_array_equal(answers.runner_up, order[:, 1])
    np.testing.assert_allclose(answers.distance, gaps.min(axis=1))
    np.testing.assert_array_equal(answers.known, answers.distance <= 1.9)
    assert 0 < answers.known.mean() < 1
    scores = namer.decision_function(asked)
    best = (scores > 0).astype(int) if people == 2 else scores.argmax(axis=1)
    np.testing.assert_array_equal(best, order[:, 0])
    expected = np.where(answers.known, namer.classes_[best], UNKNOWN)
    np.testing.assert_array_equal(namer.predict(asked), expected)


def test_many_people_need_no_svm(monkeypatch):
    embeddings, names = faces()
    assert FaceClassifier().fit(embeddings, names).named_by == "svm"
    monkeypatch.setattr(classifier_module, "MOST_FOR_SVM", 5)
    assert FaceClassifier().fit(embeddings, names).named_by == "mean"
    assert FaceClassifier(svm=True).fit(embeddings, names).named_by == "svm"


def test_vectors_too_long_for_a_mean_are_refused_and_get_no_direction_of_zeros():
    vectors = np.full((4, 3), 1e25, np.float32) * [[1], [1], [-1], [-1]]
    with pytest.raises(ValueError, match=r"up to 1e\+25 are too long for a mean in float32"):
        FaceClassifier().fit(vectors.astype(np.float32), ["a", "a", "b", "b"])
