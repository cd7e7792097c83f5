"""Networks as ONNX files: another program computes what we do, layer by layer and as a whole."""

import importlib
import json
import os
import pkgutil
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import minifacenet
from minifacenet import nn
from minifacenet.classification.thresholds import Thresholds
from minifacenet.embedding import onnx_export
from minifacenet.embedding.architectures import NETWORKS, Architecture, FaceNet
from minifacenet.embedding.checkpoint import add_to_model, load_model, save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.embedding.onnx_export import as_model, difference, export_onnx, finish
from minifacenet.embedding.onnx_layers import EMITTERS, Graph, emit
from minifacenet.nn.avgpool import AvgPool
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.l2pool import L2Pool
from minifacenet.nn.layer import Layer, Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.lrn import LRN
from minifacenet.nn.maxpool import MaxPool
from minifacenet.nn.prelu import PReLU
from minifacenet.nn.relu import ReLU
from tests.conftest import need, text
from tests.nn.cases import EVERY_LAYER

CLOSE = 1e-5  # of the largest number
LARGE = {"nn1"}  # networks with a gigabyte of weights, once as arrays and once as a file
SMALL = Architecture(size=32, channels=1, dim=8)


@pytest.fixture
def packages():
    need(find_spec("onnx") and find_spec("onnxruntime"), "onnx or onnxruntime is not installed")


def with_packages(test):
    return pytest.mark.extra(pytest.mark.usefixtures("packages")(test))


def file_of(layer, shape):
    """The bytes of an ONNX file of one layer, with its input and output as ours."""
    import onnx

    graph, x, given_shape = Graph("x"), "x", layer.output_shape(shape)
    if len(shape) == 3:
        x = graph.node("Transpose", [x], "first", perm=[0, 3, 1, 2])
    y = emit(graph, layer, x, shape, "layer")
    if len(given_shape) == 3:
        y = graph.node("Transpose", [y], "last", perm=[0, 2, 3, 1])
    finish(graph, y)
    ends = (("x", shape), (onnx_export.EMBEDDINGS, given_shape))
    model = as_model(
        graph,
        *(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", *sizes])
            for name, sizes in ends
        ),
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def session_of(file):
    import onnxruntime

    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def check_layer(layer, x):
    """The file of a layer gives what the layer gives; the other side's output is returned."""
    ours = layer.forward(x)
    (theirs,) = session_of(file_of(layer, x.shape[1:])).run(None, {"x": x})
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=CLOSE * np.abs(ours).max())
    return theirs


def with_random_weights(layer, rng):
    """No weight is 0 or 1, as fresh ones may be: one that got lost would be missed."""
    for name, parameter in layer.parameters().items():
        with parameter.edit() as values:
            values[...] = rng.uniform(0.5, 1.5, values.shape)
            if not name.endswith("variance"):
                values[rng.random(values.shape) < 0.3] *= -1
    return layer


# -- Layers ----------------------------------------------------------------------------------------


def layer_classes():
    for module in pkgutil.walk_packages(nn.__path__, "minifacenet.nn."):
        importlib.import_module(module.name)
    open_ones = [Layer]
    while open_ones:
        below = open_ones.pop().__subclasses__()
        open_ones += below
        yield from (c for c in below if c.__module__.startswith("minifacenet.nn."))


@pytest.mark.parametrize("kind", sorted({c.__name__ for c in layer_classes()} - {"Pooling"}))
def test_every_layer_of_ours_has_an_emitter(kind):
    assert kind in EMITTERS


def kinds(layer):
    yield type(layer).__name__
    for value in vars(layer).values():
        for inner in value.values() if isinstance(value, dict) else [value]:
            if isinstance(inner, Layer):
                yield from kinds(inner)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of_every_network_has_an_emitter(name):
    assert {*kinds(FaceNet.blank(Architecture(name)).network)} <= {*EMITTERS}


@with_packages
@pytest.mark.parametrize("case", EVERY_LAYER, ids=repr)
def test_another_program_computes_the_layer_as_we_do(case):
    rng = np.random.default_rng(0)
    layer = with_random_weights(case.make(rng, np.float32), rng)
    check_layer(layer, case.input(rng, np.float32))


@with_packages
@settings(max_examples=60)
@given(data=st.data(), kind=st.sampled_from([MaxPool, AvgPool, L2Pool]), ceil_mode=st.booleans())
def test_poolings_have_the_same_windows(data, kind, ceil_mode):
    def two(least, most):
        return st.tuples(st.integers(least, most), st.integers(least, most))

    kernel, stride, size = data.draw(two(1, 4)), data.draw(two(1, 4)), data.draw(two(1, 9))
    pad = [data.draw(two(0, side - 1)) for side in kernel]
    options = {"count_include_pad": data.draw(st.booleans())} if kind is AvgPool else {}
    layer = kind(kernel, stride, pad, ceil_mode, **options)
    padded = (n + sum(p) >= k for n, p, k in zip(size, pad, kernel, strict=True))
    assume(all(padded))
    x = np.random.default_rng(0).standard_normal((2, *size, 3), np.float32)
    check_layer(layer, x - 3 * (kind is MaxPool))  # all below 0: padding must not win


@with_packages
@pytest.mark.parametrize("counted", [False, True])
def test_what_hangs_over_the_edge_never_counts_in_a_mean(counted):
    x = np.random.default_rng(0).standard_normal((2, 6, 7, 3), np.float32)
    layer = AvgPool((3, 2), (2, 4), ((1, 0), (1, 0)), ceil_mode=True, count_include_pad=counted)
    assert layer.output_shape((6, 7, 3)) == (3, 2, 3)
    check_layer(layer, x)
    hanging = AvgPool((3, 2), 2, ((0, 0), (0, 1)), ceil_mode=True, count_include_pad=counted)
    assert hanging.output_shape((6, 7, 3))[:2] == (3, 4)  # rows hang over, columns do not
    check_layer(hanging, x)


@with_packages
def test_a_network_goes_on_with_maps_of_odd_sizes_and_flattens_them_pixel_by_pixel():
    rng = np.random.default_rng(0)
    inception = Concat(
        ("1x1", Sequential(("conv", Conv2D(4, 3, 1, rng)), ("relu", ReLU()))),
        ("pool", Sequential(("pool", L2Pool(3, 1, 1)), ("reduce", Conv2D(4, 2, 1, rng)))),
        ("through", Sequential()),
        ("nothing", Concat()),
    )
    network = Sequential(
        ("conv", Conv2D(3, 4, (5, 3), rng, stride=(2, 3), pad=((1, 2), (0, 1)))),
        ("prelu", PReLU(4)),
        ("pool", MaxPool(2, 2, ceil_mode=True)),
        ("mix", inception),
        ("norm", LRN(alpha=1.0)),
        ("fc", Linear(4 * 3 * 13, 6, rng)),
    )
    with_random_weights(network, rng)
    check_layer(network, rng.standard_normal((5, 17, 16, 3), np.float32))


@with_packages
@pytest.mark.parametrize("scale", [1e-25, 1e-12, 1e-10, 3e-10, 1.0, 1e25])
def test_short_and_long_vectors_are_normalised_as_ours(scale):
    x = np.array([[3, 4, 0, -1], [0, 0.1, 0, 0], [0, 0, 0, 0]], np.float32) * np.float32(scale)
    theirs = check_layer(L2Norm(), x)
    assert np.isfinite(theirs).all()


@with_packages
def test_local_responses_of_vectors_are_normalised_as_those_of_maps():
    x = np.random.default_rng(0).standard_normal((3, 11), np.float32)
    check_layer(LRN(alpha=3.0), x)


@with_packages
@pytest.mark.parametrize("kind", ["conv", "linear"])
def test_a_layer_without_a_bias_is_one(kind):
    rng = np.random.default_rng(0)
    layer = Conv2D(2, 3, 3, rng) if kind == "conv" else Linear(40, 5, rng)  # its bias is 0
    x = rng.standard_normal((2, 4, 5, 2), np.float32)
    ours = layer.forward(x)
    layer.bias, output_shape = None, layer.output_shape(x.shape[1:])
    layer.output_shape = lambda shape: output_shape
    (theirs,) = session_of(file_of(layer, x.shape[1:])).run(None, {"x": x})
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=CLOSE)


@with_packages
def test_two_layers_may_have_one_name_written_out():
    rng = np.random.default_rng(0)
    network = Sequential(
        ("a.b", Conv2D(2, 2, 1, rng)), ("a", Sequential(("b", Conv2D(2, 2, 3, rng))))
    )
    check_layer(with_random_weights(network, rng), rng.standard_normal((1, 4, 4, 2), np.float32))


def test_a_layer_without_an_emitter_is_named_with_its_place():
    class Swish(Layer):
        pass

    network = Sequential(("mix", Concat(("left", Sequential(("act", Swish()))))))
    with pytest.raises(ValueError, match=r"the layer 'mix\.left\.act' is a Swish.*onnx_layers"):
        emit(Graph(), network, "x", (4, 4, 2), "")


def test_a_subclass_is_not_taken_for_its_parent():
    class LeakyReLU(ReLU):
        pass

    with pytest.raises(ValueError, match="LeakyReLU"):
        emit(Graph(), LeakyReLU(), "x", (3,), "act")


# -- Networks --------------------------------------------------------------------------------------


def untrained(architecture, seed=3):
    """A model with no 0 or 1 where a trained one has none: in its biases, norms and affines."""
    model, rng = FaceNet.new(architecture, seed), np.random.default_rng(seed)
    for name, parameter in model.network.parameters().items():
        with parameter.edit() as values:
            if name.endswith(("gamma", "variance")):
                values[:] = rng.uniform(0.5, 1.5, values.shape)
            elif name.endswith(("bias", "beta", "mean")):
                values[:] = rng.uniform(-0.2, 0.2, values.shape)
    return model


def photos_for(architecture, number):
    """Random ones, with a black and a white one among the first."""
    shape = (number, *architecture.input_shape)
    photos = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    photos[:1], photos[1:2] = 0, 255
    return photos


@with_packages
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    "architecture",
    [
        SMALL,
        Architecture(size=47, channels=3),
        Architecture(size=33, channels=3, dim=5, lrn=False),
        Architecture(size=32, channels=1, maxout=False),
        Architecture(size=40, channels=3, lrn=False, maxout=False),
        *(
            pytest.param(Architecture(name), marks=[pytest.mark.full] * (name in LARGE))
            for name in NETWORKS
        ),
    ],
    ids=lambda a: f"{a.name}-{a.size}x{a.channels}-lrn{a.lrn:d}-maxout{a.maxout:d}",
)
def test_another_program_gives_the_vectors_of_our_embedder(architecture, flip, tmp_path):
    import onnx

    model, path = untrained(architecture), tmp_path / "face.onnx"
    export_onnx(model, path, flip)
    onnx.checker.check_model(path, full_check=True)
    session, embedder = session_of(path), Embedder(model, flip=flip)
    for number in (1, 2, 5):
        photos = photos_for(architecture, number)
        (theirs,) = session.run(["embeddings"], {"photos": photos})
        assert theirs.dtype == np.float32
        np.testing.assert_allclose(theirs, embedder.transform(photos), rtol=0, atol=CLOSE)
        np.testing.assert_allclose(np.linalg.norm(theirs, axis=1), 1, atol=CLOSE)


@with_packages
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in LARGE])
def test_batch_norms_and_affines_are_folded_away(name, tmp_path):
    import onnx

    export_onnx(FaceNet.new(Architecture(name)), tmp_path / "face.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "face.onnx").graph.node]
    scales = {"dlib_resnet": 1, "nn4_small2": 1, "inception_resnet_v1": 1 + 20}  # of rows, too
    assert "BatchNormalization" not in kinds
    assert kinds.count("Mul") == scales.get(name, 0)  # that of the pixels


@with_packages
def test_the_file_says_what_it_takes_and_gives(tmp_path):
    export_onnx(FaceNet.new(SMALL), tmp_path / "face.onnx")
    session = session_of(tmp_path / "face.onnx")
    (taken,), (gives,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape) == ("photos", "tensor(uint8)", ["N", 32, 32, 1])
    assert (gives.name, gives.type, gives.shape) == ("embeddings", "tensor(float)", ["N", 8])


@with_packages
@pytest.mark.parametrize("flip", [False, True])
def test_the_file_says_which_network_it_is(tmp_path, flip):
    import onnx

    model = FaceNet.new(SMALL, cut="box, margin 0.1")
    export_onnx(model, tmp_path / "face.onnx", flip, {"cut": 1.5})
    whole = onnx.load(tmp_path / "face.onnx")
    told = {entry.key: entry.value for entry in whole.metadata_props}
    assert json.loads(told.pop("architecture")) == SMALL.as_dict()
    assert json.loads(told.pop("thresholds")) == {"cut": 1.5}
    assert told == {
        "version": minifacenet.__version__,
        "digest": model.digest,
        "preprocessing": Embedder(model, flip=flip).preprocessing,
    }
    assert told["preprocessing"].startswith("box, margin 0.1; pixel / 127.5 - 1; ")
    assert [(o.domain, o.version) for o in whole.opset_import] == [("", onnx_export.OPSET)]


@with_packages
def test_one_model_is_one_file_bit_by_bit(tmp_path):
    for name in ("a", "b"):
        export_onnx(FaceNet.new(SMALL), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@with_packages
def test_a_file_is_replaced_and_never_half_written(tmp_path):
    path, kept = tmp_path / "face.onnx", tmp_path / "kept"
    path.write_bytes(b"old")
    os.link(path, kept)
    export_onnx(FaceNet.new(SMALL), path)
    assert kept.read_bytes() == b"old"
    assert path.stat().st_size > 1000


@with_packages
def test_weights_in_float64_are_written_as_float32(tmp_path):
    model = FaceNet(SMALL, SMALL.build(np.random.default_rng(0), np.float64))
    export_onnx(model, tmp_path / "face.onnx")
    assert session_of(tmp_path / "face.onnx").get_outputs()[0].type == "tensor(float)"


@with_packages
def test_weights_that_no_file_can_hold_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r"one ONNX file holds less than 2"):
        export_onnx(FaceNet.new(SMALL), tmp_path / "face.onnx")
    assert not [*tmp_path.iterdir()]


def test_without_its_package_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)  # importing it fails
    with pytest.raises(ValueError, match=r"pip install 'minifacenet\[onnx\]'"):
        export_onnx(FaceNet.blank(SMALL), tmp_path / "face.onnx")
    assert not [*tmp_path.iterdir()]


@with_packages
def test_a_file_that_gives_other_vectors_is_noticed(tmp_path, monkeypatch):
    model, path = FaceNet.new(SMALL), tmp_path / "face.onnx"
    export_onnx(model, path)
    assert 0 < difference(path, Embedder(model)) < CLOSE
    with pytest.raises(ValueError, match="of no use"):
        difference(path, Embedder(model, flip=True))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert difference(path, Embedder(model, flip=True)) is None


# -- The command -----------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path_factory):
    """A run's folder with a model and its thresholds."""
    folder = tmp_path_factory.mktemp("run")
    save_model(folder / "model.safetensors", FaceNet.new(SMALL))
    held_out = Thresholds("two people", 9, 9, 1.0, {0.01: 1.0}, 1.0, 9, 9, {0.05: 1.0})
    add_to_model(folder / "model.safetensors", "thresholds", held_out.as_dict())
    return folder


@with_packages
@pytest.mark.parametrize("flip", [False, True])
def test_the_command_writes_a_file_and_says_what_it_is(run, model, tmp_path, flip):
    import onnx

    out = tmp_path / "new" / "face.onnx"
    status, printed, error = run("export", model, out, *["--flip"] * flip)
    assert (status, error) == (0, "")
    printed = text(printed)
    digest = load_model(model).digest
    assert f"In {out}: network {digest}, 3 MiB; photos (N, 32, 32, 1), uint8, give " in printed
    assert "embeddings (N, 8), float32" in printed
    assert "onnxruntime gives the same vectors: their numbers differ by" in printed
    told = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    stored = json.loads(told.get("thresholds", "null"))
    assert (stored and Thresholds.of(stored)) == (Thresholds.of_model(model) if flip else None)
    assert ("No thresholds: they hold for the mean" in printed) == (not flip)
    assert ("mean of photo and mirror image" in told["preprocessing"]) == flip
    assert difference(out, Embedder(model, flip=flip)) < CLOSE


@with_packages
def test_the_command_needs_no_onnxruntime(run, model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    status, printed, _ = run("export", model, tmp_path / "face.onnx")
    assert status == 0
    assert "onnxruntime" not in printed


@with_packages
def test_the_command_overwrites_only_by_force(run, model, tmp_path):
    out = tmp_path / "face.onnx"
    out.write_bytes(b"mine")
    status, _, error = run("export", model, out)
    assert status == 1
    assert f"{out} is there already: choose another OUT, or say --force" in text(error)
    assert out.read_bytes() == b"mine"
    assert run("export", model, out, "--force")[0] == 0
    assert out.stat().st_size > 1000


def test_the_command_never_replaces_the_model(run, model):
    file = model / "model.safetensors"
    before = file.read_bytes()
    status, _, error = run("export", model, file, "--force")
    assert status == 1
    assert f"{file} is the model itself: choose another OUT" in text(error)
    assert file.read_bytes() == before


def test_the_command_without_the_package_is_one_line(run, model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    status, printed, error = run("export", model, tmp_path / "face.onnx")
    assert (status, printed) == (1, "")
    assert error == (
        "error: an ONNX file needs the package onnx, which is not installed: "
        "pip install 'minifacenet[onnx]'\n"
    )
    assert not [*tmp_path.iterdir()]


def test_the_command_names_a_model_that_is_none(run, tmp_path):
    status, _, error = run("export", tmp_path / "none.safetensors", tmp_path / "face.onnx")
    assert status == 1
    assert f"{tmp_path / 'none.safetensors'}: no such model file" in text(error)
    assert not [*tmp_path.iterdir()]
