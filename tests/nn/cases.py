"""One table of layers, shapes and references, for all tests that hold for every layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minifacenet.nn import (
    affine,
    avgpool,
    batchnorm,
    concat,
    conv,
    l2norm,
    l2pool,
    linear,
    lrn,
    maxout,
    prelu,
    relu,
    rescale,
    residual,
)
from minifacenet.nn import maxpool as pool
from minifacenet.nn.layer import Layer, Sequential


@dataclass(frozen=True)
class Case:
    """`make(rng, dtype)` builds the layer; `reference(layer, x, dout)` computes in plain NumPy
    the output and the gradients, those of the input under 'input', of parameters by their names.
    """

    name: str
    shape: tuple[int, ...]
    make: Callable[[np.random.Generator, type], Layer]
    reference: Callable

    def input(self, rng: np.random.Generator, dtype=np.float64) -> np.ndarray:
        """Distinct values at least 0.01 apart and off zero: no kink within a difference step."""
        size = int(np.prod(self.shape))
        values = (np.arange(size) - size / 2 + 0.25) * 0.01
        return rng.permutation(values).reshape(self.shape).astype(dtype)

    def __repr__(self):
        return self.name


def _weight_and_bias(layer, dtype):
    """0 for a layer without bias, which adds to anything."""
    return layer.weight.data.astype(dtype), layer.bias.data.astype(dtype) if layer.bias else 0


def _gradients(layer, dx, dw, db):
    return {"input": dx, "weight": dw} | ({"bias": db} if layer.bias else {})


def _conv_reference(layer, x, dout):
    out, cache = conv.conv_forward(x, *_weight_and_bias(layer, x.dtype), layer.window)
    return out, _gradients(layer, *conv.conv_backward(dout, cache))


def _linear_reference(layer, x, dout):
    out, cache = linear.linear_forward(x, *_weight_and_bias(layer, x.dtype))
    return out, _gradients(layer, *linear.linear_backward(dout, cache))


def _prelu_reference(layer, x, dout):
    out, cache = prelu.prelu_forward(x, layer.slope.data.astype(x.dtype))
    dx, dslope = prelu.prelu_backward(dout, cache)
    return out, {"input": dx, "slope": dslope}


def _batchnorm_reference(layer, x, dout):
    gamma, beta = (p.data.astype(x.dtype) for p in (layer.gamma, layer.beta))
    out, cache = batchnorm.batchnorm_forward(x, gamma, beta, layer.eps)
    dx, dgamma, dbeta = batchnorm.batchnorm_backward(dout, cache)
    return out, {"input": dx, "gamma": dgamma, "beta": dbeta}


def _affine_reference(layer, x, dout):
    out, cache = affine.affine_forward(
        x, *(p.data.astype(x.dtype) for p in (layer.gamma, layer.beta))
    )
    dx, dgamma, dbeta = affine.affine_backward(dout, cache)
    return out, {"input": dx, "gamma": dgamma, "beta": dbeta}


def _plain(forward, backward, *attributes):
    def reference(layer, x, dout):
        out, cache = forward(x, *(getattr(layer, name) for name in attributes))
        return out, {"input": backward(dout, cache)}

    return reference


def _concat_reference(layer, x, dout):
    branches = layer.branches.values()
    out, cache = concat.concat_forward([branch.forward(x, train=True) for branch in branches])
    pieces = concat.concat_backward(dout, cache)
    grads = [b.backward(np.ascontiguousarray(d)) for b, d in zip(branches, pieces, strict=True)]
    return out, {"input": sum(grads)}


def _rescale_reference(layer, x, dout):
    dx = _affine_reference(layer, x, dout)[1]["input"]
    return _affine_reference(layer, x, dout)[0], {"input": dx}


def _residual_reference(layer, x, dout):
    shortcut = x if layer.shortcut is None else layer.shortcut.forward(x, train=True)
    body = layer.body.forward(x, train=True)
    out, cache = residual.residual_forward(shortcut, body, layer.scale)
    dx, dbody = residual.residual_backward(dout, cache)
    if layer.shortcut is not None:
        dx = layer.shortcut.backward(np.ascontiguousarray(dx))
    return out, {"input": dx + layer.body.backward(np.ascontiguousarray(dbody))}


def _conv(*arguments, **keywords):
    return lambda rng, dtype: conv.Conv2D(*arguments, rng=rng, dtype=dtype, **keywords)


def _conv_cases(name, shape, channels, filters, **keywords):
    """A 3x3 convolution of stride 1 by every algorithm."""
    for algorithm in conv.ALGORITHMS:
        make = _conv(channels, filters, 3, algorithm=algorithm, **keywords)
        yield Case(f"conv {name} by {algorithm}", shape, make, _conv_reference)


_relu = _plain(relu.relu_forward, relu.relu_backward)
_pool = _plain(pool.maxpool_forward, pool.maxpool_backward, "window")
_l2pool = _plain(l2pool.l2pool_forward, l2pool.l2pool_backward, "window")
_avgpool = _plain(avgpool.avgpool_forward, avgpool.avgpool_backward, "window", "count_include_pad")
_lrn = _plain(lrn.lrn_forward, lrn.lrn_backward, "n", "alpha", "beta", "k")
_maxout = _plain(maxout.maxout_forward, maxout.maxout_backward, "pieces")
_l2norm = _plain(l2norm.l2norm_forward, l2norm.l2norm_backward, "eps")

CASES = [
    *_conv_cases("3x3", (2, 5, 7, 3), 3, 4, pad=1),
    *_conv_cases("3x3 lopsided", (1, 6, 9, 2), 2, 3, pad=((0, 1), (5, 2))),
    Case("conv 7x7/2", (2, 9, 8, 1), _conv(1, 3, 7, stride=2, pad=3), _conv_reference),
    Case("conv 1x1", (3, 4, 5, 6), _conv(6, 2, 1), _conv_reference),
    Case("conv 1x1/2", (1, 5, 6, 2), _conv(2, 3, 1, stride=2), _conv_reference),
    Case(
        "conv 2x3/(3,2) lopsided",
        (1, 8, 9, 2),
        _conv(2, 3, (2, 3), stride=(3, 2), pad=((1, 0), (0, 2))),
        _conv_reference,
    ),
    *_conv_cases("valid, one pixel out", (2, 3, 3, 2), 2, 5),
    *_conv_cases("3x3 without bias", (2, 5, 4, 3), 3, 2, pad=1, bias=False),
    *_conv_cases("20 images", (20, 3, 4, 2), 2, 3, pad=1),
    Case("relu", (3, 4, 5, 2), lambda rng, dtype: relu.ReLU(), _relu),
    Case("prelu", (3, 4, 5, 2), lambda rng, dtype: prelu.PReLU(2, dtype=dtype), _prelu_reference),
    Case(
        "prelu of vectors, slopes below 0",
        (4, 7),
        lambda rng, dtype: prelu.PReLU(7, -0.5, dtype),
        _prelu_reference,
    ),
    Case("pool 3x3/2", (2, 7, 6, 3), lambda rng, dtype: pool.MaxPool(3, 2, 1), _pool),
    Case("pool 2x2/2", (1, 5, 4, 2), lambda rng, dtype: pool.MaxPool(2, 2), _pool),
    Case(
        "pool (3,2)/(1,3) lopsided",
        (2, 5, 8, 2),
        lambda rng, dtype: pool.MaxPool((3, 2), (1, 3), ((0, 1), (1, 0))),
        _pool,
    ),
    Case(
        "pool 3x3/2 hanging over",
        (2, 8, 6, 3),
        lambda rng, dtype: pool.MaxPool(3, 2, ceil_mode=True),
        _pool,
    ),
    Case(
        "pool (2,3)/(2,4) hanging over, padded",
        (1, 5, 10, 2),
        lambda rng, dtype: pool.MaxPool((2, 3), (2, 4), (0, 1), ceil_mode=True),
        _pool,
    ),
    Case("l2pool 3x3/2", (2, 7, 6, 3), lambda rng, dtype: l2pool.L2Pool(3, 2, 1), _l2pool),
    Case("l2pool 3x3/3", (1, 7, 8, 2), lambda rng, dtype: l2pool.L2Pool(3, 3), _l2pool),
    Case(
        "l2pool (3,2)/(1,3) lopsided",
        (2, 5, 8, 2),
        lambda rng, dtype: l2pool.L2Pool((3, 2), (1, 3), ((0, 1), (1, 0))),
        _l2pool,
    ),
    Case(
        "l2pool 3x3/2 hanging over",
        (2, 8, 6, 3),
        lambda rng, dtype: l2pool.L2Pool(3, 2, ceil_mode=True),
        _l2pool,
    ),
    Case("avgpool 3x3/2", (2, 7, 6, 3), lambda rng, dtype: avgpool.AvgPool(3, 2, 1), _avgpool),
    Case(
        "avgpool (3,2)/(1,3) lopsided, of the image alone",
        (2, 5, 8, 2),
        lambda rng, dtype: avgpool.AvgPool(
            (3, 2), (1, 3), ((0, 1), (1, 0)), count_include_pad=False
        ),
        _avgpool,
    ),
    Case(
        "avgpool (2,3)/(2,4) hanging over, padded",
        (1, 5, 10, 2),
        lambda rng, dtype: avgpool.AvgPool((2, 3), (2, 4), (0, 1), ceil_mode=True),
        _avgpool,
    ),
    Case("lrn", (2, 3, 2, 7), lambda rng, dtype: lrn.LRN(alpha=2.0), _lrn),
    Case("lrn as in the paper", (2, 3, 2, 9), lambda rng, dtype: lrn.LRN(), _lrn),
    Case("lrn, few channels", (1, 9, 8, 2), lambda rng, dtype: lrn.LRN(7, 3.0, 0.6, 2.0), _lrn),
    Case(
        "linear",
        (3, 2, 3, 4),
        lambda rng, dtype: linear.Linear(24, 5, rng, dtype=dtype),
        _linear_reference,
    ),
    Case(
        "linear, one image",
        (1, 7),
        lambda rng, dtype: linear.Linear(7, 3, rng, dtype=dtype),
        _linear_reference,
    ),
    Case(
        "linear without bias",
        (3, 7),
        lambda rng, dtype: linear.Linear(7, 4, rng, dtype=dtype, bias=False),
        _linear_reference,
    ),
    Case("maxout p=2", (3, 10), lambda rng, dtype: maxout.Maxout(2), _maxout),
    Case("maxout p=3", (2, 9), lambda rng, dtype: maxout.Maxout(3), _maxout),
    Case("l2norm", (4, 6), lambda rng, dtype: l2norm.L2Norm(), _l2norm),
    Case(
        "concat",
        (2, 4, 3, 2),
        lambda rng, dtype: concat.Concat(
            ("1x1", conv.Conv2D(2, 3, 1, rng, dtype=dtype)),
            ("identity", Sequential(("relu", relu.ReLU()))),
            ("3x3", conv.Conv2D(2, 1, 3, rng, pad=1, dtype=dtype)),
        ),
        _concat_reference,
    ),
    Case(
        "concat of maps of three sizes, none the largest both ways",
        (2, 5, 4, 2),
        lambda rng, dtype: concat.Concat(
            ("wide", conv.Conv2D(2, 3, (2, 1), rng, pad=(0, 1), dtype=dtype)),
            ("high", conv.Conv2D(2, 2, (1, 2), rng, dtype=dtype)),
            ("pool", avgpool.AvgPool(2, 2)),
            pad=True,
        ),
        _concat_reference,
    ),
    Case("affine", (2, 3, 4, 3), lambda rng, dtype: affine.Affine(3, dtype), _affine_reference),
    Case(
        "affine of vectors, two parts",
        (130, 2),
        lambda rng, dtype: affine.Affine(2, dtype),
        _affine_reference,
    ),
    Case(
        "rescale",
        (2, 3, 4, 3),
        lambda rng, dtype: rescale.Rescale((0.5, 2, 3), (1, 0, -1), dtype),
        _rescale_reference,
    ),
    Case(
        "residual",
        (2, 3, 4, 2),
        lambda rng, dtype: residual.Residual(
            Sequential(("conv", conv.Conv2D(2, 2, 3, rng, pad=1, dtype=dtype))), scale=0.3
        ),
        _residual_reference,
    ),
    Case(
        "residual, the shortcut smaller in rows and channels",
        (2, 5, 4, 2),
        lambda rng, dtype: residual.Residual(
            conv.Conv2D(2, 5, 3, rng, stride=2, pad=1, dtype=dtype), avgpool.AvgPool(2, 2)
        ),
        _residual_reference,
    ),
    Case(
        "residual, the body smaller in columns, larger in channels",
        (1, 4, 5, 3),
        lambda rng, dtype: residual.Residual(
            conv.Conv2D(3, 4, (1, 2), rng, dtype=dtype),
            conv.Conv2D(3, 2, 1, rng, dtype=dtype),
            scale=-0.5,
        ),
        _residual_reference,
    ),
    Case(
        "residual of vectors",
        (3, 5),
        lambda rng, dtype: residual.Residual(linear.Linear(5, 7, rng, dtype=dtype)),
        _residual_reference,
    ),
]

# Layers that compute something else in training than after it: no cases of tests that compare both.
OF_A_BATCH = [
    Case(
        "batchnorm",
        (2, 3, 4, 3),
        lambda rng, dtype: batchnorm.BatchNorm(3, dtype=dtype),
        _batchnorm_reference,
    ),
]

EVERY_LAYER = CASES + OF_A_BATCH
