"""Parts of faces that hang together, and the tree that is made part by part."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from minifacenet.classification import near_pairs
from minifacenet.classification.clustering import average_linkage, cluster, cut
from minifacenet.classification.near_pairs import parts_within

from .test_clustering import faces_in_photos, forbidden_table, some_faces


def parts_of(table):
    """The lowest face of each face's part, from a table of near pairs."""
    part = connected_components(table, directed=False)[1]
    return np.array([np.flatnonzero(part == p)[0] for p in part])


@pytest.mark.parametrize("block", [1, 7, 64, 1024])
@pytest.mark.parametrize("limit", [0.0, 0.5, 0.9, 1.2, 4.0])
def test_parts_are_those_of_the_graph_of_near_pairs(block, limit, monkeypatch):
    monkeypatch.setattr(near_pairs, "BLOCK", block)
    points = some_faces(150, 40)[0].astype(np.float64)
    points[10] = points[3]
    expected = parts_of(cdist(points, points, "sqeuclidean") <= limit)
    np.testing.assert_array_equal(parts_within(points, limit), expected)


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1e30, 1e150])
def test_no_scale_overflows(scale):
    points = np.random.default_rng(0).normal(size=(50, 3))
    near = cdist(points, points, "sqeuclidean") <= 0.25
    parts = parts_within(points * scale, 0.25 * scale * scale)
    np.testing.assert_array_equal(parts, parts_of(near))


def test_a_pair_that_rounding_could_hide_is_found():
    """At a distance that float32 cannot tell from the limit, a part may only get larger."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        points = rng.normal(size=(2, 128))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        limit = ((points[0] - points[1]) ** 2).sum()
        assert list(parts_within(points, limit)) == [0, 0]
        assert list(parts_within(points, limit * (1 - 1e-3))) == [0, 1]


def test_one_point_many_times_is_one_part():
    np.testing.assert_array_equal(parts_within(np.zeros((5, 2)), 0), 0)
    assert len(parts_within(np.zeros((0, 2)), 1)) == 0


def test_progress_counts_blocks():
    seen = []
    parts_within(np.random.default_rng(0).normal(size=(600, 2)), 0.1, lambda *a: seen.append(a))
    assert seen == [(1, 6), (3, 6), (6, 6)]


@pytest.mark.parametrize("photos", [None, 30])
@pytest.mark.parametrize("limit", [0.3, 0.7, 1.0])
def test_groups_up_to_the_limit_are_those_of_the_whole_tree(photos, limit):
    points, _ = some_faces(600, 120)
    cut_from = None if photos is None else np.random.default_rng(1).integers(photos, size=600)
    sizes = []
    part_by_part = average_linkage(points, cut_from, limit, tell_parts=sizes.append)
    whole = average_linkage(points, cut_from)
    assert part_by_part.shape == whole.shape
    within = whole[:, 2] <= limit
    np.testing.assert_allclose(part_by_part[within, 2], whole[within, 2], atol=1e-12)
    assert np.isinf(part_by_part[~within, 2]).all()
    for distance in (limit / 2, limit):
        np.testing.assert_array_equal(cut(part_by_part, distance), cut(whole, distance))
    assert sizes[0].sum() == 600
    np.testing.assert_array_equal(cluster(points, limit, cut_from).labels, cut(whole, limit))


@given(faces_in_photos())
@settings(max_examples=150, deadline=None)
def test_with_ties_each_join_is_a_nearest_one(faces):
    points, photos = faces
    limit = 0.5
    table, count = forbidden_table(points, photos), len(points)
    clusters = {i: [i] for i in range(count)}
    for step, (left, right, height, _) in enumerate(average_linkage(points, photos, limit)):
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
