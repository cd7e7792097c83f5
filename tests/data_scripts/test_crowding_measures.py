"""What is measured for a gate per person, on made-up faces."""

import numpy as np

from minifacenet.classification.crowding import Crowding
from minifacenet.data_scripts.crowding_measures import Folds, Sample, directions, in_a_crowd


def sample(people=44, photos=2, seed=0):
    rng = np.random.default_rng(seed)
    faces = np.repeat(rng.normal(size=(people, 6)), photos, axis=0)
    faces += 0.1 * rng.normal(size=faces.shape)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    return Sample.of(faces, np.repeat([f"person {i:02}" for i in range(people)], photos))


def test_nobody_has_a_part_in_the_centres_of_their_own_gate():
    """With a centre for nearly each person, one's own would lie at no distance."""
    people = sample()
    folds = Folds.of(people, np.random.default_rng(0), folds=4)
    means = people.means()
    theirs = folds.allowances(people.names, means) + folds.whole.usual
    assert theirs.min() > 0
    assert np.median(theirs) > 4 * np.median(folds.whole.to_centre(means))
    np.testing.assert_allclose(theirs.mean(), folds.whole.usual)
    half = folds.with_share(0.5).allowances(people.names, means)
    np.testing.assert_allclose(half, 0.5 * (theirs - folds.whole.usual))


def test_a_crowd_is_where_the_centres_have_the_least_scatter():
    centres = ((0.9, 0.0), (0.0, 0.5), (-0.4, 0.0), (0.0, -0.3))
    faces = directions([np.array([[x, y]]) for x, y in ((1, 0.1), (0.1, 1), (-1, 0), (0, -1))])
    found = in_a_crowd(Crowding(centres, 0.5, 0.3), faces)
    np.testing.assert_array_equal(found, [True, False, False, False])
