import json
from dataclasses import replace

import numpy as np
import pytest

from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.clustering import average_linkage, cut
from minifacenet.classification.clustering_scores import bcubed
from minifacenet.classification.crowding import Crowding
from minifacenet.classification.thresholds import (
    FAR_TARGETS,
    GATE_TARGETS,
    GalleryGate,
    OpenSet,
    Thresholds,
    measure_thresholds,
)
from minifacenet.classification.verification import pair_distances, val_far
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import add_to_model, load_model, save_model
from minifacenet.files.arrays import CheckpointError
from tests.classification.test_classifier import faces


def group(seed, people=8):
    strangers, who = faces(people=people, spread=1.0, seed=seed)
    enrolled, names = faces(people=12, spread=1.0, seed=seed + 100)
    return OpenSet(strangers, who, enrolled, names)


def test_the_thresholds_keep_what_they_promise_on_the_pooled_groups():
    groups = [group(0), group(1), group(2)]
    it = measure_thresholds(groups, "three groups")
    pairs = [pair_distances(g.impostors, g.impostor_people) for g in groups]
    distances, same = (np.concatenate(part) for part in zip(*pairs, strict=True))
    assert (it.pairs_same, it.pairs_different) == (same.sum(), (~same).sum())
    assert it.pairs_different == 3 * 8 * 7 // 2 * 25  # within a group only
    for far in FAR_TARGETS:
        assert val_far(distances, same, it.far[far])[1] <= far
    nearest = np.concatenate(
        [
            FaceClassifier(threshold=4.0)
            .fit(g.gallery, g.gallery_people)
            .answers(g.impostors)
            .distance
            for g in groups
        ]
    )
    assert (it.stranger_faces, it.enrolled_people) == (120, 12)
    for far in GATE_TARGETS:
        assert (nearest <= it.gate[far]).mean() == pytest.approx(far, abs=1 / 120)
    val, far = val_far(distances, same, [it.accuracy, it.accuracy * 1.2, it.accuracy * 0.8])
    assert (val - far).argmax() == 0


def test_the_cut_is_the_best_that_any_place_gives():
    groups = [group(0), group(3)]
    trees = [average_linkage(g.impostors) for g in groups]

    def score(at):
        return np.mean(
            [bcubed(cut(t, at), g.impostor_people).f1 for t, g in zip(trees, groups, strict=True)]
        )

    best = score(measure_thresholds(groups, "a test").cut)
    assert best > 0.9
    assert best >= max(score(at) for at in np.linspace(0, 2.5, 300)) - 1e-12
    equal = OpenSet(np.eye(4, 128, dtype=np.float32), np.array([0, 0, 1, 1]), *faces())
    assert measure_thresholds([equal], "all equally far apart").cut == pytest.approx(2)


def test_they_travel_with_the_model(tmp_path):
    path = tmp_path / "model.safetensors"
    model = FaceNet.new(Architecture(size=32, channels=1))
    save_model(path, model)
    assert Thresholds.of_model(tmp_path) is None
    it = measure_thresholds([group(0)], "a test")
    add_to_model(path, "thresholds", it.as_dict())
    assert Thresholds.of_model(tmp_path) == Thresholds.of_model(path) == it
    assert load_model(path).digest == model.digest


def test_as_json_they_come_back():
    it = measure_thresholds([group(0)], "a test")
    assert Thresholds.of(json.loads(json.dumps(it.as_dict()))) == it


def test_equal_photos_of_two_people_give_thresholds_that_are_kept():
    """No threshold tells them apart: a verification would accept nothing at -1."""
    same = np.eye(4, 128, dtype=np.float32)[[0, 0, 1, 1]]
    strangers = OpenSet(same, np.array([0, 1, 0, 1]), same, np.array([2, 2, 3, 3]))
    it = measure_thresholds([strangers], "copies")
    assert Thresholds.of(json.loads(json.dumps(it.as_dict()))) == it
    assert it.far[0.001] == it.gate[0.01] == 0


@pytest.mark.parametrize("value", [np.nan, -1, 4.5, np.inf, True, None, "0.5", [1.0]])
@pytest.mark.parametrize("name", ["accuracy", "cut", "far", "gate"])
def test_what_is_no_distance_is_no_threshold(name, value):
    stored = measure_thresholds([group(0)], "a test").as_dict()
    stored[name] = {0.1: value} if name in ("far", "gate") else value
    with pytest.raises(ValueError, match=f"threshold '{name}'.* a number from 0 to 4, got"):
        Thresholds.of(stored)


def test_strangers_without_a_pair_are_refused():
    lone = OpenSet(*faces(photos=1), *faces(seed=1))
    with pytest.raises(ValueError, match="someone needs two photos"):
        measure_thresholds([lone], "nobody")


ODD = [None, True, -1, 4.5, 339, float("nan"), float("inf"), "0.5", [], {}, 10**400, "x" * 9000]


@pytest.mark.parametrize("name", [*vars(measure_thresholds([group(0)], "a test")), "all"])
def test_odd_values_in_a_model_are_one_line_each(tmp_path, name):
    path = tmp_path / "model.safetensors"
    save_model(path, FaceNet.new(Architecture(size=32, channels=1)))
    it = measure_thresholds([group(0)], "a test").as_dict()
    counts = ("pairs_same", "pairs_different", "stranger_faces", "enrolled_people")
    for value in ODD:
        if (name == "source" and isinstance(value, str)) or (name, value) == ("all", None):
            continue
        if name in counts and value in (339, 10**400):
            continue
        if name == "galleries" and value == []:
            continue
        changed = [{**it, name: value} if name != "all" else value]
        if name in ("far", "gate"):
            changed += [{**it, name: {"0.1": value}}, {**it, name: {"x" * 9000: 0.5}}]
            changed += [{**it, name: {"7": 0.5}}]
            changed = changed[1 if value == {} else 0 :]
        for stored in changed:
            add_to_model(path, "thresholds", stored)
            with pytest.raises(CheckpointError, match="its thresholds cannot be read") as error:
                Thresholds.of_model(path)
            assert str(path) in str(error.value)
            assert len(str(error.value)) < len(str(path)) + 500


def with_galleries():
    it = measure_thresholds([group(0)], "somebody")
    sizes = [(10, 1), (10, 5), (100, 1), (100, 5)]
    galleries = tuple(
        GalleryGate(people, photos, {0.1: 0.5, 0.05: people / 1000 + photos / 100})
        for people, photos in sizes
    )
    return replace(it, galleries=galleries)


@pytest.mark.parametrize(
    ("people", "photos", "nearest"),
    [
        (1, 1, (10, 1)),
        (10, 1, (10, 1)),
        (20, 2, (10, 1)),
        (31, 2, (10, 1)),
        (32, 2, (100, 1)),
        (40, 3, (100, 5)),
        (5000, 40, (100, 5)),
    ],
)
def test_the_gate_is_that_of_the_gallery_nearest_in_size(people, photos, nearest):
    threshold, words = with_galleries().gate_for(people, photos, 0.05)
    assert threshold == nearest[0] / 1000 + nearest[1] / 100
    assert words.startswith(f"{nearest[0]} people with {nearest[1]} photo")


def test_of_two_galleries_as_near_the_larger_one_counts():
    it = replace(
        with_galleries(), galleries=(GalleryGate(10, 1, {0.1: 0.3}), GalleryGate(40, 1, {0.1: 0.2}))
    )
    assert it.gate_for(20, 1, 0.1)[0] == 0.2


def test_without_galleries_the_gate_is_one_for_all():
    it = measure_thresholds([group(0)], "somebody")
    assert it.gate_for(1000, 1, 0.05) == (it.gate[0.05], "12 people")
    assert it.gate_for(1000, 1, 0.3) is None
    assert with_galleries().gate_for(10, 1, 0.3) is None
    assert with_galleries().gate_rates() == [0.1, 0.05]


def test_crowding_comes_back_from_json_and_needs_galleries():
    crowding = Crowding(((0.5, -0.25), (0.0, 1.0)), 0.45, 0.3)
    it = replace(with_galleries(), crowding=crowding)
    stored = json.loads(json.dumps(it.as_dict()))
    assert Thresholds.of(stored) == it
    assert "crowding" not in with_galleries().as_dict()  # as before there was any
    with pytest.raises(ValueError, match="crowding goes with gates of galleries"):
        Thresholds.of({**stored, "galleries": []})


def test_galleries_come_back_from_json():
    it = with_galleries()
    assert Thresholds.of(json.loads(json.dumps(it.as_dict()))) == it


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("people", 0),
        ("photos", 1.5),
        ("people", "ten"),
        ("gate", {"0.1": 9}),
        ("gate", {"0.1": 4.0005}),
        ("gate", {"0.1": -1e-4}),
        ("people", 10**400),
        ("photos", 10**400),
    ],
)
def test_a_gallery_that_cannot_be_is_refused(field, value):
    stored = json.loads(json.dumps(with_galleries().as_dict()))
    stored["galleries"][0][field] = value
    stored["galleries"].append(with_galleries().as_dict()["galleries"][0])  # as large, and right
    with pytest.raises(ValueError, match=r"gallery|gate of"):
        Thresholds.of(stored)
