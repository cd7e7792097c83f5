"""Pairs of near clusters, and the tree that is made of them alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.spatial.distance import cdist

from minifacenet.classification import near_chain, near_pairs
from minifacenet.classification.clustering import average_linkage, cluster, cut
from minifacenet.classification.near_pairs import Space

from .test_clustering import faces_in_photos, forbidden_table, some_faces

MANY = 10**6


def table_of(means, scatter):
    return cdist(means, means, "sqeuclidean") + scatter[:, None] + scatter


def as_table(neighbours):
    """The pairs as a table, of which each stands twice and none with itself."""
    count = len(neighbours.first) - 1
    near = np.zeros((count, count), int)
    for row in range(count):
        for other in neighbours.others[neighbours.first[row] : neighbours.first[row + 1]]:
            near[row, other] += 1
    assert near.max() <= 1
    assert not np.diag(near).any()
    np.testing.assert_array_equal(near, near.T)
    return near.astype(bool)


def clusters(count=150, people=40):
    points = some_faces(count, people)[0].astype(np.float64)
    points[10] = points[3]
    return points, np.random.default_rng(1).uniform(0, 0.3, count)


@pytest.mark.parametrize("block", [1, 7, 64, 1024])
@pytest.mark.parametrize("limit", [0.0, 0.5, 0.9, 1.2, 5.0])
@pytest.mark.parametrize("spread", [0, 1])
def test_all_near_pairs_are_found_and_hardly_another(block, limit, spread, monkeypatch):
    monkeypatch.setattr(near_pairs, "BLOCK", block)
    points, scatter = clusters()
    found = as_table(Space(points, spread * scatter).neighbours(limit, MANY))
    distances = table_of(points, spread * scatter)
    np.fill_diagonal(distances, np.inf)
    assert found[distances <= limit].all()
    assert not found[distances > limit + 1e-3].any()


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1e30, 1e150])
def test_no_scale_overflows(scale):
    points = np.random.default_rng(0).normal(size=(50, 3))
    near = cdist(points, points, "sqeuclidean") <= 0.25
    np.fill_diagonal(near, False)
    space = Space(points * scale, np.zeros(50))
    np.testing.assert_array_equal(as_table(space.neighbours(0.25 * scale * scale, MANY)), near)


def test_a_pair_that_rounding_could_hide_is_found():
    """At a distance that float32 cannot tell from the limit, there may only be a pair too much."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        points = rng.normal(size=(2, 128))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        limit = ((points[0] - points[1]) ** 2).sum()
        space = Space(points, np.zeros(2))
        assert len(space.neighbours(limit, MANY).others) == 2
        assert len(space.neighbours(limit * (1 - 1e-3), MANY).others) == 0


def test_one_point_many_times_and_no_point():
    assert as_table(Space(np.zeros((5, 2)), np.zeros(5)).neighbours(0, MANY)).sum() == 20
    assert len(Space(np.zeros((0, 2)), np.zeros(0)).neighbours(1, MANY).others) == 0


def test_too_many_pairs_are_none():
    points, scatter = clusters()
    pairs = len(Space(points, scatter).neighbours(1.0, MANY).others) // 2
    assert Space(points, scatter).neighbours(1.0, pairs) is not None
    assert Space(points, scatter).neighbours(1.0, pairs - 1) is None


def test_a_limit_is_guessed_from_a_sample():
    points = some_faces(3000, 600)[0].astype(np.float64)
    space = Space(points, np.zeros(3000))
    limits = [space.limit_for(3.0, most) for most in (10**7, 10**6, 10**5, 10**4, 3)]
    assert limits[0] == 3.0
    assert limits == sorted(limits, reverse=True)
    for limit, most in zip(limits[1:4], (10**6, 10**5, 10**4), strict=True):
        pairs = len(space.neighbours(limit, MANY * 10).others) // 2
        assert most / 3 < pairs < 1.3 * most
    assert Space(np.ones((3000, 2)), np.zeros(3000)).limit_for(1.0, 3000) is None


def test_progress_counts_blocks():
    seen = []
    points = np.random.default_rng(0).normal(size=(600, 2))
    Space(points, np.zeros(600)).neighbours(0.1, MANY, lambda *a: seen.append(a))
    assert seen[-1] == (6, 6)
    assert set(seen) <= {(1, 6), (3, 6), (6, 6)}  # as many rows of blocks at a time as threads


@pytest.mark.parametrize("pairs", [None, 3000, 500, 20])
@pytest.mark.parametrize("photos", [None, 30])
@pytest.mark.parametrize("limit", [0.3, 0.7, 1.0, 1.9])
def test_groups_up_to_the_limit_are_those_of_the_whole_tree(photos, limit, pairs, monkeypatch):
    """In one level and in many; with 20 pairs in memory all clusters have to be searched."""
    if pairs is not None:
        monkeypatch.setattr(near_chain, "FEWEST", pairs)
        monkeypatch.setattr(near_chain, "PAIRS", 0)
    points, _ = some_faces(600, 120)
    points[[5, 80, 81]] = points[7]
    cut_from = None if photos is None else np.random.default_rng(1).integers(photos, size=600)
    levels = []
    level_by_level = average_linkage(points, cut_from, limit, tell_level=levels.append)
    whole = average_linkage(points, cut_from)
    assert level_by_level.shape == whole.shape
    within = whole[:, 2] <= limit
    np.testing.assert_allclose(level_by_level[within, 2], whole[within, 2], atol=1e-12)
    assert np.isinf(level_by_level[~within, 2]).all()
    for distance in (limit / 2, limit):
        np.testing.assert_array_equal(cut(level_by_level, distance), cut(whole, distance))
    np.testing.assert_array_equal(cluster(points, limit, cut_from).labels, cut(whole, limit))
    limits = [level.limit for level in levels]
    assert limits == sorted(limits)
    assert levels[0].clusters == 600
    if pairs is None:
        assert limits == [limit]
    if pairs == 500 and limit >= 0.7:
        assert len(levels) > 2


@pytest.mark.parametrize("pairs", [2**18, 12, 3])
@given(faces_in_photos())
@settings(max_examples=100, deadline=None)
def test_with_ties_each_join_is_a_nearest_one(pairs, faces):
    points, photos = faces
    limit = 0.5
    table, count = forbidden_table(points, photos), len(points)
    clusters = {i: [i] for i in range(count)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_chain, "FEWEST", pairs)
        patch.setattr(near_chain, "PAIRS", 0)
        tree = average_linkage(points, photos, limit)
    for step, (left, right, height, _) in enumerate(tree):
        nearest = min(
            table[np.ix_(a, b)].mean()
            for i, a in clusters.items()
            for j, b in clusters.items()
            if i < j
        )
        a, b = clusters.pop(int(left)), clusters.pop(int(right))
        if np.isfinite(height):
            assert height == pytest.approx(table[np.ix_(a, b)].mean(), abs=1e-9)
            assert height == pytest.approx(nearest, abs=1e-9)
            assert height <= limit
        else:
            assert nearest > limit - 1e-9
        clusters[count + step] = a + b
