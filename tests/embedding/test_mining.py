import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minifacenet.embedding.distances import squared_distances, squared_distances_reference
from minifacenet.embedding.mining import (
    RULES,
    all_violations_loss,
    hardest,
    mined_loss,
    semi_hard_closest,
    semi_hard_random,
)
from minifacenet.embedding.triplet import Triplets, triplet_loss


def candidates(distances, labels, margin, rule):
    """Word by word: for each anchor-positive pair the negatives that the rule admits."""
    found = {}
    for a, p in np.ndindex(len(labels), len(labels)):
        if a == p or labels[a] != labels[p]:
            continue
        negatives = [n for n in range(len(labels)) if labels[n] != labels[a]]
        if rule.startswith("semi-hard"):
            lower, upper = distances[a, p], distances[a, p] + margin
            negatives = [n for n in negatives if lower < distances[a, n] < upper]
        elif rule == "all":
            negatives = [n for n in negatives if distances[a, p] - distances[a, n] + margin > 0]
        if negatives:
            found[a, p] = negatives
    return found


def brute_force(distances, labels, margin):
    """The rule, word by word: a loop over anchors, positives and negatives."""
    found = []
    for a in range(len(labels)):
        for p in range(len(labels)):
            if p == a or labels[p] != labels[a]:
                continue
            best = None
            for n in range(len(labels)):
                d = distances[a, n]
                if labels[n] == labels[a]:
                    continue
                if distances[a, p] < d < distances[a, p] + margin and (
                    best is None or d < distances[a, best]
                ):
                    best = n
            if best is not None:
                found.append((a, p, best))
    return found


def as_list(triplets):
    return [tuple(map(int, t)) for t in zip(*triplets, strict=True)]


@st.composite
def batches(draw):
    """Embeddings on a coarse grid: ties and duplicates abound, as do singletons and one person."""
    n = draw(st.integers(1, 12))
    embeddings = draw(arrays(np.float64, (n, 2), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])))
    labels = draw(arrays(np.int64, n, elements=st.integers(0, 4)))
    return embeddings, labels


@given(batches(), st.sampled_from([0.0625, 0.25, 1.0]))
def test_the_kernel_equals_the_loop(batch, margin):
    embeddings, labels = batch
    distances = squared_distances(embeddings)
    assert as_list(semi_hard_closest(distances, labels, margin)) == brute_force(
        distances, labels, margin
    )


@given(batches(), st.sampled_from([0.2, 1.0]))
def test_every_triplet_meets_the_definition(batch, margin):
    embeddings, labels = batch
    d = squared_distances(embeddings)
    a, p, n = semi_hard_closest(d, labels, margin)
    assert (a != p).all()
    assert (labels[a] == labels[p]).all()
    assert (labels[a] != labels[n]).all()
    assert (d[a, p] < d[a, n]).all()
    assert (d[a, n] < d[a, p] + margin).all()
    assert len({*zip(a.tolist(), p.tolist(), strict=True)}) == len(a)  # a pair has one negative


@given(batches(), st.sampled_from([0.0625, 0.25, 1.0]), st.integers(0, 3))
def test_a_random_semi_hard_negative_is_one_of_the_semi_hard(batch, margin, seed):
    embeddings, labels = batch
    d = squared_distances(embeddings)
    found = semi_hard_random(d, labels, margin, np.random.default_rng(seed))
    allowed = candidates(d, labels, margin, "semi-hard-random")
    assert [(a, p) for a, p, _ in as_list(found)] == sorted(allowed)
    assert all(n in allowed[a, p] for a, p, n in as_list(found))


def test_every_semi_hard_negative_is_drawn_equally_often():
    distances = np.zeros((5, 5))
    distances[0] = [0, 0.5, 0.6, 0.65, 0.68]
    labels = np.array([0, 0, 1, 2, 3])
    rng = np.random.default_rng(0)
    drawn = [semi_hard_random(distances, labels, 0.2, rng).negative[0] for _ in range(3000)]
    assert np.abs(np.bincount(drawn)[2:] - 1000).max() < 120  # four standard deviations


@given(batches())
def test_the_hardest_is_the_first_closest_of_all_negatives(batch):
    embeddings, labels = batch
    d = squared_distances(embeddings)
    allowed = candidates(d, labels, None, "hardest")
    expected = [(a, p, min(ns, key=lambda n: (d[a, n], n))) for (a, p), ns in allowed.items()]
    assert as_list(hardest(d, labels)) == expected


@given(batches(), st.sampled_from([0.0625, 0.25, 1.0]))
def test_all_violations_equal_the_list_of_all_triplets(batch, margin):
    embeddings, labels = batch
    d = squared_distances(embeddings)
    listed = [(a, p, n) for (a, p), ns in candidates(d, labels, margin, "all").items() for n in ns]
    loss, active, weights = all_violations_loss(d, labels, margin)
    triplets = Triplets(*np.array(listed, dtype=int).reshape(-1, 3).T)
    expected_loss, expected_active, expected_weights = triplet_loss(d, triplets, margin)
    assert active == expected_active == len(listed)
    assert loss == pytest.approx(expected_loss, abs=1e-12)
    np.testing.assert_allclose(weights, expected_weights, rtol=0, atol=1e-12)


@pytest.fixture
def example():
    """Anchor 0, positive at 0.5, negatives at 0.3, 0.6, 0.65, 0.9 (squared, from the anchor)."""
    distances = np.full((6, 6), 9.0)
    distances[0] = [0, 0.5, 0.3, 0.6, 0.65, 0.9]
    distances[1, 0] = distances[2, 3] = distances[3, 2] = 0  # the other pairs are solved
    return distances, np.array([0, 0, 1, 1, 2, 3])


def test_the_example_of_the_docstring(example):
    assert as_list(semi_hard_closest(*example, 0.2)) == [(0, 1, 3)]
    drawn = {
        as_list(semi_hard_random(*example, 0.2, np.random.default_rng(seed)))[0]
        for seed in range(20)
    }
    assert drawn == {(0, 1, 3), (0, 1, 4)}
    assert as_list(hardest(*example))[0] == (0, 1, 2)
    _, active, weights = all_violations_loss(*example, 0.2)
    assert active == 3
    np.testing.assert_array_equal(np.flatnonzero(weights[0] < 0), [2, 3, 4])


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_finds_a_triplet_in_one_person_in_strangers_or_far_apart(rule):
    rng = np.random.default_rng(0)
    distances = squared_distances(rng.standard_normal((4, 3)))
    apart = np.array([[0, 0, 9, 9], [0, 0, 9, 9], [9, 9, 0, 0], [9, 9, 0, 0]], float)
    for d, labels in ((distances, [0] * 4), (distances, range(4)), (apart, [0, 0, 1, 1])):
        loss, active, weights = mined_loss(d, np.array(labels), 0.2, rule, rng)
        assert (loss, active) == (0.0, 0)
        assert not weights.any()


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match=r"'seminard' is none of semi-hard, .*all"):
        mined_loss(np.zeros((1, 1)), np.zeros(1, int), 0.2, "seminard", None)


def test_both_bounds_are_strict():
    labels = np.array([0, 0, 1])
    for d_an in (0.5, 0.75):  # exactly D(a,p), and exactly D(a,p) + margin
        distances = np.array([[0, 0.5, d_an], [0.5, 0, 9], [d_an, 9, 0]])
        assert len(semi_hard_closest(distances, labels, 0.25)) == 0


def test_both_bounds_are_strict_in_float32_too():
    labels = np.array([0, 0, 1])
    rng = np.random.default_rng(0)
    for d_ap, margin in rng.uniform(0.01, 1, (200, 2)).astype(np.float32):
        upper = d_ap + margin  # rounded to float32, as the kernel's own sum
        for d_an, is_semi_hard in (
            (d_ap, False),
            (np.nextafter(d_ap, np.float32(9)), True),
            (np.nextafter(upper, np.float32(0)), True),
            (upper, False),
        ):
            distances = np.array([[0, d_ap, d_an], [d_ap, 0, 9], [d_an, 9, 0]], np.float32)
            found = semi_hard_closest(distances, labels, float(margin))
            assert (len(found) == 1) == is_semi_hard, (d_ap, margin, d_an)


def test_bytes_are_widened_before_they_are_subtracted():
    embeddings = np.array([[0, 0], [100, 4]], np.uint8)
    assert squared_distances(embeddings)[0, 1] == 10016


def test_distances_are_exact_symmetric_and_zero_for_equals():
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((20, 16)).astype(np.float32)
    embeddings[7] = embeddings[3]
    distances = squared_distances(embeddings)
    expected = squared_distances_reference(embeddings.astype(float))
    np.testing.assert_allclose(distances, expected, rtol=1e-5)
    np.testing.assert_array_equal(distances, distances.T)
    assert distances[7, 3] == 0
    assert not distances.diagonal().any()


def test_a_nan_embedding_shows_in_the_distances():
    embeddings = np.eye(3)
    embeddings[1, 1] = np.nan
    assert np.isnan(squared_distances(embeddings)[0, 1])


@pytest.mark.parametrize(
    "labels", [np.zeros(5, int), np.arange(5)], ids=["one person", "singletons"]
)
def test_no_triplet_without_positives_or_negatives(labels):
    distances = squared_distances(np.random.default_rng(0).standard_normal((5, 3)))
    assert len(semi_hard_closest(distances, labels, 10.0)) == 0


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("count", [0, 3, 7, 500])
def test_as_many_labels_as_distances(rule, count):
    """The kernels would read, and write, beyond the shorter of the two."""
    rng = np.random.default_rng(0)
    distances = squared_distances(rng.standard_normal((6, 4)))
    with pytest.raises(ValueError, match=rf"column of distances \(6, 6\), got shape \({count},\)"):
        mined_loss(distances, np.arange(count) % 2, 0.2, rule, rng)


@pytest.mark.parametrize("rule", RULES)
def test_distances_are_a_square_and_labels_whole_numbers(rule):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"\(N, N\), all with all, .* got \(6, 4\)"):
        mined_loss(np.zeros((6, 4)), np.arange(6), 0.2, rule, rng)
    with pytest.raises(TypeError, match=r"one per person, got <U1: np\.unique"):
        mined_loss(np.zeros((2, 2)), np.array(["a", "b"]), 0.2, rule, rng)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", [int, np.uint8, np.float16])
def test_a_margin_keeps_its_fraction_whatever_the_distances_are(rule, dtype):
    distances = np.array([[0, 4, 5, 9], [4, 0, 6, 9], [5, 6, 0, 4], [9, 9, 4, 0]])
    labels = np.array([0, 0, 1, 1])
    results = [
        mined_loss(d, labels, 1.5, rule, np.random.default_rng(0))
        for d in (distances.astype(float), distances.astype(dtype))
    ]
    assert results[0][:2] == results[1][:2]
    np.testing.assert_array_equal(results[0][2], results[1][2])
    assert results[0][0] > 0
