"""The protocol in folds against its definition as loops, on chance, and on perfect distances."""

import json
import time
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.classification.folds import evaluate
from minifacenet.classification.verification_scores import verify

chance_is_fine = pytest.mark.filterwarnings("ignore:AUC")


def some_pairs(folds=10, per_fold=30, seed=0, gap=0.8):
    """Distances, same and folds 1, 2, ...; the two kinds overlap."""
    rng = np.random.default_rng(seed)
    same = np.tile(np.arange(2 * per_fold) < per_fold, folds)
    distances = np.clip(rng.normal(np.where(same, 1.0, 1.0 + gap), 0.4), 0, 4).round(2)
    return distances, same, np.repeat(np.arange(1, folds + 1), 2 * per_fold)


@st.composite
def folded_pairs(draw):
    """Few distances, so that ties are many; at least one pair of each kind in each fold."""
    levels = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 4.0])
    rows = []
    for fold in draw(st.lists(st.integers(-5, 99), min_size=2, max_size=5, unique=True)):
        for same in (True, False):
            rows += [(d, same, fold) for d in draw(st.lists(levels, min_size=1, max_size=6))]
    distances, same, folds = zip(*draw(st.permutations(rows)), strict=True)
    return np.array(distances), np.array(same), np.array(folds)


def brute_folds(distances, same, folds, target):
    """For each fold (accuracy, val, far): thresholds by trying every one on the other folds."""
    rows = []
    for fold in sorted(set(folds)):
        others, own = folds != fold, folds == fold
        observed = np.unique(distances[others])
        middles = (observed[1:] + observed[:-1]) / 2
        candidates = [-1.0, *middles, observed[-1]]
        right = [np.mean((distances[others] <= d) == same[others]) for d in candidates]
        best = candidates[int(np.argmax(right))]
        far = [np.mean(distances[others & ~same] <= d) for d in candidates]
        strict = max(d for d, rate in zip(candidates, far, strict=True) if rate <= target)
        rows.append(
            (
                np.mean((distances[own] <= best) == same[own]),
                np.mean(distances[own & same] <= strict),
                np.mean(distances[own & ~same] <= strict),
            )
        )
    return np.array(rows)


@chance_is_fine
@given(folded_pairs(), st.sampled_from([0.0, 0.1, 0.34, 1.0]))
def test_folds_equal_their_definition(pairs, target):
    # Half of the smallest distance, or -1: nothing is accepted either way, unless the fold has
    # smaller ones. So the smallest distance is in all folds.
    distances, same, folds = pairs
    extra = np.unique(folds)
    distances = np.concatenate([distances, np.zeros(len(extra))])
    same, folds = np.concatenate([same, extra >= 0]), np.concatenate([folds, extra])
    result = evaluate(distances, same, folds, [target])
    expected = brute_folds(distances, same, folds, target)
    got = [(f.accuracy, f.val_at_far[target].val, f.val_at_far[target].far) for f in result.folds]
    np.testing.assert_allclose(got, expected, atol=1e-12)
    count = len(expected)
    means, stds = expected.mean(axis=0), expected.std(axis=0, ddof=1)
    point = result.val_at_far[target]
    assert [f.fold for f in result.folds] == sorted(set(folds))
    assert [result.accuracy, point.val, point.far] == pytest.approx(list(means), abs=1e-12)
    assert [result.accuracy_std, point.val_std] == pytest.approx(list(stds[:2]), abs=1e-12)
    errors = [result.accuracy_standard_error, point.val_standard_error]
    assert errors == pytest.approx(list(stds[:2] / np.sqrt(count)), abs=1e-12)


@chance_is_fine
@given(folded_pairs(), st.data())
def test_a_fold_has_no_say_in_its_own_thresholds(pairs, data):
    distances, same, folds = pairs
    fold = data.draw(st.sampled_from(sorted(set(folds))))
    changed = np.where(folds == fold, data.draw(st.floats(0, 4)), distances)
    row = {f.fold: f for f in evaluate(*pairs).folds}[fold]
    other = {f.fold: f for f in evaluate(changed, same, folds).folds}[fold]
    assert row.threshold == other.threshold
    for target, point in row.val_at_far.items():
        assert point.threshold == other.val_at_far[target].threshold


def test_every_row_tells_what_it_stands_on():
    distances, same, folds = some_pairs(folds=3, per_fold=20)
    keep = np.ones(len(same), dtype=bool)
    keep[:5] = keep[-3:] = False
    result = evaluate(distances[keep], same[keep], folds[keep], [0.1])
    counts = [(f.fold, f.pairs_same, f.pairs_different) for f in result.folds]
    assert counts == [(1, 15, 20), (2, 20, 20), (3, 20, 17)]
    # A tenth of the different pairs in the two other folds: 37, 37 and 40.
    allowed = [f.val_at_far[0.1].false_accepts_allowed for f in result.folds]
    assert allowed == [3, 3, 4]
    assert result.val_at_far[0.1].false_accepts_allowed == 3
    assert result.val_at_far[0.1].pairs_different == 57
    first = folds[keep] == 1
    others = verify(distances[keep][~first], same[keep][~first], [0.1])
    row = result.folds[0]
    assert row.threshold == others.accuracy_threshold
    assert row.val_at_far[0.1].threshold == others.val_at_far[0.1].threshold
    accepted = distances[keep][first] <= row.threshold
    assert row.val == accepted[same[keep][first]].mean()
    assert row.far == accepted[~same[keep][first]].mean()
    assert result.overall == verify(distances[keep], same[keep], [0.1])


def test_perfect_distances_are_perfect():
    _, same, folds = some_pairs()
    distances = np.where(same, 0.2, 1.8) + np.random.default_rng(0).uniform(-0.1, 0.1, len(same))
    result = evaluate(distances, same, folds, (0.1, 0.001, 0))
    assert (result.accuracy, result.accuracy_std, result.accuracy_standard_error) == (1, 0, 0)
    for point in result.val_at_far.values():
        assert (point.val, point.val_std) == (1, 0)
    assert result.val_at_far[0.001].far == 0
    assert result.val_at_far[0.001].false_accepts_allowed == 0
    assert all((f.val, f.far) == (1, 0) for f in result.folds)


def test_thresholds_as_in_the_paper_differ_by_fold_only_where_folds_do():
    distances, same, folds = some_pairs(folds=4)
    outlier = folds == 4
    distances = np.where(outlier, distances / 2, distances)
    thresholds = [f.threshold for f in evaluate(distances, same, folds).folds]
    assert thresholds[3] > max(thresholds[:3])


def test_float32_distances_meet_the_threshold_that_was_chosen():
    # The middle between adjacent float32 numbers is none of them: here it would round up.
    low = np.nextafter(np.float32(1), np.float32(2))
    high = np.nextafter(low, np.float32(2))
    distances = np.tile([low, high], 2)
    result = evaluate(distances, [True, False] * 2, [1, 1, 2, 2])
    assert result.accuracy == 1


@chance_is_fine
def test_random_embeddings_are_right_half_of_the_time():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(2, 6000, 64))
    embeddings /= np.linalg.norm(embeddings, axis=2, keepdims=True)
    distances = np.square(embeddings[0] - embeddings[1]).sum(axis=1)
    same = np.tile(np.arange(600) < 300, 10)
    begin = time.perf_counter()
    result = evaluate(distances, same, np.repeat(np.arange(10), 600))
    assert time.perf_counter() - begin < 2
    # 6,000 fair coins: a standard deviation of sqrt(1/4 / 6000), and four of them.
    assert abs(result.accuracy - 0.5) < 4 * np.sqrt(0.25 / 6000)
    assert abs(result.val_at_far[0.1].val - 0.1) < 4 * np.sqrt(0.09 / 3000) + 0.01
    assert result.accuracy_standard_error < 0.02


def test_view_1_takes_its_threshold_from_other_pairs():
    train, test = some_pairs(folds=1, seed=1), some_pairs(folds=1, seed=2)
    threshold = verify(*train[:2]).accuracy_threshold
    result = evaluate(*test, threshold=threshold)
    distances, same, _ = test
    (row,) = result.folds
    assert row.threshold == threshold
    assert result.accuracy == row.accuracy == np.mean((distances <= threshold) == same)
    assert row.val == np.mean(distances[same] <= threshold)
    assert (result.accuracy_std, result.accuracy_standard_error) == (None, None)
    assert (row.val_at_far, result.val_at_far) == ({}, {})
    assert result.overall.val_at_far[0.1].val > 0


def test_a_threshold_holds_for_all_folds():
    distances, same, folds = some_pairs(folds=3)
    result = evaluate(distances, same, folds, threshold=0.5)
    assert [f.threshold for f in result.folds] == [0.5] * 3
    assert result.accuracy == pytest.approx(np.mean((distances <= 0.5) == same))
    assert result.accuracy_std > 0


def test_results_are_flat_json():
    result = evaluate(*some_pairs(folds=3), far_targets=iter([0.1, 0.001]))
    flat = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert flat["folds"] == 3
    assert flat["accuracy_standard_error"] == result.accuracy_standard_error
    assert flat["val_at_far_0.001"] == result.val_at_far[0.001].val
    assert flat["val_standard_error_at_far_0.1"] == result.val_at_far[0.1].val_standard_error
    assert flat["overall_auc"] == result.overall.auc
    assert flat["overall_val_at_far_0.1"] == result.overall.val_at_far[0.1].val
    row = json.loads(json.dumps(result.folds[1].as_dict(), allow_nan=False))
    assert (row["fold"], row["pairs_same"]) == (2, 30)
    assert row["far_at_far_0.1"] == result.folds[1].val_at_far[0.1].far
    single = evaluate(*some_pairs(folds=1), threshold=1.0).as_dict()
    assert single["accuracy_std"] is None


def test_inputs_stay_as_they_are_and_may_be_lists():
    pairs = some_pairs(folds=2)
    kept = [array.copy() for array in pairs]
    result = evaluate(*pairs)
    for array, before in zip(pairs, kept, strict=True):
        np.testing.assert_array_equal(array, before)
    assert evaluate(*(array.tolist() for array in pairs)) == result


def test_a_flipped_sign_is_suspected_once():
    distances, same, folds = some_pairs()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        evaluate(4 - distances, same, folds)
    assert len(caught) == 1
    assert "below 0.5" in str(caught[0].message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, s, f: (d, s, f * 0 + 3), "all 120 pairs are in fold 3: .* at least two folds"),
        (lambda d, s, f: (d, s, np.where(s, 1, f)), "fold 2 has 0 same and 30 different pairs"),
        (lambda d, s, f: (d, s, np.where(s, f, 1)), "fold 2 has 30 same and 0 different pairs"),
        (lambda d, s, f: (d, s, f[1:]), r"for each of 120 pairs, got int64 of shape \(119,\)"),
        (lambda d, s, f: (d, s, f / 2), r"got float64 of shape \(120,\)"),
        (lambda d, s, f: (d * np.nan, s, f), "got nan for pair 0"),
        (lambda d, s, f: (d - 9, s, f), "finite and at least 0"),
        (lambda d, s, f: (d, s.astype(int), f), "dtype int64"),
    ],
)
def test_unusable_pairs_are_refused_in_words(change, message):
    with pytest.raises(ValueError, match=message):
        evaluate(*change(*some_pairs(folds=2)))


def test_bad_targets_and_thresholds_are_refused():
    with pytest.raises(ValueError, match=r"from 0 to 1, got 1\.5"):
        evaluate(*some_pairs(folds=2), far_targets=[1.5])
    with pytest.raises(ValueError, match="thresholds must be numbers"):
        evaluate(*some_pairs(folds=1), threshold=float("nan"))
