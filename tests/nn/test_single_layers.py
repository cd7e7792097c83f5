"""What is special to one layer: ties, NaN, padding, hand-worked values, refused arguments."""

import numpy as np
import pytest
from scipy.signal import correlate

from minifacenet.nn.affine import Affine
from minifacenet.nn.avgpool import AvgPool
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D, conv_backward, conv_forward
from minifacenet.nn.convolution import im2col
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.lrn import LRN, lrn_forward
from minifacenet.nn.maxout import Maxout
from minifacenet.nn.maxpool import MaxPool, maxpool_backward, maxpool_forward
from minifacenet.nn.prelu import PReLU
from minifacenet.nn.relu import ReLU
from minifacenet.nn.residual import Residual
from minifacenet.nn.window import Window


def test_convolution_is_scipys_correlate():
    rng = np.random.default_rng(0)
    layer = Conv2D(3, 4, (3, 5), rng, pad=((2, 1), (0, 3)), stride=(2, 1), dtype=np.float64)
    x = rng.standard_normal((2, 8, 9, 3))
    padded = np.pad(x, ((0, 0), (2, 1), (0, 3), (0, 0)))
    for image in range(2):
        for o in range(4):
            full = correlate(padded[image], layer.weight.data[..., o], mode="valid")
            np.testing.assert_allclose(
                layer.forward(x)[image, :, :, o], full[::2, :, 0], rtol=0, atol=1e-10
            )


def test_convolution_without_input_gradient_has_the_same_others():
    rng = np.random.default_rng(0)
    layer = Conv2D(2, 3, 3, rng, pad=1, dtype=np.float64)
    x, dout = rng.standard_normal((3, 4, 4, 2)), rng.standard_normal((3, 4, 4, 3))
    layer.forward(x, train=True)
    layer.backward(dout)
    expected = layer.weight.grad.copy()
    layer.zero_grad()
    layer.input_gradient = False
    layer.forward(x, train=True)
    assert layer.backward(dout) is None
    np.testing.assert_array_equal(layer.weight.grad, expected)


@pytest.mark.parametrize(
    "layer",
    [
        Conv2D(2, 3, 3, np.random.default_rng(0), pad=1, bias=False),
        Conv2D(2, 3, 1, np.random.default_rng(0), bias=False),
        Linear(4 * 4 * 2, 3, np.random.default_rng(0), bias=False),
    ],
    ids=repr,
)
def test_without_bias_there_is_no_parameter_and_nothing_to_add(layer):
    assert layer.bias is None
    assert list(layer.parameters()) == ["weight"]
    assert not layer.forward(np.zeros((2, 4, 4, 2), np.float32)).any()
    pixels = np.prod(layer.output_shape((4, 4, 2))[:-1], dtype=int)
    assert layer.multiply_adds((4, 4, 2)) == pixels * layer.weight.data.size


def test_relu_at_its_kink_and_with_nan():
    layer = ReLU()
    out = layer.forward(np.array([[-1.0, -0.0, 0.0, 2.0, np.nan]]), train=True)
    np.testing.assert_array_equal(out, [[0, 0, 0, 2, np.nan]])
    np.testing.assert_array_equal(layer.backward(np.ones((1, 5)))[0, :4], [0, 0, 0, 1])


def test_prelu_at_its_kink_and_with_nan():
    layer = PReLU(5, dtype=np.float64)
    with layer.slope.edit() as slope:
        slope[...] = [0.5, -2, 3, 4, 5]
    out = layer.forward(np.array([[-1.0, -1.0, 0.0, 2.0, np.nan]]), train=True)
    np.testing.assert_array_equal(out, [[-0.5, 2, 0, 2, np.nan]])
    dx = layer.backward(np.ones((1, 5)))
    np.testing.assert_array_equal(dx, [[0.5, -2, 3, 1, 5]])  # at 0 the slope's side
    np.testing.assert_array_equal(layer.slope.grad, [-1, -1, 0, 0, np.nan])


def test_prelu_with_slope_zero_is_the_relu():
    x = np.array([[-2.0, -0.0, 0.0, 3.0]])
    bent, rectified = PReLU(4, 0.0, np.float64), ReLU()
    np.testing.assert_array_equal(bent.forward(x, True), rectified.forward(x, True))
    dout = np.ones((1, 4))
    np.testing.assert_array_equal(bent.backward(dout), rectified.backward(dout))


def test_prelu_refuses_other_channels():
    with pytest.raises(ValueError, match=r"PReLU expects shape \(\.\.\., 3\), got \(2, 4\)"):
        PReLU(3).forward(np.ones((2, 4), np.float32))


def test_a_pool_that_hangs_over_sees_only_what_is_there():
    x = -np.arange(1.0, 6).reshape(1, 1, 5, 1)
    layer = MaxPool((1, 2), 2, ceil_mode=True)
    np.testing.assert_array_equal(layer.forward(x, train=True).ravel(), [-1, -3, -5])
    np.testing.assert_array_equal(layer.backward(np.ones((1, 1, 3, 1))).ravel(), [1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("include", "means", "gradient"),
    [
        # windows at -1, 2 and 5 of four taps: 0+1+2+3, 3+4+5+6, and 6+7+0; the padding ends at 7
        (True, [6 / 4, 18 / 4, 13 / 3], [1 / 4, 1 / 4, 1 / 2, 1 / 4, 1 / 4, 7 / 12, 1 / 3]),
        (False, [6 / 3, 18 / 4, 13 / 2], [1 / 3, 1 / 3, 7 / 12, 1 / 4, 1 / 4, 3 / 4, 1 / 2]),
    ],
)
def test_an_average_counts_the_padding_or_not_and_never_what_hangs_over(include, means, gradient):
    x = np.arange(1.0, 8).reshape(1, 1, 7, 1)
    layer = AvgPool((1, 4), (1, 3), (0, 1), ceil_mode=True, count_include_pad=include)
    np.testing.assert_allclose(layer.forward(x, train=True).ravel(), means, rtol=1e-15)
    np.testing.assert_allclose(layer.backward(np.ones((1, 1, 3, 1))).ravel(), gradient, rtol=1e-15)


def test_the_first_maximum_wins_a_tie():
    pool, maxout = MaxPool(2, 2), Maxout(2)
    pool.forward(np.ones((1, 2, 2, 1)), train=True)
    np.testing.assert_array_equal(pool.backward(np.ones((1, 1, 1, 1)))[0, ..., 0], [[1, 0], [0, 0]])
    maxout.forward(np.ones((1, 4)), train=True)
    np.testing.assert_array_equal(maxout.backward(np.ones((1, 2))), [[1, 1, 0, 0]])


def test_a_padded_pool_knows_no_zero():
    for train in (False, True):
        out = MaxPool(3, 2, 1).forward(np.full((1, 3, 3, 1), -5.0), train)
        np.testing.assert_array_equal(out, np.full((1, 2, 2, 1), -5.0))


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("position", range(4))
def test_a_nan_wins_wherever_it_stands(position, train):
    x = np.array([1.0, 2.0, 3.0, 4.0])
    x[position] = np.nan
    assert np.isnan(MaxPool(2, 2).forward(x.reshape(1, 2, 2, 1), train)).all()
    assert np.isnan(Maxout(4).forward(x.reshape(1, 4), train)).all()


def test_the_first_of_two_nans_keeps_its_window():
    layer = MaxPool(2, 2)
    layer.forward(np.array([1, np.nan, 2, np.nan]).reshape(1, 2, 2, 1), train=True)
    np.testing.assert_array_equal(layer.backward(np.ones((1, 1, 1, 1))).ravel(), [0, 1, 0, 0])
    layer = Maxout(4)
    layer.forward(np.array([[1, np.nan, 2, np.nan]]), train=True)
    np.testing.assert_array_equal(layer.backward(np.ones((1, 1))), [[0, 1, 0, 0]])


def test_a_window_of_minus_infinity_is_won_by_a_pixel_not_by_the_padding():
    x, window = np.full((1, 3, 3, 1), -np.inf), Window.of(3, 2, 1)
    layer = MaxPool(3, 2, 1)
    out, dout = layer.forward(x, train=True), np.ones((1, 2, 2, 1))
    expected, cache = maxpool_forward(x, window)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(layer.backward(dout), maxpool_backward(dout, cache))


@pytest.mark.parametrize("size", [1e20, 1e-25])
def test_l2norm_survives_what_squares_to_infinity_or_zero(size):
    x = np.array([[3, -4]], np.float32) * np.float32(size)
    layer = L2Norm(eps=1e-30)
    np.testing.assert_allclose(layer.forward(x, train=True), [[0.6, -0.8]], rtol=1e-6)
    assert np.isfinite(layer.backward(np.ones((1, 2), np.float32))).all()


def test_l2norm_of_a_length_beyond_the_largest_float_is_no_zero():
    x = np.array([[3e38, -3e38, 3e38, 0], [3, 0, 4, 0]], np.float32)
    layer = L2Norm()
    out = layer.forward(x, train=True)
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(out[0] * np.sqrt(3), [1, -1, 1, 0], atol=1e-6)
    assert np.isfinite(layer.backward(np.ones_like(out))).all()


def test_l2norm_of_infinity_is_nan_not_zero():
    assert np.isnan(L2Norm().forward(np.array([[np.inf, 1]]))).any()


def test_lrn_of_five_channels_by_hand():
    # alpha / n = 0.2; the middle channel sees 1 + 4 + 9 + 16 + 25 = 55, the first 1 + 4 + 9 = 14
    x = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    out = LRN(n=5, alpha=1.0, beta=0.75, k=1.0).forward(x)
    np.testing.assert_allclose(out[0, 2], 3 / (1 + 0.2 * 55) ** 0.75, rtol=1e-14)
    np.testing.assert_allclose(out[0, 0], 1 / (1 + 0.2 * 14) ** 0.75, rtol=1e-14)
    np.testing.assert_allclose(lrn_forward(x, alpha=1.0)[0], out, rtol=1e-14)


def test_a_dead_embedding_stays_zero_and_finite():
    layer = L2Norm(eps=1e-3)
    x = np.array([[0.0, 0.0], [3.0, 4.0], [1e-4, 0.0]])
    out = layer.forward(x, train=True)
    np.testing.assert_allclose(out, [[0, 0], [0.6, 0.8], [0.1, 0]], rtol=1e-12)
    dx = layer.backward(np.ones((3, 2)))
    np.testing.assert_allclose(dx[[0, 2]], 1000, rtol=1e-12)


def test_concat_without_branches_is_the_identity():
    x = np.arange(8.0).reshape(1, 2, 2, 2)
    layer = Concat()
    assert layer.forward(x, train=True) is x
    assert layer.backward(x) is x
    assert layer.output_shape((2, 2, 2)) == (2, 2, 2)


def test_concat_refuses_branches_of_different_sizes():
    rng = np.random.default_rng(0)
    layer = Concat(("same", Conv2D(1, 1, 3, rng, pad=1)), ("valid", Conv2D(1, 1, 3, rng)))
    with pytest.raises(ValueError, match=r"'same': \(1, 4, 4, 1\), 'valid': \(1, 2, 2, 1\)"):
        layer.forward(np.zeros((1, 4, 4, 1), np.float32))
    with pytest.raises(ValueError, match="agree"):
        layer.output_shape((4, 4, 1))


def test_concat_refuses_a_name_twice_and_passes_over_branches_that_hand_nothing_on():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="'a', 'a'"):
        Concat(("a", ReLU()), ("a", ReLU()))
    first = Conv2D(1, 2, 1, rng, input_gradient=False, dtype=np.float64)
    layer = Concat(("conv", first), ("relu", ReLU()))
    x = np.ones((1, 2, 2, 1))
    layer.forward(x, train=True)
    np.testing.assert_array_equal(layer.backward(np.full((1, 2, 2, 3), 7.0)), 7 * x)


def test_a_smaller_map_stands_in_the_middle_and_the_odd_zero_after_it():
    layer = Concat(("same", ReLU()), ("pool", MaxPool((2, 2), 2)), pad=True)
    x = np.arange(1.0, 26).reshape(1, 5, 5, 1)
    assert layer.output_shape((5, 5, 1)) == (5, 5, 2)
    out = layer.forward(x, train=True)
    np.testing.assert_array_equal(out[..., :1], x)
    expected = np.zeros((5, 5))
    expected[1:3, 1:3] = [[7, 9], [17, 19]]  # 3 are missing: one before, two after
    np.testing.assert_array_equal(out[0, ..., 1], expected)
    dout = np.zeros((1, 5, 5, 2))
    dout[0, ..., 1] = np.arange(25).reshape(5, 5)
    dx = np.zeros((5, 5))
    dx[1:4:2, 1:4:2] = [[6, 7], [11, 12]]  # of dout, what stands where the pool's outputs went
    np.testing.assert_array_equal(layer.backward(dout)[0, ..., 0], dx)


def test_concat_joins_vectors_and_refuses_one_beside_maps_padded_or_not():
    rng = np.random.default_rng(0)
    layer = Concat(("a", ReLU()), ("b", Linear(3, 2, rng, dtype=np.float64)), pad=True)
    assert layer.forward(np.ones((4, 3))).shape == (4, 5)
    with pytest.raises(ValueError, match=r"'a': \(1, 1, 3\), 'b': \(2,\)"):
        layer.output_shape((1, 1, 3))
    with pytest.raises(ValueError, match=r"'a': \(4, 1, 1, 3\), 'b': \(4, 2\)"):
        layer.forward(np.ones((4, 1, 1, 3)))


def test_residual_by_hand():
    layer = Residual(ReLU(), scale=0.5)
    out = layer.forward(np.array([[-2.0, 4.0]]), train=True)
    np.testing.assert_array_equal(out, [[-2, 6]])
    np.testing.assert_array_equal(layer.backward(np.array([[1.0, 8.0]])), [[1, 12]])


def test_residual_fills_up_at_the_end():
    layer = Residual(MaxPool((2, 1), 2), scale=2)
    x = np.arange(1.0, 7).reshape(1, 2, 3, 1)
    out = layer.forward(x, train=True)
    np.testing.assert_array_equal(out[0, ..., 0], [[1 + 2 * 4, 2 + 2 * 6, 3], [4, 5, 6]])
    dx = layer.backward(np.array([1.0, 10, 100, 1000, 1e4, 1e5]).reshape(1, 2, 3, 1))
    np.testing.assert_array_equal(dx[0, ..., 0], [[1, 10, 100], [1000 + 2, 1e4, 1e5 + 20]])


def test_residual_names_its_parameters_and_passes_over_a_path_that_hands_nothing_on():
    rng = np.random.default_rng(0)
    first = Conv2D(1, 1, 1, rng, input_gradient=False, dtype=np.float64)
    x, dout = np.ones((1, 2, 2, 1)), np.full((1, 2, 2, 1), 7.0)
    for layer in (Residual(first, ReLU()), Residual(first), Residual(ReLU(), first)):
        layer.forward(x, train=True)
        np.testing.assert_array_equal(layer.backward(dout), dout)
    assert list(layer.parameters()) == ["shortcut.weight", "shortcut.bias"]
    layer = Residual(Sequential(("conv", first)), first)
    assert [*layer.parameters()] == [
        "body.conv.weight", "body.conv.bias", "shortcut.weight", "shortcut.bias"
    ]  # fmt: skip
    layer.forward(x, train=True)
    assert layer.output_shape((2, 2, 1)) == (2, 2, 1)
    assert layer.multiply_adds((2, 2, 1)) == 2 * 8


def test_residual_refuses_images_and_vectors_at_once():
    layer = Residual(Linear(4, 2, np.random.default_rng(0)))
    with pytest.raises(ValueError, match=r"shortcut \(2, 2, 1\) and from the body \(2,\)"):
        layer.output_shape((2, 2, 1))
    with pytest.raises(ValueError, match=r"shortcut \(2, 2, 1\) and from the body \(2,\)"):
        layer.forward(np.ones((3, 2, 2, 1), np.float32))


def test_affine_refuses_other_channels():
    with pytest.raises(ValueError, match=r"Affine expects shape \(\.\.\., 3\), got \(2, 4\)"):
        Affine(3).forward(np.ones((2, 4), np.float32))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LRN(n=4), "odd.*4"),
        (lambda: LRN(k=0), "k > 0"),
        (lambda: Maxout(1), "2 to 256.*1"),
        (lambda: Maxout(2).output_shape((5,)), r"multiple of 2.*\(5,\)"),
        (lambda: MaxPool(2, 2, 2), "padding alone.*2"),
        (lambda: MaxPool(17, 1), "one byte.*17x17"),
        (lambda: AvgPool(2, 2, 2), "padding alone.*2"),
        (lambda: Window.of(0), "kernel.*0"),
        (lambda: Window.of(3, stride=1.5), "stride.*1.5"),
        (lambda: Window.of(3, pad=-1), "pad.*-1"),
        (lambda: Window.of(3, pad=(1, 1, 1)), r"pad.*\(1, 1, 1\)"),
        (lambda: Window.of(5).output_size(4, 9), r"\(5, 5\).*4x9"),
        (lambda: Window.of(2, 1, 1).output_size(0, 3), "0x3"),
        (lambda: Window.of(5, 2, ceil_mode=True).output_size(2, 9), r"\(5, 5\).*2x9"),
    ],
)
def test_what_cannot_be_is_refused_with_its_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("n", "kernel", "stride", "pad", "expected"),
    [
        (220, 7, 2, 3, 110),
        (110, 3, 2, 1, 55),
        (55, 3, 2, 1, 28),
        (28, 3, 2, 1, 14),
        (3, 3, 1, 0, 1),
    ],
)
def test_output_size(n, kernel, stride, pad, expected):
    assert Window.of(kernel, stride, pad).output_size(n, n) == (expected, expected)


@pytest.mark.parametrize(
    ("n", "kernel", "stride", "pad", "expected"),
    [
        (22, 3, 2, 0, 11),  # floor: 10
        (23, 3, 2, 0, 11),  # fits: the same
        (46, 3, 2, 0, 23),
        (7, 2, 2, 0, 4),
        (1, 2, 2, 0, 1),
        (5, 1, 3, 0, 2),  # a third window would begin at 6, behind the image
        (4, 3, 3, 1, 2),
        (6, 3, 2, (0, 1), 3),
    ],
)
def test_output_size_rounded_up(n, kernel, stride, pad, expected):
    pad = (pad, pad) if isinstance(pad, tuple) else pad
    assert Window.of(kernel, stride, pad, True).output_size(n, n) == (expected, expected)


@pytest.mark.parametrize("input_gradient", [True, False])
@pytest.mark.parametrize(
    ("kernel", "stride", "pad"),
    [(3, 1, 1), (1, 1, 0), (1, 2, 0), (1, 1, ((1, 0), (0, 0))), (5, 2, 2)],
)
def test_convolution_row_by_row(kernel, stride, pad, input_gradient, monkeypatch):
    """One output row a block: as if a row's columns filled the cache."""
    monkeypatch.setattr(im2col, "BLOCK_BYTES", 1)
    rng = np.random.default_rng(0)
    for dtype, bound in ((np.float64, 1e-12), (np.float32, 1e-5)):
        layer = Conv2D(
            5, 7, kernel, rng, stride, pad, input_gradient, algorithm="im2col", dtype=dtype
        )
        x = rng.standard_normal((2, 6, 5, 5)).astype(dtype)
        out = layer.forward(x, train=True)
        dout = rng.standard_normal(out.shape).astype(dtype)
        layer.zero_grad()
        got = [out, layer.weight.grad, layer.bias.grad]
        dx = layer.backward(dout)
        expected, cache = conv_forward(x, layer.weight.data, layer.bias.data, layer.window)
        dx_expected, *gradients = conv_backward(dout, cache)
        pairs = list(zip(got, [expected, *gradients], strict=True))
        pairs += [(dx, dx_expected)] * input_gradient
        for own, right in pairs:
            assert np.abs(own - right).max() <= bound * np.abs(right).max()
