"""Every layer with a CUDA side: the same numbers as on the CPU, forward and backward."""

import numpy as np
import pytest

from minifacenet.nn.backend import to_device
from minifacenet.nn.linear import Linear
from minifacenet.nn.prelu import PReLU
from minifacenet.nn.relu import ReLU

BOUNDS = {np.float64: 1e-12, np.float32: 1e-5}  # of the largest value

CASES = {
    "relu": (lambda rng, dtype: ReLU(), (3, 5, 2, 4)),
    "relu, one value": (lambda rng, dtype: ReLU(), (1, 1)),
    "prelu": (lambda rng, dtype: PReLU(4, dtype=dtype), (3, 5, 2, 4)),
    "prelu, one value": (lambda rng, dtype: PReLU(1, dtype=dtype), (1, 1)),
    "linear": (lambda rng, dtype: Linear(6, 5, rng, dtype=dtype), (3, 6)),
    "linear over a tile": (lambda rng, dtype: Linear(19, 17, rng, dtype=dtype), (2, 19)),
    "linear of images": (lambda rng, dtype: Linear(12, 3, rng, dtype=dtype), (2, 2, 2, 3)),
}


def run(layer, x, dout, device):
    layer.to(device)
    layer.zero_grad()
    out = layer.forward(to_device(x, device), train=True)
    dx = layer.backward(to_device(dout, device))
    results = {"out": out, "input": dx} | {n: p.grad for n, p in layer.parameters().items()}
    return {name: to_device(value, "cpu").copy() for name, value in results.items()}


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("name", CASES)
def test_cuda_equals_cpu(name, dtype):
    make, shape = CASES[name]
    rng = np.random.default_rng(0)
    layer = make(rng, dtype)
    for parameter in layer.parameters().values():
        with parameter.edit() as w:
            w += rng.standard_normal(w.shape, dtype)
    x = rng.standard_normal(shape, dtype)
    dout = rng.standard_normal((shape[0], *layer.output_shape(shape[1:])), dtype)
    cpu, cuda = run(layer, x, dout, "cpu"), run(layer, x, dout, "cuda")
    for what, expected in cpu.items():
        assert cuda[what].dtype == dtype
        assert cuda[what].shape == expected.shape
        scale = np.abs(expected).max()
        assert np.abs(cuda[what] - expected).max() <= BOUNDS[dtype] * scale, what


def test_a_nan_travels_through_prelu():
    layer = PReLU(3, -1.0, np.float64).to("cuda")
    x = to_device(np.array([[-1, np.nan, 2]]), "cuda")
    np.testing.assert_array_equal(to_device(layer.forward(x), "cpu"), [[1, np.nan, 2]])


def test_a_nan_travels_through_relu():
    x = to_device(np.array([[-1, np.nan, 2]]), "cuda")
    np.testing.assert_array_equal(to_device(ReLU().forward(x), "cpu"), [[0, np.nan, 2]])
