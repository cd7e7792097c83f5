"""Spoilt faces and vectors, the pairs that are judged, and what the errors say."""

import numpy as np
import pytest

from minifacenet.classification.pair_photos import FoundPairs
from minifacenet.classification.verification import pair_distances
from minifacenet.classification.verification_scores import auc
from minifacenet.embedding.quantise import quantise
from minifacenet.study.bits import with_fewer_bits
from minifacenet.study.figure import Figure
from minifacenet.study.jpeg import as_jpeg
from minifacenet.study.pairs import StudyPairs
from minifacenet.study.paper import PAPER
from minifacenet.study.pixels import sides_below, with_fewer_pixels
from minifacenet.study.spoiling import SPOILINGS, study
from minifacenet.training.selection import validation_score


def found_pairs(first, second, same, fold, paths):
    first, second = np.array(first), np.array(second)
    return FoundPairs(tuple(paths), first, second, np.array(same), np.array(fold), (), 0, ())


@pytest.fixture
def vectors():
    """Sixty unit vectors of twelve people, five each, which overlap a little."""
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(12, 16)), 5, axis=0) + rng.normal(size=(60, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


LABELS = np.repeat(np.arange(12), 5)


@pytest.mark.parametrize("spoil", [as_jpeg, with_fewer_pixels])
@pytest.mark.parametrize("channels", [1, 3])
def test_faces_are_spoilt_more_by_less_and_colours_stay_where_they_are(spoil, channels):
    ramp = np.linspace(0, 255, 32).astype(np.uint8)
    photo = np.stack([np.add.outer(ramp // 2, ramp // 2), np.full((32, 32), 200)] * 2, axis=2)
    photos = np.array([photo[:, :, :channels]], np.uint8)
    photos += np.random.default_rng(0).integers(0, 40, photos.shape, np.uint8)
    kept = photos.copy()
    coarse, fine = spoil(photos, 4), spoil(photos, 24)
    off = [np.abs(one.astype(float) - photos).mean() for one in (coarse, fine)]
    assert off[0] > off[1] > 0
    assert coarse.shape == fine.shape == photos.shape
    assert np.abs(fine.mean(axis=(1, 2)) - photos.mean(axis=(1, 2))).max() < 4
    np.testing.assert_array_equal(photos, kept)


def test_the_usual_sides_are_the_papers_pixels_below_the_networks_own():
    assert sides_below(96) == (20, 40, 80)
    assert sides_below(150) == (20, 40, 80, 120)
    assert {side**2 for side in PAPER["pixels"].val} == {1600, 6400, 14400, 25600, 65536}


def test_fewer_bits_are_fewer_values_and_worse_and_eight_are_the_papers(vectors):
    np.testing.assert_array_equal(with_fewer_bits(vectors, 8), quantise(vectors, "global").vectors)
    off = []
    for bits in (1, 2, 4):
        rounded = with_fewer_bits(vectors, bits)
        assert rounded.dtype == np.float32
        assert len(np.unique(rounded)) <= 2**bits
        off.append(np.square(rounded - vectors).mean())
    assert off[0] > off[1] > off[2] > np.square(with_fewer_bits(vectors, 8) - vectors).mean()
    np.testing.assert_array_equal(with_fewer_bits(vectors, 1) > 0, vectors >= 0)
    # Of Gaussian numbers the best single bit leaves 1 - 2 / pi of the variance (Max, 1960).
    gaussian = np.random.default_rng(1).normal(size=(100, 100)).astype(np.float32)
    left = np.square(with_fewer_bits(gaussian, 1) - gaussian).mean()
    assert left == pytest.approx(1 - 2 / np.pi, abs=0.02)


def test_errors_of_folds_and_of_the_jackknife_and_of_a_ratio():
    parts = np.array([0.7, 0.9, 0.8])
    assert Figure(0.8, parts).error == pytest.approx(0.1 / np.sqrt(3))
    # Of a mean, the jackknife is the standard error of the mean.
    values = np.array([1.0, 2.0, 4.0, 9.0])
    without = (values.sum() - values) / 3
    jackknife = Figure(4.0, without, left_out=True)
    assert jackknife.error == pytest.approx(values.std(ddof=1) / 2)
    assert jackknife.over(jackknife).error == 0
    half = Figure(2.0, without / 2, left_out=True)
    assert half.over(jackknife).value == 0.5
    assert half.over(jackknife).error == pytest.approx(0)
    assert np.isnan(Figure(0.8, parts[:1]).error)
    assert np.isnan(Figure(0.8, parts).over(Figure(0.0, parts)).value)


def test_all_pairs_are_judged_with_the_jackknife_over_people_as_trainings_are(vectors):
    pairs = StudyPairs(LABELS)
    assert pairs.counts == (120, 1650)
    assert pairs.targets == (0.1, 0.01)
    figures = pairs.figures(vectors)
    assert [*figures] == ["balanced_accuracy", "auc", "val_at_far_0.1", "val_at_far_0.01"]
    value, error = validation_score(vectors, LABELS, np.ones(60, bool))
    assert (figures["auc"].value, figures["auc"].error) == pytest.approx((value, error))


def test_many_people_are_left_out_in_groups():
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(140, 8)), np.repeat(np.arange(70), 2)
    pairs = StudyPairs(labels)
    assert len(pairs.figures(vectors)["auc"].parts) == 10
    assert "70 people in 10 groups" in pairs.error_from


def test_a_list_without_folds_is_the_same_as_its_pairs(vectors):
    first, second = np.triu_indices(60, k=1)
    paths = [f"p{label:02}/{i}.jpg" for i, label in enumerate(LABELS)]
    found = found_pairs(first, second, LABELS[first] == LABELS[second], 0 * first + 1, paths)
    listed, whole = StudyPairs.of_list(found), StudyPairs(LABELS)
    assert listed.counts == whole.counts
    for name, figure in whole.figures(vectors).items():
        other = listed.figures(vectors)[name]
        assert (figure.value, figure.error) == pytest.approx((other.value, other.error))


def test_people_of_photos_in_one_folder_are_those_that_the_list_joins():
    found = found_pairs([0, 1, 3], [1, 2, 0], [True, True, False], [1] * 3, "abcd")
    people = StudyPairs.of_list(found).people
    assert people[0] == people[1] == people[2] != people[3]


def test_folds_give_the_error_and_a_threshold_from_the_others(vectors):
    rng = np.random.default_rng(0)
    first, second = np.triu_indices(60, k=1)
    fold = rng.integers(1, 5, len(first))
    paths = [f"p{label:02}/{i}.jpg" for i, label in enumerate(LABELS)]
    found = found_pairs(first, second, LABELS[first] == LABELS[second], fold, paths)
    pairs = StudyPairs.of_list(found)
    figures = pairs.figures(vectors)
    assert "accuracy" in figures
    distances, same = pair_distances(vectors, LABELS)
    areas = [auc(distances[fold == n], same[fold == n]) for n in range(1, 5)]
    np.testing.assert_allclose(figures["auc"].parts, areas)
    assert figures["auc"].error == pytest.approx(np.std(areas, ddof=1) / 2)
    assert pairs.deciding < pairs.counts[1]
    assert "over 4 folds" in pairs.error_from


def test_too_few_pairs_are_an_error_with_what_it_takes():
    with pytest.raises(ValueError, match=r"too few pairs: 2 pairs of one person and 4 of two.* 20"):
        _ = StudyPairs(np.array([0, 0, 1, 1])).targets


class Blur:
    """Stands for a network: an embedding is what the face looks like from far off."""

    def __init__(self):
        self.seen = 0

    def transform(self, faces):
        self.seen += len(faces)
        small = faces[:, ::4, ::4, 0].reshape(len(faces), -1).astype(np.float32) - 128
        return small / np.linalg.norm(small, axis=1, keepdims=True)


@pytest.fixture
def faces():
    rng = np.random.default_rng(0)
    patterns = np.repeat(rng.integers(60, 196, (12, 32, 32, 1)), 5, axis=0)
    return (patterns + rng.integers(-60, 60, patterns.shape)).astype(np.uint8)


@pytest.mark.parametrize(("name", "settings"), [("jpeg", (5, 50)), ("pixels", (4, 16))])
def test_a_study_has_a_row_a_setting_and_ends_with_the_faces_as_they_are(faces, name, settings):
    network, told, pairs = Blur(), [], StudyPairs(LABELS)
    result = study(
        SPOILINGS[name], faces, network, pairs, settings[::-1], lambda *tell: told.append(tell)
    )
    assert [row.setting for row in result.rows] == [*settings, None]
    whole = pairs.figures(Blur().transform(faces))
    assert result.rows[-1].figures["auc"].value == whole["auc"].value
    assert result.rows[0].figures["auc"].value < result.rows[-1].figures["auc"].value
    assert network.seen == told[-1][0] == told[-1][1] == 180
    assert max(result.share(row).value for row in result.rows) == 1
    header, table = result.table()
    assert all(len(row) == len(header) for row in table)


def test_a_study_of_bits_embeds_once_and_knows_the_bytes(faces):
    network = Blur()
    result = study(SPOILINGS["quantise"], faces, network, StudyPairs(LABELS), (1, 8))
    assert network.seen == 60
    assert [(row.label, row.detail) for row in result.rows] == [
        ("1", "8"), ("8", "64"), ("32, float", "256"),
    ]  # fmt: skip
    assert [result.paper_share(row) for row in result.rows] == [None, 1.0, None]


@pytest.mark.parametrize(
    ("name", "wrong", "says"),
    [
        ("jpeg", 0, "from 1 to 100, got 0"),
        ("jpeg", 101, "from 1 to 100, got 101"),
        ("pixels", 32, "from 1 to 31.*got 32"),
        ("quantise", 16, "1 to 8 bits, got 16"),
    ],
)
def test_a_setting_that_there_is_not_is_refused_before_the_work(faces, name, wrong, says):
    network = Blur()
    with pytest.raises(ValueError, match=says):
        study(SPOILINGS[name], faces, network, StudyPairs(LABELS), (2, wrong))
    assert network.seen == 0
