"""Average linkage against SciPy, and against the definition replayed pair by pair."""

import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, is_valid_linkage, linkage
from scipy.spatial.distance import cdist, pdist
from sklearn.metrics import adjusted_rand_score

from minifacenet.classification.clustering import (
    SweepRow,
    average_linkage,
    cluster,
    clusters_at,
    cut,
    sweep,
)


def some_faces(count, people, dims=128, spread=0.5, seed=0):
    """Unit vectors around random people, float32, and whose each is."""
    rng = np.random.default_rng(seed)
    person = rng.integers(people, size=count)
    points = rng.normal(size=(people, dims))[person] + spread * rng.normal(size=(count, dims))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32), person


def scipy_tree(embeddings):
    return linkage(pdist(embeddings.astype(np.float64), "sqeuclidean"), "average")


def forbidden_table(embeddings, photos):
    """All squared distances; infinity within a photo."""
    table = cdist(embeddings, embeddings, "sqeuclidean")
    if photos is not None:
        photos = np.asarray(photos)
        table[photos[:, None] == photos] = np.inf
    return table


def brute_force(embeddings, photos):
    """Join the two nearest clusters by the mean over pairs: heights, and the groups after each."""
    table = forbidden_table(embeddings, photos)
    clusters = [(i,) for i in range(len(table))]
    history = []
    while len(clusters) > 1:
        pairs = [(a, b) for i, a in enumerate(clusters) for b in clusters[:i]]
        a, b = min(pairs, key=lambda pair: table[np.ix_(*pair)].mean())
        clusters = [c for c in clusters if c not in (a, b)] + [a + b]
        history.append((table[np.ix_(a, b)].mean(), {frozenset(c) for c in clusters}))
    return history


def as_groups(labels):
    return {frozenset(np.flatnonzero(labels == label)) for label in np.unique(labels)}


def assert_greedy(tree, embeddings, photos):
    """Replay the tree: each join is allowed, at its true distance, and none is nearer."""
    table = forbidden_table(embeddings, photos)
    count = len(table)
    assert tree.shape == (count - 1, 4)
    clusters = {i: [i] for i in range(count)}
    for step, (left, right, height, size) in enumerate(tree):
        nearest = min(
            table[np.ix_(a, b)].mean()
            for i, a in clusters.items()
            for j, b in clusters.items()
            if i < j
        )
        a, b = clusters.pop(int(left)), clusters.pop(int(right))
        assert left < right
        assert height == pytest.approx(table[np.ix_(a, b)].mean(), abs=1e-9)
        assert height == pytest.approx(nearest, abs=1e-9)  # infinite only if nothing else is left
        clusters[count + step] = a + b
        assert size == len(a + b)
    assert (np.diff(tree[np.isfinite(tree[:, 2]), 2]) >= 0).all()


# --- the tree ---


@pytest.mark.parametrize(("people", "spread"), [(200, 0.5), (40, 1.0), (2000, 5.0)])
def test_it_is_the_tree_of_scipy(people, spread):
    embeddings, _ = some_faces(2000, people, spread=spread)
    tree, expected = average_linkage(embeddings), scipy_tree(embeddings)
    np.testing.assert_allclose(tree[:, 2], expected[:, 2], atol=1e-10)
    assert is_valid_linkage(tree)
    for distance in (0.1, 0.3, 0.7, 1.0, 1.5, 1.9, 2.1):
        ours, theirs = cut(tree, distance), fcluster(expected, distance, "distance")
        assert adjusted_rand_score(ours, theirs) == 1


@pytest.mark.parametrize("dims", [1, 2, 7, 33, 129])
@pytest.mark.parametrize("scale", [1e-3, 1, 50])
def test_any_vectors_will_do(dims, scale):
    """Not only unit vectors; far from the origin, where 2 - 2 mu·mu has no digits left."""
    embeddings = scale * (100 + np.random.default_rng(0).normal(size=(60, dims)))
    tree, expected = average_linkage(embeddings), scipy_tree(embeddings)
    np.testing.assert_allclose(tree, expected, rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
def test_the_type_of_the_embeddings_does_not_matter(dtype):
    embeddings = np.random.default_rng(0).integers(-100, 100, (50, 8)).astype(dtype)
    kept = embeddings.copy()
    np.testing.assert_allclose(average_linkage(embeddings), scipy_tree(embeddings), rtol=1e-12)
    np.testing.assert_array_equal(embeddings, kept)
    backwards = np.asfortranarray(embeddings[::-1])[::-1]
    np.testing.assert_array_equal(average_linkage(backwards), average_linkage(embeddings))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("photos", [1, 2, 3, 6, 20])
def test_with_photos_it_is_the_brute_force_loop(seed, photos):
    rng = np.random.default_rng(seed)
    embeddings, cut_from = rng.normal(size=(14, 3)), rng.integers(photos, size=14)
    tree = average_linkage(embeddings, cut_from)
    history = brute_force(embeddings, cut_from)
    np.testing.assert_allclose(tree[:, 2], [height for height, _ in history], atol=1e-9)
    for height, groups in history:
        if np.isfinite(height):
            assert as_groups(cut(tree, height + 1e-9)) == groups


@st.composite
def faces_in_photos(draw):
    """Points of a small grid, full of ties and duplicates, and photos or None."""
    count, dims = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    rows = st.lists(st.integers(0, 3), min_size=dims, max_size=dims)
    points = np.array(draw(st.lists(rows, min_size=count, max_size=count)), float)
    photos = st.lists(st.integers(-1, 4), min_size=count, max_size=count)
    return points / draw(st.sampled_from([1, 3, 10])), draw(st.none() | photos)


@settings(max_examples=400)
@given(faces_in_photos())
def test_with_ties_every_join_is_a_nearest_one(faces):
    assert_greedy(average_linkage(*faces), *faces)


@given(faces_in_photos(), st.floats(0, 20))
def test_no_group_has_two_faces_of_a_photo(faces, distance):
    embeddings, photos = faces
    result = cluster(embeddings, distance, photos)
    if photos is not None:
        pairs = list(zip(result.labels, photos, strict=True))
        assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize(
    "embeddings",
    [np.eye(300), 0.7 * np.eye(300), np.random.default_rng(0).integers(0, 8, (300, 2))],
    ids=["all equal", "all equal but for rounding", "a grid"],
)
def test_many_ties_give_a_whole_tree(embeddings):
    """Among equal heights, or heights that rounding makes unequal, parents follow children."""
    tree = average_linkage(embeddings)
    np.testing.assert_allclose(tree[0, 2], scipy_tree(embeddings)[0, 2])
    assert (np.diff(tree[:, 2]) >= 0).all()
    assert is_valid_linkage(tree)
    assert len(np.unique(tree[:, :2])) == 2 * 299  # each cluster is joined once


def test_equal_faces_are_exactly_zero_apart():
    embeddings, _ = some_faces(5, 5)
    tree = average_linkage(np.repeat(embeddings, 20, axis=0))
    assert (tree[:95, 2] == 0).all()
    assert np.bincount(cut(tree, 0)).tolist() == [20] * 5


def test_ties_go_to_the_lowest_face():
    # Face 0 is 1 away from 1, 2 and 3.
    tree = average_linkage([[0, 0], [0, 1], [1, 0], [0, -1]])
    assert tree[0].tolist() == [0, 1, 1, 2]


def test_equal_input_gives_an_equal_tree():
    embeddings, _ = some_faces(300, 20)
    embeddings = np.round(embeddings, 1)
    photos = np.arange(300) // 3
    first, again = (average_linkage(embeddings, photos).tobytes() for _ in range(2))
    assert first == again


def test_strings_name_photos_as_numbers_do():
    embeddings, _ = some_faces(40, 4)
    numbers = np.random.default_rng(0).integers(8, size=40)
    names = [f"{number}.jpg" for number in numbers]
    expected = average_linkage(embeddings, numbers)
    np.testing.assert_array_equal(average_linkage(embeddings, names), expected)
    assert np.isinf(expected[-1, 2])
    assert np.isfinite(average_linkage(embeddings, np.arange(40))).all()


def test_faces_of_one_photo_are_never_joined():
    tree = average_linkage(np.zeros((3, 2)), [7, 7, 7])
    assert tree.tolist() == [[0, 1, np.inf, 2], [2, 3, np.inf, 3]]
    assert cut(tree, 1e300).tolist() == [0, 1, 2]


@pytest.mark.parametrize("photos", [None, []])
def test_no_face(photos):
    assert average_linkage(np.empty((0, 128)), photos).shape == (0, 4)
    result = cluster(np.empty((0, 128)), 1.0, photos)
    for values in (result.labels, result.sizes, result.cohesion, result.diameter):
        assert values.shape == (0,)
    assert result.warning() is None


@pytest.mark.parametrize("photos", [None, ["a"]])
def test_one_face(photos):
    assert average_linkage(np.ones((1, 128)), photos).shape == (0, 4)
    result = cluster(np.ones((1, 128)), 0, photos)
    assert (result.labels.tolist(), result.sizes.tolist()) == ([0], [1])
    assert (result.cohesion.tolist(), result.diameter.tolist()) == ([0], [0])
    assert result.warning() is None


def test_memory_grows_with_the_faces_and_not_with_their_square():
    embeddings = np.random.default_rng(0).normal(size=(3000, 64))
    cluster(embeddings[:10], 1.0)  # compiled
    tracemalloc.start()
    cluster(embeddings, 100.0, np.arange(3000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * embeddings.nbytes  # one table of distances: 47 times


@pytest.mark.full
def test_twenty_thousand_faces_need_less_than_a_gibibyte():
    pytest.importorskip("resource", reason="no resource module on this system")
    code = (
        "import resource, sys\n"
        "from tests.classification.test_clustering import some_faces\n"
        "from minifacenet.classification.clustering import cluster\n"
        "cluster(some_faces(20_000, 2000)[0], 1.0)\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(peak if sys.platform == 'darwin' else peak * 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2**30


# --- groups ---


def test_a_distance_equal_to_the_height_is_joined():
    tree = average_linkage([[0.0], [1.0], [3.0]])  # (2² + 3²) / 2
    assert tree.tolist() == [[0, 1, 1, 2], [2, 3, 6.5, 3]]
    below = np.nextafter([1.0, 6.5], 0)
    assert cut(tree, below[0]).tolist() == [0, 1, 2]
    assert cut(tree, 1).tolist() == cut(tree, below[1]).tolist() == [0, 0, 1]
    assert cut(tree, 6.5).tolist() == [0, 0, 0]


def test_groups_are_numbered_by_size_and_then_by_their_first_face():
    embeddings = np.array([5, 1, 9, 9, 1, 7, 9, 2.0])[:, None]
    result = cluster(embeddings, 0.5)
    assert result.labels.tolist() == [2, 1, 0, 0, 1, 3, 0, 4]
    assert result.labels.dtype == np.int64
    assert result.sizes.tolist() == [3, 2, 1, 1, 1]
    assert result.distance == 0.5


def test_small_groups_are_noise():
    embeddings = np.array([5, 1, 9, 9, 1, 7, 9, 2.0])[:, None]
    result = cluster(embeddings, 0.5, min_size=2)
    assert result.labels.tolist() == [-1, 1, 0, 0, 1, -1, 0, -1]
    assert result.sizes.tolist() == [3, 2]
    assert len(result.cohesion) == len(result.diameter) == 2
    assert (cluster(embeddings, 0.5, min_size=4).labels == -1).all()


@pytest.mark.parametrize("min_size", [1, 3])
def test_cohesion_and_diameter_are_those_of_the_pairs(min_size):
    embeddings, _ = some_faces(200, 30, dims=16)
    result = cluster(embeddings, 0.6, min_size=min_size)
    assert len(result.sizes) > 10
    for group, size in enumerate(result.sizes):
        members = embeddings[result.labels == group].astype(np.float64)
        assert len(members) == size
        distances = pdist(members, "sqeuclidean") if size > 1 else np.zeros(1)
        assert result.cohesion[group] == pytest.approx(distances.mean(), rel=1e-12)
        assert result.diameter[group] == pytest.approx(distances.max(), rel=1e-12)


def test_people_are_found():
    embeddings, person = some_faces(400, 20)
    assert adjusted_rand_score(person, cluster(embeddings, 1.0).labels) == 1


def test_a_tree_is_cut_without_growing_it_again():
    embeddings, _ = some_faces(60, 6)
    photos = np.arange(60) // 2
    again = clusters_at(average_linkage(embeddings, photos), embeddings, 0.9, 2)
    for name, value in vars(cluster(embeddings, 0.9, photos, 2)).items():
        np.testing.assert_array_equal(value, getattr(again, name))


def test_sweep_is_a_table_of_cuts():
    tree = average_linkage([[0.0], [1.0], [3.0], [20.0]])
    assert sweep(tree, [0, 1, 6.5, 1000]) == [
        SweepRow(0, groups=4, largest=1, singletons=4),
        SweepRow(1, groups=3, largest=2, singletons=2),
        SweepRow(6.5, groups=2, largest=3, singletons=1),
        SweepRow(1000, groups=1, largest=4, singletons=0),
    ]


@pytest.mark.parametrize(
    ("distance", "min_size", "message"),
    [
        (0, 1, r"each of the 4 faces is alone at distance 0: raise the distance"),
        (2, 1, None),
        (2, 3, r"no group of the 4 faces is large enough at distance 2: raise .*lower min_size"),
        (6.5, 2, None),
        (1000, 1, r"all 4 faces are one group at distance 1000: lower the distance"),
    ],
)
def test_a_useless_distance_is_said_in_words(distance, min_size, message):
    warning = cluster([[0.0], [1.0], [3.0], [20.0]], distance, min_size=min_size).warning()
    if message is None:
        assert warning is None
    else:
        assert re.search(message, warning)


# --- bad input ---


@pytest.mark.parametrize("function", [average_linkage, lambda x, p=None: cluster(x, 1.0, p)])
@pytest.mark.parametrize(
    ("embeddings", "photos", "message"),
    [
        (np.zeros(3), None, r"expected embeddings of shape \(N, D\), got \(3,\)"),
        (np.zeros((2, 3, 4)), None, r"got \(2, 3, 4\)"),
        ([[0.0], [np.nan], [np.inf]], None, "NaN or infinity in 2 embeddings, first in row 1"),
        (np.zeros((3, 2)), [1, 2], r"photos needs shape \(3,\), one a face, got \(2,\)"),
        (np.zeros((2, 2)), [[1], [2]], r"got \(2, 1\)"),
        (np.zeros((1, 2)), [1, 2], r"photos needs shape \(1,\), one a face, got \(2,\)"),
        (np.zeros((2, 2)), [0.5, np.nan], "whole numbers or strings, got dtype float64"),
    ],
)
def test_unusable_faces_are_refused_in_words(function, embeddings, photos, message):
    with pytest.raises(ValueError, match=message):
        function(embeddings, photos)


@pytest.mark.parametrize("distance", [-0.1, np.nan, np.inf])
def test_a_distance_is_finite_and_not_negative(distance):
    message = f"distance is squared L2, finite and at least 0, got {distance}"
    tree = average_linkage(np.eye(3))
    for call in (
        lambda: cut(tree, distance),
        lambda: cluster(np.eye(3), distance),
        lambda: cluster(np.empty((0, 3)), distance),
        lambda: sweep(tree, [1.0, distance]),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_tree_has_four_columns_and_fits_the_embeddings():
    with pytest.raises(ValueError, match=r"shape \(N - 1, 4\), got \(3, 3\)"):
        cut(np.eye(3), 1.0)
    with pytest.raises(ValueError, match="a tree of 3 faces does not fit 4 embeddings"):
        clusters_at(average_linkage(np.eye(3)), np.eye(4), 1.0)


@pytest.mark.parametrize("min_size", [0, -2, np.nan])
def test_a_group_has_a_face(min_size):
    with pytest.raises(ValueError, match=f"min_size must be at least 1, got {min_size}"):
        cluster(np.eye(3), 1.0, min_size=min_size)
