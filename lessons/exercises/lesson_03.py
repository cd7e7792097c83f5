"""Lesson 03: where ReLU and max pooling send their gradients."""

import numpy as np

from minifacenet.nn.maxpool import maxpool_backward as library_backward
from minifacenet.nn.maxpool import maxpool_forward
from minifacenet.nn.window import Window

from .core import Wrong, exercise, expect


@exercise(
    "03.1",
    hint="The slope is 1 where the output is above 0, and 0 elsewhere: np.where(out > 0, ..., 0).",
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
    hint="Loop over n, p, q, c in np.ndindex(*dout.shape). i, j = divmod(winner[n, p, q, c], kw) "
    "is the winner's place in its window. Where does the window (p, q) begin in the image?",
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
    wrong = [
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
