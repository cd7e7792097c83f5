"""The running average of the weights, and a training that keeps it."""

import numpy as np
import pytest

from minifacenet.embedding import architectures
from minifacenet.embedding.architectures import Architecture, FaceNet, Network
from minifacenet.embedding.checkpoint import load_model
from minifacenet.files.arrays import CheckpointError, load_arrays
from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.maxpool import MaxPool
from minifacenet.preprocessing.faces import Faces
from minifacenet.training import judges
from minifacenet.training import run as training_run
from minifacenet.training.average import WeightAverage, average_step
from minifacenet.training.observer import Observer
from minifacenet.training.run import began_with, run_training
from minifacenet.training.settings import TrainConfig, TrainingRunConfig

KEEP = 0.7


def build(shape, widths, dim, rng, dtype=np.float32):
    return Sequential(
        ("pool", MaxPool(8, 8)),
        ("fc", Linear(16, dim, rng, dtype=dtype)),
        ("fc.bn", BatchNorm(dim, dtype=dtype)),
        ("L2", L2Norm()),
    )


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setitem(architectures.NETWORKS, "small", Network(32, {}, build))


@pytest.fixture
def faces():
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 1), np.uint8)
    return Faces(images, np.arange(20) // 4, tuple("abcde"), tuple(f"{i}.png" for i in range(20)))


def config(average=KEEP, held_out=0.4):
    training = TrainConfig(
        steps=6, people=3, photos=3, augmentation=None, mining="all", margin=1.0, rate=0.05
    )
    architecture = Architecture("small", channels=1, dim=3)
    return TrainingRunConfig(
        architecture, training, held_out=held_out, average=average, check_every=3, save_every=1
    )


def values(model):
    return {name: p.data.copy() for name, p in model.network.parameters().items()}


def test_it_is_the_sum_by_hand():
    """Each step's weights times (1 - keep) keep^age, and the first times keep^steps."""
    network, rng = (
        build(None, {}, 3, np.random.default_rng(0), np.float64),
        np.random.default_rng(1),
    )
    average = WeightAverage(network, KEEP)
    seen = [{name: p.data.copy() for name, p in network.parameters().items()}]
    recursive = dict(seen[0])
    for _ in range(4):
        for parameter in network.parameters().values():
            with parameter.edit() as w:
                w += rng.standard_normal(w.shape)
        average.update()
        seen.append({name: p.data.copy() for name, p in network.parameters().items()})
        for name, array in seen[-1].items():
            recursive[name] = average_step(recursive[name], array, KEEP)
    shares = [KEEP**4, *((1 - KEEP) * KEEP**age for age in (3, 2, 1, 0))]
    assert {"fc.weight", "fc.bias", "fc.bn.running_mean"} <= average.state().keys()
    for name, array in average.state().items():
        expected = sum(share * at[name] for share, at in zip(shares, seen, strict=True))
        np.testing.assert_allclose(array, expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(array, recursive[name], rtol=1e-12, atol=1e-14)


def test_its_model_has_the_average_and_leaves_the_weights_alone():
    model = FaceNet.new(config().architecture)
    average, first = WeightAverage(model.network, 0.5), values(model)
    for parameter in model.network.parameters().values():
        with parameter.edit() as w:
            w += 1
    average.update()
    for name, array in values(average.of(model)).items():
        np.testing.assert_allclose(array, first[name] + 0.5, rtol=1e-6)
        np.testing.assert_array_equal(values(model)[name], first[name] + 1)


@pytest.mark.parametrize("keep", [-0.1, 1, float("nan")])
def test_a_share_that_cannot_be_is_refused(keep):
    with pytest.raises(ValueError, match="less than 1"):
        WeightAverage(FaceNet.new(config().architecture).network, keep)
    with pytest.raises(ValueError, match="average"):
        config(average=keep)


def test_the_average_is_judged_and_kept_and_the_weights_learn_as_without(
    faces, tmp_path, monkeypatch
):
    checked, real = [], judges.Check.__call__

    def check(self, model):
        checked.append(values(model))
        return real(self, model)

    monkeypatch.setattr(judges.Check, "__call__", check)
    monkeypatch.setattr(training_run, "longest_within_error", lambda checks: checks[-1][0])
    seen, real_update = [], WeightAverage.update

    def update(self):
        seen.append({name: p.data.copy() for name, p in self.network.parameters().items()})
        real_update(self)

    monkeypatch.setattr(WeightAverage, "update", update)
    run_training(faces, tmp_path / "averaged", config())
    average = values(FaceNet.new(config().architecture, 0))
    assert len(seen) == 6
    for weights in seen:
        average = {n: average_step(average[n], weights[n], np.float32(KEEP)) for n in average}
    kept = values(load_model(tmp_path / "averaged"))
    for name in kept:
        np.testing.assert_allclose(kept[name], average[name], rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(checked[-1][name], kept[name])
    run_training(faces, tmp_path / "plain", config(average=0.0))
    states = [load_arrays(tmp_path / out / "state.safetensors")[0] for out in ("averaged", "plain")]
    for name, array in states[1].items():
        np.testing.assert_array_equal(states[0][name], array)
    assert (kept["fc.weight"] != states[0]["weights.fc.weight"]).any()


class Dying(Observer):
    def step(self, record):
        if record.step == 5:
            raise InterruptedError


def test_going_on_ends_in_the_same_bits(faces, tmp_path):
    run_training(faces, tmp_path / "whole", config())
    with pytest.raises(InterruptedError):
        run_training(faces, tmp_path / "cut", config(), Dying())
    run_training(faces, tmp_path / "cut", began_with(tmp_path / "cut"), resume=True)
    for name in ("model.safetensors", "state.safetensors", "checks.csv"):
        whole, cut = ((tmp_path / out / name).read_bytes() for out in ("whole", "cut"))
        assert whole == cut, name
    with pytest.raises(CheckpointError, match=r"average: 0\.7 -> 0\.0"):
        run_training(faces, tmp_path / "cut", config(average=0.0), resume=True)
