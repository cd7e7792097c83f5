"""How crowded it is around a person, and the gate that follows."""

import json

import numpy as np
import pytest

from minifacenet.classification.crowding import Crowding, personal_gates

CENTRES = ((0.6, 0.0), (0.0, 0.5))


def test_a_gate_moves_with_the_distance_to_the_nearest_centre():
    it = Crowding(CENTRES, share=0.5, usual=0.2)
    means = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    np.testing.assert_allclose(it.to_centre(means), [0.16, 0.25, 1.25])
    np.testing.assert_allclose(it.allowances(means), [-0.02, 0.025, 0.525])
    np.testing.assert_allclose(personal_gates(0.01, it.allowances(means)), [0, 0.035, 0.535])


def test_centres_are_the_means_of_groups_and_the_usual_distance_is_that_of_the_people():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(8)[:3], 20, axis=0)
    faces = groups + 0.02 * rng.normal(size=groups.shape)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    it = Crowding.measure(faces, np.eye(8)[2:4], share=0.3, centres=3)
    expected = faces.reshape(3, 20, 8).mean(axis=1)
    order = np.array(it.centres)[:, :3].argmax(axis=1).argsort()
    np.testing.assert_allclose(np.array(it.centres)[order], expected, atol=6e-6)  # five digits
    np.testing.assert_allclose(it.usual, it.to_centre(np.eye(8)[2:4]).mean())
    assert 0.9 < it.usual < 1.1  # one of the two lies in a group, and one far from all
    assert it == Crowding.measure(faces, np.eye(8)[2:4], share=0.3, centres=3)


def test_it_comes_back_from_json():
    it = Crowding(CENTRES, 0.45, 0.3)
    assert Crowding.of(json.loads(json.dumps(vars(it)))) == it
    assert "0.6" not in repr(it)  # 32 x 128 numbers would bury what is said with it


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (None, "crowding has centres, share and usual, got"),
        ({"more": 1}, "crowding has centres, share and usual, got"),
        ({"share": 1.5}, "share of crowding is from 0 to 1, got 1.5"),
        ({"share": True}, "share of crowding"),
        ({"usual": -1}, "usual distance is from 0 to 4, got -1"),
        ({"usual": float("nan")}, "usual distance"),
        ({"centres": []}, "centres are lists of numbers"),
        ({"centres": {"a": 1}}, "centres are lists of numbers"),
        ({"centres": [[0.1], 3]}, "centres are lists of numbers"),
        ({"centres": [[], []]}, "centres are lists of numbers"),
        ({"centres": [[0.1], [0.1, 0.2]]}, "of one length"),
        ({"centres": [[0.1, "x"]]}, "numbers from -1 to 1, got 'x'"),
        ({"centres": [[0.1, 1.5]]}, "numbers from -1 to 1, got 1.5"),
        ({"centres": [[0.1, 10**400]]}, "numbers from -1 to 1"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    stored = vars(Crowding(CENTRES, 0.45, 0.3))
    with pytest.raises(ValueError, match=message):
        Crowding.of(None if changes is None else {**stored, **changes})


def test_embeddings_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"centres have 2 numbers, .*\(1, 3\) do not fit"):
        Crowding(CENTRES, 0.45, 0.3).allowances(np.ones((1, 3)))
