"""Lesson 02: the gradients of a convolution, and the difference that judges them."""

import numpy as np

from minifacenet.nn.conv import conv_backward
from minifacenet.nn.window import Window

from .core import Wrong, exercise, expect

CASES = [
    ((1, 4, 4, 1), 1, Window.of(2)),
    ((2, 4, 5, 1), 2, Window.of((2, 3))),
    ((2, 5, 5, 3), 2, Window.of(3, pad=1)),
    ((1, 7, 6, 2), 3, Window.of(3, stride=2, pad=1)),
    ((3, 6, 5, 2), 2, Window.of((3, 2), stride=(2, 1), pad=((1, 0), (0, 2)))),
    ((2, 4, 3, 2), 1, Window.of(1, stride=(2, 3))),
]


@exercise(
    "02.1",
    hints=(
        "Which pixels does the weight (i, j) meet, over all places of the window?",
        "Pad x. They are padded[:, i : i + H' * sh : sh, j : j + W' * sw : sw], of shape (N, H', "
        "W', C).",
        "Two loops over i and j; multiply those pixels by dout, and sum over n, p and q: "
        "np.einsum('npqc,npqo->co', ...).",
    ),
    answer="exercises.answers_02.conv_dw",
)
def conv_dw(answer):
    rng = np.random.default_rng(2)
    for shape, filters, window in CASES:
        out_h, out_w = window.output_size(*shape[1:3])
        x = rng.standard_normal(shape)
        dout = rng.standard_normal((shape[0], out_h, out_w, filters))
        expected = _dw(dout, x, window)
        given = dout.copy(), x.copy()
        got = answer(*given, window)
        where = (
            f"for x of shape {shape}, kernel {window.kernel}, stride {window.stride}, "
            f"pad {window.pad}"
        )
        if not (np.array_equal(given[0], dout) and np.array_equal(given[1], x)):
            raise Wrong(f"{where}: your function changes dout or x, which belong to the caller")
        for wrong, message in _typical(dout, x, window, expected):
            told_apart = wrong.shape != expected.shape or not np.allclose(wrong, expected)
            if told_apart and np.shape(got) == wrong.shape and np.allclose(got, wrong):
                raise Wrong(f"{where}: {message}")
        expect(f"{where}: your dw", got, expected)
    return "As matrices it is dW = Xᵀ dY, with the X of lesson 01."


def _dw(dout, x, window):
    w = np.zeros((*window.kernel, x.shape[3], dout.shape[3]))
    return conv_backward(dout, (x, w, window))[1]


def _typical(dout, x, window, expected):
    count, pixels = len(x), dout.shape[1] * dout.shape[2]
    yield _dw(dout[:1], x[:1], window), "that is the first photo alone: sum over all of them"
    yield expected / count, "that is the mean over the photos: dw is their sum"
    yield expected / (count * pixels), "that is a mean: dw is the sum over n, p and q"
    side_by_side = Window(window.kernel, (1, 1), window.pad)
    yield (
        _dw(dout, x, side_by_side),
        "the stride is missing: the window (p, q) begins at p * sh, q * sw",
    )
    yield expected[::-1, ::-1], "your dw is turned by 180 degrees: w[i, j] meets x[.. + i, .. + j]"
    yield _dw(np.ones_like(dout), x, window), "dout does not come in at all: multiply by it"
    yield np.broadcast_to(dout.sum(axis=(0, 1, 2)), expected.shape), "x does not come in at all"
    yield (
        expected.transpose(0, 1, 3, 2),
        "the last two axes are swapped: dw has the shape of w, (kh, kw, C, O)",
    )


def _smooth(w):
    """A curved function, up in some coordinates and down in others, so that a shortcut shows."""
    flat = w.ravel()
    return float(np.sum(flat**3 - 2 * flat) + flat[0] * flat[-1] ** 2 + np.sin(flat).sum())


@exercise(
    "02.2",
    hints=(
        "What would you do with a pocket calculator, for one coordinate?",
        "np.ndindex(*w.shape) goes through all coordinates. f must see an array in which one of "
        "them alone has moved.",
        "For each index copy w twice, add h to one and take it from the other, at that index; "
        "(f(plus) - f(minus)) / (2 * h).",
    ),
    answer="exercises.answers_02.numeric_gradient",
)
def numeric_gradient(answer):
    rng = np.random.default_rng(3)
    for shape, h in (((3,), 0.1), ((2, 3), 0.05), ((2, 1, 2, 2), 1e-3)):
        w = rng.standard_normal(shape)
        given = w.copy()
        got = answer(_smooth, given, h)
        expected, forward, backward, together = _differences(w, h)
        if not np.allclose(given, w, rtol=0, atol=1e-12):
            raise Wrong(
                f"afterwards w is another: {given.ravel()[0]:.6g} was {w.ravel()[0]:.6g}. "
                "Move a copy, or move it back"
            )
        typical = [
            (2 * expected, "twice too large: the two places are 2 h apart, so divide by 2 h"),
            (expected * h * 2, "you do not divide by the distance of the two places, 2 h"),
            (-expected, "the sign is wrong: f(w + h) minus f(w - h)"),
            (np.abs(expected), "a slope may be negative: f may fall as w grows"),
            (forward, "that is (f(w + h) - f(w)) / h. The centred one is far more exact"),
            (backward, "that is (f(w) - f(w - h)) / h. The centred one is far more exact"),
            (
                np.full(shape, together),
                "you move all coordinates at once; move one, and leave the others",
            ),
            (
                np.full(shape, together / 2),
                "you move all coordinates at once; move one, and leave the others",
            ),
        ]
        if got is not None and np.shape(got) == ():
            raise Wrong(f"one number? A gradient has one for each coordinate of w, shape {shape}")
        for wrong, message in typical:
            told_apart = not np.allclose(wrong, expected)
            if told_apart and np.shape(got) == shape and np.allclose(got, wrong, rtol=1e-9):
                raise Wrong(f"for w of shape {shape}, h={h}: {message}")
        expect(f"for w of shape {shape}, h={h}: your gradient", got, expected, 1e-7)
    return "It knows nothing of the function, and can judge every backward of this course."


def _differences(w, h):
    centred, forward, backward = (np.empty_like(w) for _ in range(3))
    middle = _smooth(w)
    for index in np.ndindex(*w.shape):
        plus, minus = w.copy(), w.copy()
        plus[index] += h
        minus[index] -= h
        up, down = _smooth(plus), _smooth(minus)
        centred[index] = (up - down) / (2 * h)
        forward[index], backward[index] = (up - middle) / h, (middle - down) / h
    return centred, forward, backward, (_smooth(w + h) - _smooth(w - h)) / (2 * h)


@exercise(
    "02.3",
    hints=(
        "Which outputs have seen a given pixel, and each through which weight?",
        "Turn 02.1 round. There the weight (i, j) collected from the pixels padded[:, i : i + H' * "
        "sh : sh, j : j + W' * sw : sw]. Now it gives something back to the same pixels.",
        "Zeros of the padded shape; for each (i, j) add dout @ w[i, j].T to those pixels; in the "
        "end cut off the padding.",
    ),
    answer="exercises.answers_02.conv_dx",
)
def conv_dx(answer):
    rng = np.random.default_rng(23)
    for shape, filters, window in CASES:
        out_h, out_w = window.output_size(*shape[1:3])
        w = rng.standard_normal((*window.kernel, shape[3], filters))
        dout = rng.standard_normal((shape[0], out_h, out_w, filters))
        expected = _dx(dout, w, window, shape)
        given = dout.copy(), w.copy()
        got = answer(*given, window, shape)
        where = f"for shape {shape}, kernel {window.kernel}, stride {window.stride}, "
        where += f"pad {window.pad}"
        if not (np.array_equal(given[0], dout) and np.array_equal(given[1], w)):
            raise Wrong(f"{where}: your function changes dout or w, which belong to the caller")
        for wrong, message in _typical_dx(dout, w, window, shape, expected):
            told_apart = wrong.shape != expected.shape or not np.allclose(wrong, expected)
            if told_apart and np.shape(got) == wrong.shape and np.allclose(got, wrong):
                raise Wrong(f"{where}: {message}")
        if got is not None and np.size(got) == 0:
            raise Wrong(f"{where}: your dx is empty. A slice to -0 is none: count from the start")
        expect(f"{where}: your dx", got, expected)
    return "As matrices: dX = dY Wᵀ, and every window's row is added back to where it was cut out."


def _dx(dout, w, window, shape):
    return conv_backward(dout, (np.zeros(shape), w, window))[0]


def _typical_dx(dout, w, window, shape, expected):
    (kh, kw), (sh, sw), (top, left) = window.geometry()
    (_, bottom), (_, right) = window.pad
    yield _dx(dout, w[::-1, ::-1], window, shape), (
        "your filter is turned: the pixel that w[i, j] met gets its slope from w[i, j]"
    )  # fmt: skip
    size = (shape[0], shape[1] + top + bottom, shape[2] + left + right, shape[3])
    overwritten, whole = np.zeros(size), np.zeros(size)
    for i, j in np.ndindex(kh, kw):
        rows = slice(i, i + dout.shape[1] * sh, sh)
        columns = slice(j, j + dout.shape[2] * sw, sw)
        overwritten[:, rows, columns] = dout @ w[i, j].T
        whole[:, rows, columns] += dout @ w[i, j].T
    inside = np.s_[:, top : top + shape[1], left : left + shape[2]]
    yield overwritten[inside], "a pixel in several windows keeps one slope of them: add them up"
    yield whole, "that is the slope of the padded image: cut the padding off"
    yield whole[:, : shape[1], : shape[2]], "you cut at the wrong side: the image begins at pad"
    yield _dx(dout[..., :1], w[..., :1], window, shape), "that is the first filter: sum over all"
    yield _dx(np.ones_like(dout), w, window, shape), "dout does not come in at all"
    side_by_side = Window(window.kernel, (1, 1), window.pad)
    yield (
        _dx(dout, w, side_by_side, shape),
        "the stride is missing: the window (p, q) begins at p * sh, q * sw",
    )
    yield -expected, "the sign is wrong: a larger output is a larger pixel times the weight"
    yield expected / dout.shape[3], "that is the mean over the filters: dx is their sum"
