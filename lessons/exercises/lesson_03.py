"""Lesson 03: ReLU and max pooling: what comes out, and where the gradients go."""

import numpy as np

from minifacenet.nn.maxpool import maxpool_backward as library_backward
from minifacenet.nn.maxpool import maxpool_forward
from minifacenet.nn.window import Window

from .core import Wrong, exercise, expect


@exercise(
    "03.1",
    hints=(
        "If an input grows a little, by how much does its output grow? There are two cases.",
        "The output tells the two cases apart: above 0, or not.",
        "np.where(the gate is open, what passes, 0).",
    ),
    answer="minifacenet.nn.relu.relu_backward",
)
def relu_backward(answer):
    rng = np.random.default_rng(0)
    for shape in ((6,), (2, 3, 4, 2)):
        x = rng.standard_normal(shape)
        x.flat[1] = 0  # at the kink the library takes 0
        out, dout = np.maximum(x, 0), rng.standard_normal(shape)
        given = out.copy(), dout.copy()
        got = answer(given[1], given[0])
        if not (np.array_equal(given[0], out) and np.array_equal(given[1], dout)):
            raise Wrong("your function changes dout or the cache, which belong to the caller")
        expected = np.where(out > 0, dout, 0)
        typical = [
            (
                dout,
                "everything passes in yours: where the output is 0, nothing may "
                "(and an output is never below 0)",
            ),
            (out, "that is the output once more: it decides where, but what passes is dout"),
            (dout * out, "multiply dout by the slope, which is 1 or 0, not by the output"),
            ((out > 0) * 1.0, "that is the slope dy/dx alone: the chain rule multiplies by dout"),
            (np.maximum(dout, 0), "you cut dout where it is negative. What counts is the output"),
            (
                np.where(dout > 0, expected, 0),
                "a negative gradient passes, too: only the output decides",
            ),
            (dout - expected, "it is the other way round: where the output is 0, nothing passes"),
        ]
        for wrong, message in typical:
            if np.shape(got) == shape and np.allclose(got, wrong):
                raise Wrong(message)
        expect("your dx", got, expected)
    return "A gate: open where the forward was open."


CASES = [
    ((1, 4, 4, 1), Window.of(2, stride=2)),
    ((1, 5, 5, 1), Window.of(3, stride=2)),
    ((2, 6, 7, 3), Window.of(3, stride=2, pad=1)),
    ((2, 5, 6, 2), Window.of((3, 2), stride=(1, 2))),
    ((1, 6, 5, 2), Window.of((2, 4), stride=(2, 1), pad=((1, 0), (2, 1)))),
]


@exercise(
    "03.2",
    hints=(
        "One number of dout: to which one pixel of the image does it go?",
        "i, j = divmod(winner[n, p, q, c], kw) is the winner's place in its window. Where does "
        "the window (p, q) begin in the image?",
        "Loop over n, p, q, c in np.ndindex(*dout.shape), and add dout[n, p, q, c] to dx at row p "
        "* sh - top + i, column q * sw - left + j.",
    ),
    answer="minifacenet.nn.maxpool.maxpool_backward",
)
def maxpool_backward(answer):
    rng = np.random.default_rng(3)
    for shape, window in CASES:
        x = rng.standard_normal(shape)
        out, cache = maxpool_forward(x, window)
        dout = rng.standard_normal(out.shape)
        given = dout.copy()
        expected = library_backward(dout, cache)
        where = (
            f"for x of shape {shape}, kernel {window.kernel}, stride {window.stride}, "
            f"pad {window.pad}"
        )
        try:
            got = answer(given, cache)
        except IndexError as error:
            raise Wrong(
                f"{where}: {error}. A tap is i * kw + j, and the window (p, q) begins at row "
                "p * sh - top and column q * sw - left of the image"
            ) from error
        if not np.array_equal(given, dout):
            raise Wrong(f"{where}: your function changes dout, which belongs to the caller")
        for wrong, message in _typical(dout, cache):
            if np.shape(got) == shape and np.allclose(got, wrong):
                if np.allclose(wrong, expected):
                    continue
                raise Wrong(f"{where}: {message}")
        expect(f"{where}: your dx", got, expected)
    return "The gradients of all windows arrive, and each at one pixel: dx.sum() is dout.sum()."


def _places(dout, winner, window, columns):
    """Where each window's winner lies, if a window has that many columns: four index arrays."""
    _, (sh, sw), (top, left) = window.geometry()
    n, p, q, c = np.indices(dout.shape)
    i, j = np.divmod(winner, columns)
    return n, p * sh + i - top, q * sw + j - left, c


def _typical(dout, cache):
    shape, winner, window = cache
    (kh, kw), _, (top, left) = window.geometry()
    places = _places(dout, winner, window, kw)
    last, mean, ones = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    last[places] = dout
    yield (
        last,
        (
            "a pixel that has won several windows keeps the gradient of one of them: add them up. "
            "(dx[places] += ... with arrays of places adds once only; np.add.at or a loop adds all)"
        ),
    )
    np.add.at(ones, places, 1)
    np.add.at(mean, places, dout)
    yield mean / np.maximum(ones, 1), "you average over the windows that a pixel won: add them up"
    yield ones, "that counts how often each pixel won: pass on dout instead of 1"
    j, i = np.divmod(winner, kw)
    turned = places[0], places[1] - winner // kw + i, places[2] - winner % kw + j, places[3]
    wrong = [
        (turned, "row and column of the tap are exchanged: i, j = divmod(tap, kw)"),
        (_places(dout, winner, window, kh), "a tap is i * kw + j: divide by kw, not by kh"),
        (
            (places[0], places[1] + top, places[2] + left, places[3]),
            "the first window starts in the padding, before the image: take pad off",
        ),
        (
            _places(dout, winner, Window(window.kernel, (1, 1), window.pad), kw),
            "the window (p, q) begins at p * sh and q * sw: the stride is missing",
        ),
    ]
    for indices, message in wrong:
        rows, columns = indices[1], indices[2]
        if min(rows.min(), columns.min()) < 0:
            continue
        if rows.max() >= shape[1] or columns.max() >= shape[2]:
            continue
        dx = np.zeros(shape)
        np.add.at(dx, indices, dout)
        yield dx, message


@exercise(
    "03.3",
    hints=(
        "What has to lie around the image, so that it never wins?",
        "np.pad(x, ((0, 0), *window.pad, (0, 0)), constant_values=-np.inf). For one window the "
        "patch padded[:, p * sh : p * sh + kh, q * sw : q * sw + kw] has all that it sees.",
        "patch.reshape(N, kh * kw, C).argmax(axis=1) is the tap: the first one on a tie, and NaN "
        "counts as the largest. np.take_along_axis gets the values.",
    ),
    answer="minifacenet.nn.maxpool.maxpool_forward",
)
def pooling(answer):
    rng = np.random.default_rng(33)
    for number, (shape, window) in enumerate(CASES):
        x = rng.standard_normal(shape) - 3  # below 0, so that a padded 0 would win
        if number % 2:
            x = x.round()  # many ties
        given = x.copy()
        got = answer(given, window)
        out, (_, winner, _) = maxpool_forward(x, window)
        where = f"for x of shape {shape}, kernel {window.kernel}, stride {window.stride}, "
        where += f"pad {window.pad}"
        if not np.array_equal(given, x):
            raise Wrong(f"{where}: your function changes x, which belongs to the caller")
        if not isinstance(got, tuple) or len(got) != 2 or len(got[1]) != 3:
            raise Wrong(
                "return two things, as a tuple: y, and the cache, (x.shape, winner, window)"
            )
        zeros = _zero_padded(x, window)
        right = np.shape(got[0]) != out.shape or np.allclose(got[0], out)
        if not right and np.allclose(got[0], zeros):
            raise Wrong(f"{where}: your padding is 0, which wins against all that is negative")
        expect(f"{where}: your y", got[0], out)
        if got[1][0] != shape or got[1][2] != window:
            raise Wrong("the cache is (x.shape, winner, window), in this order")
        _look_at_winners(where, np.asarray(got[1][1]), winner, x, window)
    x = rng.standard_normal((1, 4, 4, 1))
    x[0, 1, 1, 0] = np.nan
    got, (_, winner, _) = answer(x, Window.of(2, stride=2))
    if not np.isnan(np.asarray(got)[0, 0, 0, 0]):
        raise Wrong("a NaN in the window, and y is a number: it has to travel")
    if np.asarray(winner)[0, 0, 0, 0] != 3:
        raise Wrong("a NaN in the window, and another one is its winner: NaN counts as the largest")
    return "With its backward the layer is yours."


def _zero_padded(x, window):
    padded = np.pad(x, ((0, 0), *window.pad, (0, 0)))
    return maxpool_forward(padded, Window.of(window.kernel, window.stride))[0]


def _look_at_winners(where, got, right, x, window):
    """`Wrong` if the winners are not as they should be, with the reason where it is a known one."""
    if got.shape != right.shape:
        raise Wrong(f"{where}: winner has shape {got.shape}, expected {right.shape}, as y")
    if not np.issubdtype(got.dtype, np.integer):
        raise Wrong(
            f"winner is {got.dtype}: 03.2 takes it for an index, a whole number (dtype int)"
        )
    kh, kw = window.kernel
    i, j = np.divmod(right, kw)
    if not np.array_equal(got, right) and np.array_equal(got, j * kh + i):
        raise Wrong(f"{where}: your taps are counted down the columns: the tap is i * kw + j")
    if not np.array_equal(got, right):
        turned = tuple((after, before) for before, after in window.pad)
        last = kh * kw - 1 - maxpool_forward(x[:, ::-1, ::-1], Window(
            window.kernel, window.stride, turned
        ))[1][1][:, ::-1, ::-1]  # fmt: skip
        if got.shape == last.shape and np.array_equal(got, last):
            raise Wrong(f"{where}: on a tie your last one wins: it should be the first one")
        place = tuple(int(k) for k in np.argwhere(got != right)[0])
        raise Wrong(
            f"{where}: winner{list(place)} is {got[place]}, expected {right[place]}: the tap "
            "i * kw + j of the first largest value"
        )
