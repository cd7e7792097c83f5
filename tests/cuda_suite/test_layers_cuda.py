"""Every layer with a CUDA side: the same numbers as on the CPU, forward and backward.

The cases are those of the CPU tests; to them come sizes that need a second block, or fill one tile
and a bit of the next.
"""

import numpy as np
import pytest

from minifacenet.nn.affine import Affine
from minifacenet.nn.avgpool import AvgPool
from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.device.backend import to_device
from minifacenet.nn.folding import folded
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.lrn import LRN
from minifacenet.nn.maxout import Maxout
from minifacenet.nn.maxpool import MaxPool
from minifacenet.nn.prelu import PReLU
from minifacenet.nn.relu import ReLU
from minifacenet.nn.residual import Residual

from ..nn.cases import CASES, Case

FULL = pytest.mark.full
BOUNDS = {np.float64: 1e-12, np.float32: 1e-5}  # of the largest value


def case(name, shape, make):
    return Case(name, shape, make, reference=None)


def branches(rng, dtype):
    return Concat(
        ("relu", ReLU()),
        ("prelu", Sequential(("prelu", PReLU(3, dtype=dtype)), ("pool", MaxPool(3, 1, 1)))),
        ("lrn", LRN(alpha=2.0)),
    )


HERE = [
    case("relu, one value", (1, 1), lambda rng, dtype: ReLU()),
    case("prelu, one value", (1, 1), lambda rng, dtype: PReLU(1, dtype=dtype)),
    case("linear over a tile", (2, 19), lambda rng, dtype: Linear(19, 17, rng, dtype=dtype)),
    case(
        "conv without bias",
        (1, 3, 4, 2),
        lambda rng, dtype: Conv2D(2, 3, 3, rng, pad=1, dtype=dtype, bias=False),
    ),
    case("pool, two blocks", (1, 9, 7, 6), lambda rng, dtype: MaxPool(2, 1)),
    case("pool, gaps between windows", (1, 4, 5, 2), lambda rng, dtype: MaxPool(1, 3)),
    case("lrn, two blocks", (1, 7, 6, 7), lambda rng, dtype: LRN(3, 2.0, 0.6)),
    case("lrn, more channels than a block", (1, 1, 2, 259), lambda rng, dtype: LRN(alpha=9.0)),
    case("lrn, fewer channels than neighbours", (2, 3, 3), lambda rng, dtype: LRN(9, 2.0)),
    case("maxout, two blocks", (3, 180), lambda rng, dtype: Maxout(2)),
    case("l2norm, several values a thread", (2, 131), lambda rng, dtype: L2Norm()),
    case("l2norm, short vectors", (2, 3), lambda rng, dtype: L2Norm(eps=9.0)),
    case("batchnorm", (2, 3, 4, 3), lambda rng, dtype: BatchNorm(3, dtype=dtype)),
    case("batchnorm in parts", (4, 8, 4, 2), lambda rng, dtype: BatchNorm(2, dtype=dtype)),
    case("branches", (2, 4, 3, 3), branches),
    case("branches, two blocks", (2, 5, 9, 3), lambda rng, dtype: Concat(("a", ReLU()))),
    case(
        "branches padded, two blocks",
        (2, 9, 8, 3),
        lambda rng, dtype: Concat(("pool", AvgPool((2, 3), 2)), ("relu", ReLU()), pad=True),
    ),
    case("affine in parts, two blocks", (4, 8, 5, 3), lambda rng, dtype: Affine(3, dtype)),
    case("residual, two blocks", (2, 9, 5, 3), lambda rng, dtype: Residual(MaxPool(2, 2), scale=2)),
]
# The convolution is slow in the simulator: its kernels are tested in test_conv_cuda.py.
THERE = [c for c in CASES if not c.name.startswith("conv") or c.name == "conv 3x3 by auto"]


def run(layer, x, dout, device):
    layer.to(device)
    layer.zero_grad()
    out = layer.forward(to_device(x, device), train=True)
    dx = layer.backward(to_device(dout, device))
    results = {"out": out, "input": dx} | {n: p.grad for n, p in layer.parameters().items()}
    return {name: to_device(value, "cpu").copy() for name, value in results.items()}


def setup(case, dtype):
    rng = np.random.default_rng(0)
    layer = case.make(rng, dtype)
    for parameter in layer.parameters().values():
        with parameter.edit() as w:
            w += rng.standard_normal(w.shape, dtype)
    x = case.input(rng, dtype)
    return layer, x, rng.standard_normal((len(x), *layer.output_shape(x.shape[1:])), dtype)


ONE_EACH = {type(case.make(np.random.default_rng(0), float)): case for case in THERE}


def swept(cases):
    """The first of each layer's cases, and all others where there is time: `make test-full`."""
    quick = ONE_EACH.values()
    return [pytest.param(c, id=repr(c), marks=[] if c in quick else [FULL]) for c in cases]


@pytest.mark.parametrize("dtype", [pytest.param(np.float64, marks=FULL), np.float32])
@pytest.mark.parametrize("case", swept(THERE + HERE))
def test_cuda_equals_cpu(case, dtype):
    layer, x, dout = setup(case, dtype)
    cpu, cuda = run(layer, x, dout, "cpu"), run(layer, x, dout, "cuda")
    for what, expected in cpu.items():
        assert cuda[what].dtype == dtype
        assert cuda[what].shape == expected.shape
        scale = np.abs(expected).max()
        assert np.abs(cuda[what] - expected).max() <= BOUNDS[dtype] * scale, what


def test_batchnorm_after_training():
    layer = BatchNorm(3, dtype=np.float64)
    x, dout = np.random.default_rng(0).standard_normal((2, 5, 4, 3))
    run(layer, x, dout, "cuda")
    out = to_device(layer.forward(to_device(x, "cuda")), "cpu")
    np.testing.assert_allclose(out, layer.to("cpu").forward(x), rtol=1e-12)


def test_a_frozen_batchnorm():
    layer = BatchNorm(3, dtype=np.float64)
    layer.frozen = True
    with layer.running_variance.edit() as w:
        w[:] = [0.5, 2, 3]
    x, dout = np.random.default_rng(0).standard_normal((2, 5, 4, 3))
    cpu, cuda = run(layer, x, dout, "cpu"), run(layer, x, dout, "cuda")
    for what, expected in cpu.items():
        np.testing.assert_allclose(cuda[what], expected, rtol=1e-12, err_msg=what)
    assert abs(cuda["input"]).max() > 0.1


@pytest.mark.parametrize("case", ONE_EACH.values(), ids=repr)
def test_no_images_give_no_output_and_no_gradient(case):
    layer, x, dout = setup(case, np.float64)
    results = run(layer, x[:0], dout[:0], "cuda")
    assert results.pop("out").shape == dout[:0].shape
    assert results.pop("input").shape == x[:0].shape
    assert not any(gradient.any() for gradient in results.values())


@pytest.mark.parametrize("case", swept(THERE))
def test_half_precision_is_refused(case):
    layer, x, _ = setup(case, np.float32)
    with pytest.raises(TypeError, match="float32 or float64, got float16: convert it first"):
        layer.to("cuda").forward(to_device(x.astype(np.float16), "cuda"))


@pytest.mark.parametrize("devices", [("cpu", "cuda"), ("cuda", "cpu")], ids=" and ".join)
@pytest.mark.parametrize("case", swept(THERE))
def test_layer_input_and_gradient_live_on_one_device(case, devices):
    """Numba would copy an array to where it is needed and back, or fail without saying why."""
    layer, x, dout = setup(case, np.float32)
    here, there = devices
    layer.to(here)
    if layer.parameters():
        with pytest.raises(
            TypeError, match=r"live on one device, got float32 \(.*to_device\(array"
        ):
            layer.forward(to_device(x, there), train=True)
    layer.forward(to_device(x, here), train=True)
    with pytest.raises(TypeError, match=r"on '(cpu|cuda)' and .* on '(?!\1)"):
        layer.backward(to_device(dout, there))


@pytest.mark.parametrize(
    ("layer", "x", "winners"),
    [
        (MaxPool(2, 2), np.ones((1, 2, 2, 1)), [1, 0, 0, 0]),
        (MaxPool(3, 2, 1), np.full((1, 2, 2, 1), -np.inf), [1, 0, 0, 0]),
        (MaxPool(2, 2), np.array([1, np.nan, 2, np.nan]).reshape(1, 2, 2, 1), [0, 1, 0, 0]),
        (Maxout(4), np.ones((1, 4)), [1, 0, 0, 0]),
        (Maxout(4), np.array([[1, np.nan, 2, np.nan]]), [0, 1, 0, 0]),
    ],
)
def test_the_first_maximum_and_the_first_nan_win(layer, x, winners):
    out = to_device(layer.forward(to_device(x, "cuda"), train=True), "cpu")
    np.testing.assert_array_equal(out.ravel(), x.ravel()[np.argmax(winners)])
    dx = layer.backward(to_device(np.ones(out.shape), "cuda"))
    np.testing.assert_array_equal(to_device(dx, "cpu").ravel(), winners)


@pytest.mark.parametrize("case", ONE_EACH.values(), ids=repr)
def test_a_nan_travels(case):
    layer, x, _ = setup(case, np.float64)
    x[(0,) * x.ndim] = np.nan
    expected = layer.forward(x)
    out = layer.to("cuda").forward(to_device(x, "cuda"))
    assert np.isnan(expected).any()
    np.testing.assert_array_equal(np.isnan(to_device(out, "cpu")), np.isnan(expected))


@pytest.mark.filterwarnings("ignore:.*invalid value:RuntimeWarning")  # simulated, NumPy divides
def test_l2norm_survives_what_squares_to_infinity():
    x = to_device(np.array([[3e20, -4e20], [np.inf, 1]], np.float32), "cuda")
    out = to_device(L2Norm().forward(x), "cpu")
    np.testing.assert_allclose(out[0], [0.6, -0.8], rtol=1e-6)
    assert np.isnan(out[1, 0])


def test_lrn_refuses_more_channels_than_a_block_has_threads():
    with pytest.raises(ValueError, match=r"at most 1024 channels.*got 1025 and 5"):
        LRN().forward(to_device(np.ones((1, 1025)), "cuda"))


def test_a_network_is_folded_where_it_lives():
    rng = np.random.default_rng(0)
    network = Sequential(("fc", Linear(5, 3, rng, bias=False)), ("bn", BatchNorm(3, 1e-2)))
    for parameter in network.parameters().values():
        with parameter.edit() as w:
            w += rng.uniform(0, 1, w.shape).astype(np.float32)
    x = rng.standard_normal((2, 5), np.float32)
    expected = network.forward(x)
    one = folded(network.to("cuda"))
    assert one.device == network.device == "cuda"
    out = to_device(one.forward(to_device(x, "cuda")), "cpu")
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)
