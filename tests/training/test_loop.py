from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.augmentation import Augmentation
from minifacenet.embedding.batches import sample_batch, to_input
from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.mining import RULES, semi_hard_closest
from minifacenet.embedding.offline import mine_offline
from minifacenet.embedding.triplet import embedding_gradient, triplet_loss
from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.training.loop import TrainingState, is_trainable, train, train_watched
from minifacenet.training.observer import Observer, Observers
from minifacenet.training.settings import TrainConfig
from minifacenet.training.state import load_state, save_state

QUICK = TrainConfig(steps=3, people=3, photos=2)


@pytest.fixture(scope="module")
def faces():
    """Four 'people', each a pattern of their own, in noise."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(60, 196, (4, 1, 32, 32, 1))
    images = patterns + rng.integers(-40, 40, (4, 5, 32, 32, 1))
    return SimpleNamespace(
        images=images.reshape(20, 32, 32, 1).astype(np.uint8), labels=np.repeat(np.arange(4), 5)
    )


def new_network(seed=0):
    return FaceNet.new(Architecture(size=32, channels=1), seed).network


def test_it_learns(faces):
    config = TrainConfig(steps=40, people=4, photos=4, rate=1e-3, augmentation=None)
    records = list(train(new_network(), faces, config))
    assert [r.step for r in records] == list(range(1, 41))
    first, last = records[0], records[-1]
    assert last.negative_distance - last.positive_distance > 0.5
    assert first.negative_distance - first.positive_distance < 0.5
    assert last.spread > 0.5


def test_the_record_tells_the_truth(faces):
    record = next(train(new_network(), faces, QUICK))
    assert record.images == 6
    assert 0 <= record.active <= 1
    assert record.active == pytest.approx(record.triplets / 6)  # 3 people x 2 x 1 ordered pairs
    pairs = 6 * record.positive_distance + 24 * record.negative_distance
    assert record.spread == pytest.approx(pairs / 30, rel=1e-5)


@pytest.mark.parametrize("mine_every", [0, 2])
def test_who_listens_sees_the_batch_of_each_step(faces, mine_every):
    told = []

    class Listener(Observer):
        def batch(self, photos, distances):
            told.append((photos, distances))

        def step(self, record):
            told.append(record)

    config = replace(QUICK, mine_every=mine_every)
    train_watched(new_network(), faces, config, Observers(Observer(), Listener()), "")
    assert len(told) == 6
    for (photos, distances), record in zip(told[::2], told[1::2], strict=True):
        other = ~np.eye(len(photos), dtype=bool)
        same = (faces.labels[photos][:, None] == faces.labels[photos][None]) & other
        assert len(photos) == record.images
        assert distances[other].mean() == pytest.approx(record.spread)
        assert distances[same].mean() == pytest.approx(record.positive_distance)


def test_several_who_listen_are_told_everything():
    heard = []

    class Listener(Observer):
        def __getattribute__(self, name):
            return lambda *arguments: heard.append((name, *arguments))

    told = ("say", "embedded", "start_training", "batch", "step", "check", "stop_training")
    assert set(told) == {name for name in vars(Observer) if not name.startswith("_")}
    given = (("a",), ("v1", 2, 9), ("b", 3, 2), (1, 2), (3,), (4, 5, 6), ())
    both = Observers(Listener(), Listener())
    for name, arguments in zip(told, given, strict=True):
        getattr(both, name)(*arguments)
    expected = [(name, *arguments) for name, arguments in zip(told, given, strict=True)]
    assert heard[::2] == heard[1::2] == expected


def test_a_seed_repeats_every_bit(faces):
    runs = []
    for seed in (1, 1, 2):
        network = new_network()
        losses = [r.loss for r in train(network, faces, replace(QUICK, seed=seed))]
        runs.append((losses, network.parameters()["fc2.weight"].data))
    assert runs[0][0] == runs[1][0] != runs[2][0]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])


def test_each_step_starts_from_zero_gradients_and_follows_the_schedule(faces):
    """Three steps of SGD by hand: the rates of a half cosine, gradients of this step only."""
    config = replace(QUICK, optimizer="sgd", rate=0.1, augmentation=None)
    network, twin = new_network(), new_network()
    rng, velocity = np.random.default_rng(config.seed), {}
    for step, _ in enumerate(train(network, faces, config)):
        batch = sample_batch(faces.labels, config.people, config.photos, rng)
        embeddings = twin.forward(to_input(faces.images[batch]), train=True)
        distances = squared_distances(embeddings)
        triplets = semi_hard_closest(distances, faces.labels[batch], config.margin)
        _, _, weights = triplet_loss(distances, triplets, config.margin)
        twin.zero_grad()
        twin.backward(embedding_gradient(weights, embeddings))
        for name, parameter in twin.parameters().items():
            velocity[name] = 0.9 * velocity.get(name, 0) + parameter.grad
            with parameter.edit() as w:
                w -= 0.1 * (0.5 * (1 + np.cos(np.pi * step / 3))) * velocity[name]
    for name, parameter in network.parameters().items():
        np.testing.assert_allclose(
            parameter.data, twin.parameters()[name].data, rtol=0, atol=1e-6, err_msg=name
        )


def test_every_batch_is_augmented(faces):
    seen = []

    class Spy(Augmentation):
        def __call__(self, images, rng, part=slice(None)):
            seen.append(images[part].shape)
            return super().__call__(images, rng, part)

    list(train(new_network(), faces, replace(QUICK, augmentation=Spy())))
    assert seen == [(6, 32, 32, 1)] * 3


def test_a_run_that_diverges_is_stopped(faces):
    config = replace(QUICK, steps=30, rate=1e6, optimizer="sgd", augmentation=None)
    with pytest.raises(FloatingPointError, match="not finite"):
        list(train(new_network(), faces, config))


@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_a_batch_in_chunks_has_the_gradient_of_the_whole(faces, dtype, bound):
    gradients = []
    for chunk in (None, 7):  # 7 does not divide the 20 photos
        network = Architecture(size=32, channels=1).build(np.random.default_rng(0), dtype)
        as_float(network, dtype)
        config = replace(QUICK, people=4, photos=5, augmentation=None)
        # A fresh network's embeddings lie so near to each other that float32 loses digits: warm up.
        list(train(network, faces, replace(config, steps=10)))
        next(train(network, faces, replace(config, chunk=chunk)))
        gradients.append({name: p.grad for name, p in network.parameters().items()})
    for name, expected in gradients[0].items():
        assert expected.any(), name
        difference = np.abs(gradients[1][name] - expected).max()
        assert difference <= bound * np.abs(expected).max(), name


def as_float(network, dtype):
    """The network, fed in `dtype`: `to_input` gives float32."""
    forward = network.forward
    network.forward = lambda x, train=False: forward(x.astype(dtype), train)


@pytest.mark.parametrize("mining", RULES)
def test_every_rule_learns(faces, mining):
    config = TrainConfig(steps=30, people=4, photos=4, rate=5e-4, augmentation=None, mining=mining)
    records = list(train(new_network(), faces, config))
    gaps = [r.negative_distance - r.positive_distance for r in records]
    assert max(gaps[-5:]) > gaps[0] + 0.1


def test_a_schedule_changes_the_rule_at_its_step():
    config = TrainConfig(mining="semi-hard, semi-hard-random@10,hardest@200")
    rules = [config.rule_at(step) for step in (1, 9, 10, 199, 200, 999)]
    assert rules == ["semi-hard"] * 2 + ["semi-hard-random"] * 2 + ["hardest"] * 2


def test_offline_triplets_are_trained_on_and_mined_anew(faces, monkeypatch):
    mined = []

    def spy(*arguments):
        mined.append(mine_offline(*arguments))
        return mined[-1]

    monkeypatch.setattr("minifacenet.training.loop.mine_offline", spy)
    config = replace(QUICK, steps=40, mining="hardest", mine_every=30, augmentation=None, rate=1e-3)
    network = new_network()
    state = TrainingState(network, config)
    for record in train(network, faces, config, state):
        taken = record.active and round(record.triplets / record.active)
        assert taken in (0, 2)  # 3 people x 2 photos are room for two triplets
        assert record.images <= 6
        if record.step == 1:
            assert len(mined[0]) - len(state.queue) == 2
    assert len(mined) == 2  # after 0 and 30 steps: 80 pairs last for 40
    gaps = squared_distances(network.forward(to_input(faces.images)))
    same = faces.labels[:, None] == faces.labels
    assert gaps[~same].mean() > 3 * gaps[same].mean()


def test_an_empty_queue_leaves_mining_to_the_batch(faces):
    record = next(train(new_network(), faces, replace(QUICK, mine_every=5, margin=1e-12)))
    assert (record.images, record.triplets) == (6, 0)


@pytest.mark.parametrize(
    "change",
    [
        dict(optimizer="adam", mining="semi-hard-random"),
        dict(optimizer="adagrad"),
        dict(optimizer="sgd", rate=0.01),
        dict(mine_every=3, mining="hardest"),
        dict(chunk=3, extra_negatives=1),
    ],
    ids=str,
)
def test_a_training_that_goes_on_repeats_every_bit(faces, tmp_path, change):
    config = replace(QUICK, steps=7, **change)
    architecture = Architecture(size=32, channels=1)
    whole = FaceNet.new(architecture)
    expected = [replace(r, seconds=0) for r in train(whole.network, faces, config)]
    records, path = [], tmp_path / "state.safetensors"
    for stop in (2, 3, 7):  # a new process each time, as far as the arrays can tell
        model = FaceNet.new(architecture, seed=99 if records else 0)
        state = TrainingState(model.network, config)
        if records:
            load_state(path, model, state, {"seed": 0})
        for record in train(model.network, faces, config, state):
            records.append(replace(record, seconds=0))
            if record.step == stop:
                save_state(path, model, state, {"seed": 0})
                break
    assert records == expected
    for name, parameter in whole.network.parameters().items():
        np.testing.assert_array_equal(
            model.network.parameters()[name].data, parameter.data, err_msg=name
        )


def test_nothing_to_learn_changes_nothing(faces):
    """A margin so small that no negative is semi-hard: steps are counted, weights stay."""
    network = new_network()
    before = {name: p.data.copy() for name, p in network.parameters().items()}
    records = list(train(network, faces, replace(QUICK, margin=1e-12)))
    assert [r.triplets for r in records] == [0, 0, 0]
    assert [r.loss for r in records] == [0, 0, 0]
    for name, parameter in network.parameters().items():
        np.testing.assert_array_equal(parameter.data, before[name])


def test_broken_weights_stop_the_run(faces):
    network = new_network()
    with network.parameters()["conv4.weight"].edit() as w:
        w[0, 0, 0, 0] = np.nan
    with pytest.raises(FloatingPointError, match=r"not finite.* first in layer conv4:"):
        next(train(network, faces, QUICK))


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], []], ids=str)
def test_without_a_triplet_there_is_no_training(labels):
    labels = np.array(labels, dtype=int)
    assert not is_trainable(labels)
    faces = SimpleNamespace(images=np.zeros((len(labels), 32, 32, 1), np.uint8), labels=labels)
    with pytest.raises(ValueError, match=f"two photos of one person.*got {len(labels)} photos"):
        next(train(new_network(), faces, QUICK))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(optimizer="lion"), "'lion'.*adagrad, adam, sgd"),
        (dict(steps=0), "steps must be at least 1.*0"),
        (dict(people=1), "people must be at least 2.*1"),
        (dict(margin=0), "margin.*0"),
        (dict(rate=float("nan")), "rate.*nan"),
        (dict(mining="seminard"), "semi-hard, semi-hard-random, hardest, all.*'seminard'"),
        (dict(mining="semi-hard, hardest@soon"), "hardest@soon"),
        (dict(mining="semi-hard@0"), "semi-hard@0"),
        (dict(mining="semi-hard, hardest@"), "hardest@'"),
        (dict(mining="semi-hard, hardest@²"), "hardest@²"),
        (dict(mining="semi-hard, hardest"), "two mining rules begin at one step"),
        (dict(extra_negatives=-1), "extra_negatives.*-1"),
        (dict(chunk=0), "chunk.*0"),
        (dict(mine_every=-1), "mine_every must be at least 0.*-1"),
        (dict(mine_every=9, mining="semi-hard, all@5"), "offline.*'all'.*semi-hard, .*hardest"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**change)


def test_a_network_with_batch_norm_learns_by_whole_batches(faces):
    def network():
        rng = np.random.default_rng(0)
        layers = (("fc", Linear(faces.images[0].size, 8, rng)), ("bn", BatchNorm(8)))
        return Sequential(*layers, ("L2", L2Norm()))

    next(train(network(), faces, replace(QUICK, chunk=None)))
    with pytest.raises(ValueError, match=r"batch norm sees its batch as a whole.*chunks of 7"):
        next(train(network(), faces, replace(QUICK, chunk=7)))
