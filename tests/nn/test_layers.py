"""What holds for every layer: kernel = reference, gradient = differences, and good manners."""

import re

import numpy as np
import pytest

from minifacenet.nn import gradcheck
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.device import backend
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Layer, Sequential
from minifacenet.nn.residual import Residual
from tests.modules import compiled_functions, modules_of_the_package

from .cases import CASES, EVERY_LAYER

every_layer = pytest.mark.parametrize("case", CASES, ids=repr)


def test_every_layer_has_a_case():
    kinds = {
        value
        for module in modules_of_the_package()
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Layer)
    }
    written = {kind for kind in kinds if kind.forward is not Layer.forward}  # no mere base
    made = {type(case.make(np.random.default_rng(0), float)) for case in EVERY_LAYER}
    assert len(made) > 10
    assert written - made == {Sequential}  # a branch in that of Concat


def largest_difference(got, expected):
    """Relative to the largest expected value."""
    assert got.shape == expected.shape
    scale = np.abs(expected).max()
    return np.abs(got - expected).max() / (scale if scale > 0 else 1)


def forward_backward(layer, x, dout):
    out = layer.forward(x, train=True)
    layer.zero_grad()
    gradients = {"input": layer.backward(dout)}
    return out, gradients | {name: p.grad for name, p in layer.parameters().items()}


def compiled():
    """How many specialisations all kernels have by now."""
    return sum(len(function.signatures) for _, function in compiled_functions())


def setup(case, dtype=np.float64):
    rng = np.random.default_rng(7)
    layer = case.make(rng, dtype)
    for parameter in layer.parameters().values():  # a zero bias would hide a wrong one
        with parameter.edit() as w:
            w += 0.1 * rng.standard_normal(w.shape, dtype)
    x = case.input(rng, dtype)
    dout = rng.standard_normal((len(x), *layer.output_shape(x.shape[1:])), dtype)
    return layer, x, dout


@every_layer
def test_kernels_equal_the_reference(case):
    layer, x, dout = setup(case)
    expected, expected_gradients = case.reference(layer, x, dout)
    out, gradients = forward_backward(layer, x, dout)
    assert largest_difference(out, expected) <= 1e-12
    for name, gradient in expected_gradients.items():
        assert largest_difference(gradients[name], gradient) <= 1e-12, name


@every_layer
def test_float32_kernels_stay_float32_and_near_the_float64_reference(case):
    layer, x, dout = setup(case, np.float32)
    out, gradients = forward_backward(layer, x, dout)
    wide = case.make(np.random.default_rng(7), np.float64)
    for name, parameter in wide.parameters().items():
        with parameter.edit() as w:
            w[...] = layer.parameters()[name].data
    expected, expected_gradients = case.reference(wide, x.astype(float), dout.astype(float))
    assert out.dtype == np.float32
    assert largest_difference(out, expected) <= 1e-5
    for name, gradient in expected_gradients.items():
        assert gradients[name].dtype == np.float32, name
        assert largest_difference(gradients[name], gradient) <= 1e-5, name


@every_layer
def test_gradients_equal_finite_differences(case):
    layer, x, _ = setup(case)
    errors = gradcheck.check_layer(layer, x, np.random.default_rng(3))
    assert set(errors) == {"input", *layer.parameters()}
    assert max(errors.values()) <= 1e-8, errors


@every_layer
def test_inputs_are_left_alone_and_a_cache_serves_once(case):
    layer, x, dout = setup(case)
    x_before, dout_before = x.copy(), dout.copy()
    forward_backward(layer, x, dout)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(dout, dout_before)
    with pytest.raises(RuntimeError, match="train=True"):
        layer.backward(dout)
    layer.forward(x)  # inference keeps nothing
    with pytest.raises(RuntimeError, match="train=True"):
        layer.backward(dout)


@every_layer
def test_inference_computes_what_training_does(case):
    layer, x, _ = setup(case)
    np.testing.assert_array_equal(layer.forward(x), layer.forward(x, train=True))


@every_layer
def test_a_gradient_of_another_shape_is_refused(case):
    layer, x, dout = setup(case)
    layer.forward(x, train=True)
    with pytest.raises(ValueError, match=f"{type(layer).__name__} gave .* but dout is"):
        layer.backward(dout[..., :-1] if dout.shape[-1] > 1 else dout[:-1])


@every_layer
def test_integers_and_halves_are_refused(case):
    layer, x, _ = setup(case)
    for dtype in (np.int64, np.uint8, np.float16):
        with pytest.raises(
            (TypeError, ValueError), match=f"float32 or float64, got .*{dtype.__name__}"
        ):
            layer.forward(x.astype(dtype))


@every_layer
def test_another_dtype_than_the_parameters_or_the_output_is_refused_in_a_line(case):
    for own, other in ((np.float32, np.float64), (np.float64, np.float32)):
        layer, x, dout = setup(case, own)
        name = type(layer).__name__
        if layer.parameters() and not isinstance(layer, Concat | Residual | Sequential):
            with pytest.raises(TypeError, match=f"^{name} has {own.__name__} parameters and got"):
                layer.forward(x.astype(other))
        layer.forward(x, train=True)
        with pytest.raises(TypeError, match=rf"^{name} gave {own.__name__}, .*dout\.astype"):
            layer.backward(dout.astype(other))
        layer.backward(dout)  # what forward kept is still there


@every_layer
def test_one_image_without_a_batch_is_refused_in_a_line_or_computed_as_in_a_batch(case):
    layer, x, _ = setup(case)
    try:
        np.testing.assert_array_equal(layer.forward(x[0]), layer.forward(x)[0])
    except ValueError as error:
        told = str(error)
    else:
        return
    wanted = r"shape \(N, .*; one image alone is x\[None\]|\d+ values an image, got shape .*"
    assert re.fullmatch(rf"\w+ expects ({wanted})", told)


def test_other_axes_are_refused_in_a_line():
    with pytest.raises(ValueError, match=r"^L2Norm expects shape \(N, D\), got \(2, 3, 4\)$"):
        L2Norm().forward(np.ones((2, 3, 4)))


@every_layer
def test_strides_change_nothing_and_compile_nothing(case):
    layer, x, dout = setup(case)
    expected, expected_gradients = forward_backward(layer, x, dout)
    expected_gradients = {name: g.copy() for name, g in expected_gradients.items()}
    before = compiled()
    for change in (np.asfortranarray, lambda a: np.repeat(a, 2, axis=-1)[..., ::2]):
        out, gradients = forward_backward(layer, change(x), change(dout))
        assert compiled() == before
        assert largest_difference(out, expected) <= 1e-14
        for name, gradient in expected_gradients.items():
            assert largest_difference(gradients[name], gradient) <= 1e-13, name


@every_layer
def test_no_images_give_no_output_and_no_gradient(case):
    layer, x, dout = setup(case)
    out, gradients = forward_backward(layer, x[:0], dout[:0])
    assert out.shape == dout[:0].shape
    assert gradients.pop("input").shape == x[:0].shape
    assert not any(gradient.any() for gradient in gradients.values())


@every_layer
def test_gradients_accumulate(case):
    layer, x, dout = setup(case)
    _, once = forward_backward(layer, x, dout)
    once = {name: gradient.copy() for name, gradient in once.items()}
    layer.forward(x, train=True)
    layer.backward(dout)
    for name, parameter in layer.parameters().items():
        assert largest_difference(parameter.grad, 2 * once[name]) <= 1e-14, name


@every_layer
def test_an_image_does_not_depend_on_its_batch_mates(case):
    layer, x, _ = setup(case)
    alone = layer.forward(x[:1].copy())
    assert largest_difference(layer.forward(x)[:1], alone) <= 1e-14


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_of_threads_changes_no_bit(case, dtype):
    layer, x, dout = setup(case, dtype)
    results = []
    for threads in (1, 2):
        backend.set_threads(threads)
        out, gradients = forward_backward(layer, x, dout)
        results.append([out, *(g.copy() for g in gradients.values())])
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_threads_do_not_share_their_scratch():
    """Many small tasks on two threads, again and again: a shared buffer would show."""
    rng = np.random.default_rng(0)
    layer = Conv2D(3, 5, 3, rng, pad=1, dtype=np.float64)
    x, dout = rng.standard_normal((32, 9, 9, 3)), rng.standard_normal((32, 9, 9, 5))
    backend.set_threads(1)
    expected, gradients = forward_backward(layer, x, dout)
    gradients = {name: gradient.copy() for name, gradient in gradients.items()}
    backend.set_threads(2)
    for _ in range(30):
        out, again = forward_backward(layer, x, dout)
        np.testing.assert_array_equal(out, expected)
        for name, gradient in gradients.items():
            np.testing.assert_array_equal(again[name], gradient)


@every_layer
def test_its_bytes_hold_what_goes_in_and_comes_out(case):
    """The least that each of the two must move; more is up to the layer."""
    layer, x, dout = setup(case, np.float32)
    forward, backward = layer.bytes_moved(x.shape)
    assert forward >= x.nbytes + dout.nbytes
    assert backward >= x.nbytes + dout.nbytes
    twice = layer.bytes_moved((2 * len(x), *x.shape[1:]))
    assert forward + x.nbytes + dout.nbytes <= twice[0] <= 2 * forward
    assert backward + x.nbytes + dout.nbytes <= twice[1] <= 2 * backward


@every_layer
def test_a_nan_travels(case):
    layer, x, _ = setup(case)
    x[(0,) * x.ndim] = np.nan
    assert np.isnan(layer.forward(x)).any()
