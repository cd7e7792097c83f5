"""Verification and its scores against definitions spelled out as loops, and scikit-learn."""

import json
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from minifacenet.classification import verification
from minifacenet.classification.verification import (
    BYTES_A_PAIR,
    drawn_roc,
    pair_distances,
    roc,
    val_far,
)
from minifacenet.classification.verification_scores import (
    ValAtFar,
    Verification,
    allowed_false_accepts,
    auc,
    val_at,
    verify,
)

# Ties are the rule, 5e-324 is the smallest float, and adjacent floats have no middle between them.
LEVELS = (0.0, 5e-324, 0.25, 0.5, np.nextafter(0.5, 1), np.nextafter(1.0, 0), 1.0, 4.0)

# Random pairs may well be worse than chance; the test of that warning is at the end.
chance_is_fine = pytest.mark.filterwarnings("ignore:AUC")


@st.composite
def scored_pairs(draw):
    """Distances and same, with at least one pair of either kind."""
    values = st.one_of(st.sampled_from(LEVELS), st.floats(0, 4))
    positive = draw(st.lists(values, min_size=1, max_size=20))
    negative = draw(st.lists(values, min_size=1, max_size=20))
    order = draw(st.permutations(range(len(positive) + len(negative))))
    same = np.arange(len(order)) < len(positive)
    return np.array(positive + negative)[order], same[order]


def some_pairs(seed=0, count=300):
    rng = np.random.default_rng(seed)
    same = rng.random(count) < 0.2
    distances = np.clip(rng.normal(np.where(same, 0.8, 1.6), 0.5), 0, 4).round(2)
    return distances, same


def brute_rates(distances, same, threshold):
    """Section 4 word by word: accepted pairs of either kind over all pairs of that kind."""
    true_accepts = sum(d <= threshold for d, s in zip(distances, same, strict=True) if s)
    false_accepts = sum(d <= threshold for d, s in zip(distances, same, strict=True) if not s)
    return true_accepts / same.sum(), false_accepts / (~same).sum()


def brute_curve(distances, same):
    """(VAL, FAR) for accepting nothing and then at each observed distance."""
    return [(0.0, 0.0)] + [brute_rates(distances, same, d) for d in np.unique(distances)]


# --- pairs ---


@pytest.mark.parametrize("labels", [[1, 0, 1, 2, 0, 1], ["b", "a", "b", "c", "a", "b"]])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pair_distances_equal_the_double_loop(labels, dtype):
    embeddings = np.random.default_rng(0).normal(size=(6, 5)).astype(dtype)
    kept = embeddings.copy()
    distances, same = pair_distances(embeddings, labels)
    pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
    wide = embeddings.astype(np.float64)
    np.testing.assert_allclose(
        distances, [((wide[i] - wide[j]) ** 2).sum() for i, j in pairs], rtol=1e-14
    )
    assert same.tolist() == [labels[i] == labels[j] for i, j in pairs]
    assert distances.dtype == np.float64
    assert same.dtype == bool
    np.testing.assert_array_equal(embeddings, kept)


def test_equal_photos_have_distance_exactly_zero():
    embeddings = np.random.default_rng(1).normal(size=(1, 128)).astype(np.float32)
    distances, _ = pair_distances(np.repeat(embeddings, 4, axis=0), list("aabb"))
    np.testing.assert_array_equal(distances, np.zeros(6))


def test_opposite_unit_vectors_have_the_largest_distance_of_four():
    distances, same = pair_distances([[1.0, 0.0], [-1.0, 0.0]], ["a", "b"])
    assert distances.tolist() == [4.0]
    assert same.tolist() == [False]


@pytest.mark.parametrize(
    ("embeddings", "labels", "message"),
    [
        (np.zeros((3, 2)), ["a", "b"], r"\(3, 2\) and \(2,\)"),
        (np.zeros(3), ["a", "b", "c"], r"got \(3,\)"),
        (np.zeros((1, 2)), ["a"], "two or more photos"),
        (np.array([[0.0], [np.nan], [np.inf]]), ["a", "b", "c"], "in 2 embeddings, first in row 1"),
    ],
)
def test_pair_distances_refuse_bad_input(embeddings, labels, message):
    with pytest.raises(ValueError, match=message):
        pair_distances(embeddings, labels)


# --- VAL, FAR, ROC ---


def test_val_far_counts_a_distance_equal_to_the_threshold():
    val, far = val_far([0.5, 1.0, 1.0, 2.0], [True, True, False, False], [0.49, 0.5, 1.0, 2.0])
    assert val.tolist() == [0, 0.5, 1, 1]
    assert far.tolist() == [0, 0, 0.5, 1]


@settings(deadline=None)
@given(scored_pairs(), st.floats(-1, 5))
def test_val_far_equals_counting(pairs, threshold):
    assert val_far(*pairs, threshold) == brute_rates(*pairs, threshold)


@settings(deadline=None)
@given(scored_pairs())
def test_roc_steps_once_at_every_distinct_distance(pairs):
    far, val, thresholds = roc(*pairs)
    assert list(zip(val, far, strict=True)) == brute_curve(*pairs)
    assert (far[0], val[0], far[-1], val[-1]) == (0, 0, 1, 1)
    assert (np.diff(thresholds) > 0).all()


@settings(deadline=None)
@given(scored_pairs())
def test_roc_thresholds_give_the_roc_rates(pairs):
    far, val, thresholds = roc(*pairs)
    val_again, far_again = val_far(*pairs, thresholds)
    np.testing.assert_array_equal(val, val_again)
    np.testing.assert_array_equal(far, far_again)


def test_thresholds_lie_in_the_middle_of_the_gaps():
    _, _, thresholds = roc([0.5, 1.0, 3.0, 1.0], [True, True, False, False])
    assert thresholds.tolist() == [0.25, 0.75, 2.0, 3.0]


def test_adjacent_floats_stay_apart():
    below = np.nextafter(1.0, 0)  # (below + 1) / 2 rounds to 1
    _, _, thresholds = roc([below, 1.0], [True, False])
    assert thresholds.tolist() == [below / 2, below, 1.0]


# --- verify ---


@chance_is_fine
@settings(deadline=None)
@given(scored_pairs())
def test_auc_counts_ties_half(pairs):
    distances, same = pairs
    gap = distances[~same][None, :] - distances[same][:, None]
    auc = verify(*pairs).auc
    assert auc == ((gap > 0) + 0.5 * (gap == 0)).mean()
    assert auc == pytest.approx(roc_auc_score(same, -distances), abs=1e-12)


@chance_is_fine
@settings(deadline=None)
@given(scored_pairs())
def test_best_accuracies_are_found_and_reached_at_their_thresholds(pairs):
    result, n_same, n_different = verify(*pairs), pairs[1].sum(), (~pairs[1]).sum()

    def accuracy(val, far):
        return (val * n_same + (1 - far) * n_different) / (n_same + n_different)

    def balanced(val, far):
        return (val + 1 - far) / 2

    curve = brute_curve(*pairs)
    for score, best, threshold in (
        (accuracy, result.accuracy, result.accuracy_threshold),
        (balanced, result.balanced_accuracy, result.balanced_accuracy_threshold),
    ):
        assert best == pytest.approx(max(score(*point) for point in curve), abs=1e-12)
        assert best == pytest.approx(score(*brute_rates(*pairs, threshold)), abs=1e-12)


@chance_is_fine
@settings(deadline=None)
@given(scored_pairs(), st.sampled_from([0.0, 0.001, 0.1, 0.25, 1 / 3, 0.5, 1.0]))
def test_val_at_far_is_the_best_val_within_the_target(pairs, target):
    point = verify(*pairs, far_targets=[target]).val_at_far[target]
    within = [(val, far) for val, far in brute_curve(*pairs) if far <= target]
    assert (point.val, point.far) == max(within)
    assert brute_rates(*pairs, point.threshold) == (point.val, point.far)
    negatives = (~pairs[1]).sum()
    affordable = [k for k in range(negatives + 1) if k / negatives <= target]
    assert point.false_accepts_allowed == max(affordable)


@chance_is_fine
@settings(deadline=None)
@given(scored_pairs())
def test_eer_lies_between_the_rates_around_the_crossing(pairs):
    result = verify(*pairs)
    curve = brute_curve(*pairs)
    before = max((far, 1 - val) for val, far in curve if far <= 1 - val + 1e-12)
    after = min((far, 1 - val) for val, far in curve if far >= 1 - val - 1e-12)
    assert before[0] - 1e-12 <= result.eer <= after[0] + 1e-12
    assert after[1] - 1e-12 <= result.eer <= before[1] + 1e-12
    val, far = brute_rates(*pairs, result.eer_threshold)
    nearest = min(abs(far - (1 - val)) for val, far in curve)
    assert abs(far - (1 - val)) == pytest.approx(nearest, abs=1e-12)


def test_eer_on_a_crossing_and_between_two_points():
    on_a_point = verify([1, 2, 3, 4], [True, False, True, False])
    assert (on_a_point.eer, on_a_point.eer_threshold) == (0.5, 2.5)
    # One step, from FAR 0, VAL 0 to FAR 1, VAL 1, crosses in its middle.
    assert verify([1, 1], [True, False]).eer == 0.5


def test_perfect_separation_is_perfect_at_every_target():
    distances = [0.1, 0.3, 0.5, 1.1, 1.1, 2.0]
    result = verify(distances, np.array(distances) < 1, far_targets=(0.1, 0.001, 0))
    assert (result.auc, result.eer, result.accuracy, result.balanced_accuracy) == (1, 0, 1, 1)
    in_the_gap = pytest.approx(0.8)
    assert result.accuracy_threshold == in_the_gap
    assert result.balanced_accuracy_threshold == in_the_gap
    assert result.eer_threshold == in_the_gap
    for point in result.val_at_far.values():
        assert (point.val, point.far, point.false_accepts_allowed) == (1, 0, 0)
        assert point.threshold == in_the_gap


def test_one_pair_of_each_kind():
    result = verify([0.5, 1.5], [True, False])
    assert (result.pairs_same, result.pairs_different) == (1, 1)
    assert (result.auc, result.accuracy, result.val_at_far[0.001].threshold) == (1, 1, 1)


def test_a_tie_that_breaks_the_far_target_is_left_out_whole():
    distances = np.array([0.2, 0.5, 0.5, 0.5, 0.9, 1.0])
    same = np.array([True, True, False, False, False, False])
    point = verify(distances, same, far_targets=[0.25]).val_at_far[0.25]
    assert (point.val, point.far, point.false_accepts_allowed) == (0.5, 0, 1)
    assert point.threshold == pytest.approx(0.35)


def test_no_threshold_is_good_enough_when_a_different_pair_is_the_closest():
    distances, same = [0.0, 0.5, 0.5, 2.0], [False, True, True, False]
    point = verify(distances, same, far_targets=[0]).val_at_far[0]
    assert (point.val, point.far) == (0, 0)
    assert point.threshold < 0  # even D = 0 is refused


def test_a_target_that_is_a_whole_number_of_pairs_is_used_in_full():
    distances = np.concatenate([[0.001], np.arange(1, 101) / 100])
    same = np.arange(101) == 0
    point = verify(distances, same, far_targets=[0.29]).val_at_far[0.29]  # 0.29 * 100 < 29
    assert (point.far, point.false_accepts_allowed) == (0.29, 29)


def test_equally_good_thresholds_give_the_smallest():
    # Accepting up to 0.1 or up to 0.3 makes two mistakes either way.
    result = verify([0.1, 0.2, 0.3, 0.4], [True, False, True, False])
    assert result.accuracy_threshold == pytest.approx(0.15)


def test_always_different_is_accurate_but_not_balanced():
    result = verify(np.ones(100), np.arange(100) < 2)
    assert (result.accuracy, result.balanced_accuracy) == (0.98, 0.5)


def test_as_dict_is_flat_json():
    distances, same = some_pairs()
    result = verify(distances, same, far_targets=(0.1, 0.001, 0.00001))
    flat = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert flat["auc"] == result.auc
    assert flat["pairs_same"] == int(same.sum())
    assert flat["val_at_far_0.001"] == result.val_at_far[0.001].val
    assert flat["threshold_at_far_0.00001"] == result.val_at_far[0.00001].threshold
    assert all(isinstance(value, int | float) for value in flat.values())


def test_inputs_stay_as_they_are():
    distances, same = some_pairs()
    kept = distances.copy(), same.copy()
    verify(distances, same)
    np.testing.assert_array_equal(distances, kept[0])
    np.testing.assert_array_equal(same, kept[1])


def test_a_flipped_sign_is_suspected():
    distances, same = some_pairs()
    with pytest.warns(UserWarning, match=r"AUC 0\.\d+ is below 0\.5.*sign flipped"):
        assert verify(4 - distances, same).auc < 0.5


@pytest.mark.parametrize("function", [verify, roc, lambda d, s: val_far(d, s, [1.0])])
@pytest.mark.parametrize(
    ("distances", "same", "message"),
    [
        ([1.0, 2.0], [False, False], "no same pair among 2"),
        ([1.0, 2.0], [True, True], "no different pair among 2"),
        ([], [], "same holds True or False"),
        ([1.0, np.nan], [True, False], "got nan for pair 1"),
        ([np.inf, 1.0], [True, False], "got inf for pair 0"),
        ([1.0, -0.5], [True, False], "got -0.5 for pair 1"),
        ([1.0, 2.0], [True], r"got \(2,\) and \(1,\)"),
        ([[1.0, 2.0]], [[True, False]], r"got \(1, 2\)"),
        ([1.0, 2.0], [1, 0], "dtype int64"),
    ],
)
def test_unusable_pairs_are_refused_in_words(function, distances, same, message):
    with pytest.raises(ValueError, match=message):
        function(distances, same)


def test_a_nan_threshold_is_refused():
    with pytest.raises(ValueError, match="thresholds must be numbers"):
        val_far([1.0, 2.0], [True, False], [1.0, np.nan])


@pytest.mark.parametrize("target", [-0.1, 1.5, np.nan])
def test_a_target_far_is_a_rate(target):
    with pytest.raises(ValueError, match=f"from 0 to 1, got {target}"):
        verify([1.0, 2.0], [True, False], far_targets=[target])


# --- in blocks ---


def whole_curve(distances, same):
    """True accepts, false accepts and thresholds of all steps, as whole arrays."""
    distinct, step = np.unique(distances, return_inverse=True)
    true_accepts, false_accepts = (
        np.concatenate([[0], np.cumsum(np.bincount(step[pairs], minlength=len(distinct)))])
        for pairs in (same, ~same)
    )
    below_all = distinct[0] / 2 if distinct[0] > 0 else -1.0
    lower, upper = distinct[:-1], distinct[1:]
    middle = lower + (upper - lower) / 2
    middle = np.where(middle < upper, middle, lower)
    return true_accepts, false_accepts, np.concatenate([[below_all], middle, distinct[-1:]])


def scores_of(true_accepts, false_accepts, thresholds, targets):
    """Every figure from whole arrays of all steps."""
    pairs_same, pairs_different = int(true_accepts[-1]), int(false_accepts[-1])
    right_different = pairs_different - false_accepts
    miss = false_accepts * pairs_same - (pairs_same - true_accepts) * pairs_different
    accuracy = (true_accepts + right_different) / (pairs_same + pairs_different)
    both = true_accepts * pairs_different + right_different * pairs_same
    balanced = both / (2 * pairs_same * pairs_different)
    reached = {}
    for target in targets:
        allowed = allowed_false_accepts(target, pairs_different)
        last = np.searchsorted(false_accepts, allowed, side="right") - 1
        reached[target] = ValAtFar(
            true_accepts[last] / pairs_same,
            false_accepts[last] / pairs_different,
            thresholds[last],
            allowed,
        )
    return Verification(
        pairs_same,
        pairs_different,
        np.trapezoid(true_accepts, false_accepts) / (pairs_same * pairs_different),
        np.interp(0, miss, false_accepts / pairs_different),
        thresholds[np.abs(miss).argmin()],
        accuracy.max(),
        thresholds[accuracy.argmax()],
        balanced.max(),
        thresholds[balanced.argmax()],
        reached,
    )


def check_equal_to_the_last_digit(distances, same):
    targets = (0.0, 0.001, 0.1, 0.29, 0.5, 1.0)
    true_accepts, false_accepts, thresholds = whole_curve(distances, same)
    expected = scores_of(true_accepts, false_accepts, thresholds, targets)
    assert verify(distances, same, targets) == expected
    assert auc(distances, same) == expected.auc
    for target in targets:
        assert val_at(distances, same, target) == expected.val_at_far[target].val
    curve = false_accepts / false_accepts[-1], true_accepts / true_accepts[-1], thresholds
    for got, wanted in zip(roc(distances, same), curve, strict=True):
        np.testing.assert_array_equal(got, wanted)


@chance_is_fine
@pytest.mark.parametrize("block", [1, 2, 5])
@settings(deadline=None)
@given(scored_pairs())
def test_blocks_of_any_size_give_the_same_to_the_last_digit(block, pairs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "BLOCK", block)
        check_equal_to_the_last_digit(*pairs)


@pytest.mark.parametrize("decimals", [1, 3, 17])
@pytest.mark.parametrize("block", [64, 1000, 2**17])
def test_many_pairs_give_the_same_to_the_last_digit(block, decimals, monkeypatch):
    monkeypatch.setattr(verification, "BLOCK", block)
    rng = np.random.default_rng(1)
    same = rng.random(20_000) < 0.1
    distances = np.clip(rng.normal(np.where(same, 0.8, 1.4), 0.4), 0, 4)
    check_equal_to_the_last_digit(distances.round(decimals), same)


@pytest.mark.parametrize("block", [3, 2**17])
@given(scored_pairs())
def test_the_drawn_curve_is_that_of_all_steps(block, pairs):
    """As steps: at each FAR of the whole curve the drawn one stands at the same VAL."""
    far, val, _ = roc(*pairs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "BLOCK", block)
        few_far, few_val = drawn_roc(*pairs)
    last = np.searchsorted(few_far, far, side="right") - 1
    np.testing.assert_array_equal(few_val[last], val[np.searchsorted(far, far, side="right") - 1])
    assert far[far > 0].min() in few_far
    assert (few_far[-1], few_val[-1]) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.001, 0.5])
def test_the_memory_of_a_pair(share):
    """9 bytes of distance and flag, and a sorted copy; the curve has a row for each pair."""
    rng = np.random.default_rng(0)
    pairs = 3_000_000
    distances, same = rng.random(pairs), rng.random(pairs) < share
    few = 3e7  # blocks
    judges = [verify, auc, lambda *them: val_far(*them, [0.5])]
    if share < 0.01:  # a drawing needs a point for each same pair
        judges.append(drawn_roc)
    for judge in judges:
        tracemalloc.start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # chance
            judge(distances, same)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < (BYTES_A_PAIR - 9) * pairs + few, f"{peak / pairs:.1f} bytes a pair"


def test_the_memory_of_all_pairs():
    photos = 2000
    vectors = np.random.default_rng(0).normal(size=(photos, 4)).astype(np.float32)
    tracemalloc.start()
    pair_distances(vectors, np.arange(photos) % 9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 9 * photos * (photos - 1) / 2 + 1e6
