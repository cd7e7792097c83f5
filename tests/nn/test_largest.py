"""A max pool without winners, in vectors and not, against the one that keeps them."""

import itertools

import numba
import numpy as np
import pytest

from minifacenet.nn import maxpool
from minifacenet.nn.device import backend
from minifacenet.nn.largest import IN_VECTORS
from minifacenet.nn.maxpool import MaxPool
from minifacenet.nn.products.llvm_vectors import LANES

WAYS = {"vectors": True, "python": False}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    if numba.config.DISABLE_JIT and request.param == "vectors":
        pytest.skip("vectors are of compiled code")
    monkeypatch.setattr(maxpool, "FASTER_THAN_BLAS", WAYS[request.param])


def largest_is_right(pool, x):
    """The same values as in training, and nothing is written beyond them."""
    trained = pool.forward(x, train=True)
    around = np.full((len(x) + 2, *trained.shape[1:]), 99, np.float32)
    maxpool._largest(x, *pool.window.geometry(), around[1:-1])
    np.testing.assert_array_equal(around[1:-1], trained)
    assert (around[[0, -1]] == 99).all()


@pytest.mark.parametrize("channels", [1, LANES - 1, LANES, LANES + 1, 3 * LANES + 5])
@pytest.mark.parametrize("kernel", [*IN_VECTORS, (3, 2), (1, 1)])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_against_the_pool_with_winners(way, channels, kernel, ceil_mode):
    rng = np.random.default_rng(channels)
    for stride, pad, (height, width) in itertools.product((1, 2), (0, 1), ((5, 6), (6, 5))):
        if pad < min(kernel):
            x = rng.standard_normal((3, height, width, channels), np.float32)
            largest_is_right(MaxPool(kernel, stride, pad, ceil_mode), x)


@pytest.mark.parametrize("kernel", IN_VECTORS)
def test_a_nan_at_each_place_travels(way, kernel):
    for place in np.ndindex(*kernel):
        x = np.full((1, *kernel, LANES + 3), -np.inf, np.float32)
        x[0, *place, LANES + 1] = np.nan
        x[0, *place, 2] = np.inf
        out = MaxPool(kernel, 2).forward(x)[0, 0, 0]
        expected = np.full(LANES + 3, -np.inf, np.float32)
        expected[LANES + 1], expected[2] = np.nan, np.inf
        np.testing.assert_array_equal(out, expected)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="takes two threads")
def test_the_same_bits_on_two_threads(way):
    x = np.random.default_rng(0).standard_normal((2, 9, 9, 10), np.float32)
    outs = []
    for threads in (1, 2):
        backend.set_threads(threads)
        outs.append(MaxPool(3, 2, ceil_mode=True).forward(x))
    np.testing.assert_array_equal(*outs)
