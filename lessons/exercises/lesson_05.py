"""Lesson 05: a linear layer, maxout, the L2 norm, and a test that sees too little."""

import numpy as np

from minifacenet.nn.l2norm import l2norm_backward, l2norm_forward
from minifacenet.nn.linear import linear_backward
from minifacenet.nn.maxout import maxout_backward, maxout_forward

from .core import Wrong, exercise, expect


def _close(got, value):
    return np.shape(got) == np.shape(value) and np.allclose(got, value, rtol=1e-7, atol=1e-12)


SHAPES = (((5, 3), 2), ((1, 2), 3), ((4, 2), 1), ((4, 6), 6), ((3, 2, 3, 2), 4), ((2, 1, 1, 5), 5))


@exercise(
    "05.1",
    hints=(
        "How many numbers does one photo have, and how many come out?",
        "x.reshape(len(x), -1) has a row for each photo. A column of w holds the weights of one "
        "output: which product takes rows by columns?",
        "The rows of x times w, plus b, which NumPy adds to every row.",
    ),
    answer="exercises.answers_05.linear_forward",
)
def linear_forward(answer):
    rng = np.random.default_rng(501)
    for shape, outputs in SHAPES:
        x, b = rng.standard_normal(shape), rng.standard_normal(outputs)
        rows = x.reshape(len(x), -1)
        w = rng.standard_normal((rows.shape[1], outputs))
        try:
            got = answer(x.copy(), w.copy(), b.copy())
        except ValueError as error:
            if x.ndim > 2:
                raise Wrong(
                    f"for x of shape {shape}: {error}. A photo that has height, width and "
                    "channels still is one row of numbers for this layer"
                ) from error
            raise
        others = {
            "the bias is missing": rows @ w,
            "the bias comes with the wrong sign": rows @ w - b,
            "you add up all biases: output j has b[j] alone": rows @ w + b.sum(),
            "a column of w belongs to an output, not a row": (
                rows @ w.T + b if w.shape[0] == w.shape[1] else None
            ),
            "that is the first photo alone": (rows @ w + b)[0],
        }
        for message, value in others.items():
            if value is not None and _close(got, value) and not _close(value, rows @ w + b):
                raise Wrong(f"for x of shape {shape}: {message}")
        expect(f"for x of shape {shape}, {outputs} outputs: y", got, rows @ w + b)
    return "Every output sees every input."


@exercise(
    "05.2",
    hints=(
        "If one weight w[i, j] grows by a little, which outputs change, and by how much?",
        "Each of the three has the shape of its array. Of dout (N, O), x (N, I) and w (I, O): "
        "which two make (N, I), and which two (I, O)?",
        "dout @ w.T, in the shape of x; x.T @ dout, with x as rows; and the sum of dout over axis "
        "0, since every photo has the same bias.",
    ),
    answer="exercises.answers_05.linear_gradients",
)
def linear_gradients(answer):
    rng = np.random.default_rng(502)
    for shape, outputs in SHAPES:
        x, dout = rng.standard_normal(shape), rng.standard_normal((shape[0], outputs))
        rows = x.reshape(len(x), -1)
        w = rng.standard_normal((rows.shape[1], outputs))
        right = linear_backward(dout, (x, w))
        got = answer(dout.copy(), x.copy(), w.copy())
        if not isinstance(got, tuple | list) or len(got) != 3:
            raise Wrong("return three arrays: dx, dw, db")
        count, at = len(x), f"for x of shape {shape}, {outputs} outputs: "
        if shape[0] > 1:
            others = [
                (1, right[1] / count, "dw is the mean over the photos: it is their sum"),
                (2, right[2] / count, "db is the mean over the photos: it is their sum"),
                (2, dout, "db has a row for each photo: the bias is one for all, so add them up"),
                (2, dout[0], "db is that of the first photo alone"),
                (1, np.outer(rows[0], dout[0]), "dw is that of the first photo alone"),
                (1, right[1].T, "dw is transposed: it has the shape of w"),
            ]
            for which, value, message in others:
                if _close(got[which], value) and not _close(value, right[which]):
                    raise Wrong(at + message)
        if len(shape) > 2 and _close(got[0], right[0].reshape(count, -1)):
            raise Wrong(f"{at}dx has to go back into the shape of x")
        if outputs == rows.shape[1] and _close(got[0], (dout @ w).reshape(shape)):
            raise Wrong(f"{at}dx takes w where it should take its transpose: w[i, j] leads from i")
        for name, own, expected in zip(("dx", "dw", "db"), got, right, strict=True):
            expect(at + name, own, expected)
    return "No derivative is looked up: the shapes leave one way only."


@exercise(
    "05.3",
    hints=(
        "Of p numbers one has won. What would have changed if one of the others had been a little "
        "larger?",
        "z.reshape(N, pieces, h) has the pieces on axis 1, where argmax finds the winners, the "
        "first on a tie.",
        "Compare np.arange(pieces)[:, None] with the winners; where they agree, dz is dout. Then "
        "reshape back.",
    ),
    answer="exercises.answers_05.maxout_gradient",
)
def maxout_gradient(answer):
    rng = np.random.default_rng(51)
    z, dout = rng.standard_normal((4, 12)), rng.standard_normal((4, 4))
    _, cache = maxout_forward(z, 3)
    right = maxout_backward(dout, cache)
    got = answer(dout.copy(), z.copy(), 3)
    _, mixed = maxout_forward(z.reshape(4, 4, 3).transpose(0, 2, 1).reshape(4, 12), 3)
    interleaved = maxout_backward(dout, mixed).reshape(4, 3, 4).transpose(0, 2, 1).reshape(4, 12)
    others = {
        "every piece gets the gradient in yours: the losers changed nothing, they get 0": np.tile(
            dout, 3
        ),
        "you split z as (N, h, pieces): the pieces lie one after another, (N, pieces, h)": (
            interleaved
        ),
        "the winners get 1: they should get their dout": (right != 0).astype(float),
    }
    for message, value in others.items():
        if _close(got, value):
            raise Wrong(message)
    expect("dz of 4 photos with 3 pieces of 4", got, right, 1e-12)
    tied = np.array([[1.0, 5, 2, 1, 5, 3]])
    got, dout = answer(np.array([[10.0, 20, 30]]), tied, 2), np.array([[10.0, 20, 0, 0, 0, 30]])
    if _close(got, np.array([[10.0, 20, 0, 10, 20, 30]])):
        raise Wrong("on a tie both pieces get the gradient in yours: only the first one wins")
    if _close(got, np.array([[0.0, 0, 0, 10, 20, 30]])):
        raise Wrong("on a tie your last piece wins: it should be the first one")
    expect("dz of [[1, 5, 2, 1, 5, 3]] with 2 pieces", got, dout, 1e-12)
    for n, pieces, h in ((1, 2, 1), (3, 4, 2), (2, 5, 5)):
        z, dout = rng.integers(-2, 3, (n, pieces * h)).astype(float), rng.standard_normal((n, h))
        _, cache = maxout_forward(z, pieces)
        got = answer(dout.copy(), z.copy(), pieces)
        expect(f"dz of {n} photos with {pieces} pieces of {h}", got, maxout_backward(dout, cache))
    return "Ties and all."


@exercise(
    "05.4",
    hints=(
        "Which step of x leaves y where it is? What must the slope be in that direction?",
        "norm and y first, each row on its own: np.linalg.norm(x, axis=1, keepdims=True). How "
        "much of dout lies along y?",
        "Take out of dout its part along y, which is (dout . y) y, row by row, and divide what is "
        "left by the norm.",
    ),
    answer="exercises.answers_05.l2_gradient",
)
def l2_gradient(answer):
    rng = np.random.default_rng(52)
    x, dout = rng.standard_normal((2, 5, 4))
    y, cache = l2norm_forward(x)
    norm = cache[1]
    right = l2norm_backward(dout, cache)
    along = (dout * y).sum(axis=1, keepdims=True)
    got = answer(dout.copy(), x.copy())
    others = {
        "the part along y is still there: a step along x changes nothing, its slope is 0": (
            dout / norm
        ),
        "the direction is right, the length is not: divide by ||x||": dout - along * y,
        "divide by ||x|| once, not by its square": right / norm,
        "the length of a row of x is its own: sum over axis 1 alone, with keepdims=True": (
            l2norm_backward(dout.reshape(1, -1), l2norm_forward(x.reshape(1, -1))[1]).reshape(5, 4)
        ),
        "you project on x: take the direction y, of length 1": (
            dout - (dout * x).sum(axis=1, keepdims=True) * x
        )
        / norm,
        "the part along y has to be taken off, not added": (dout + along * y) / norm,
        "you take off sum(y) y: it is dout . y that says how much of dout lies along y": (
            dout - y.sum(axis=1, keepdims=True) * y
        )
        / norm,
        "you multiply dout with the column sums of the slopes: right for dout = 1 and wrong "
        "otherwise, see below": dout * (1 - y.sum(axis=1, keepdims=True) * y) / norm,
        "that keeps the diagonal of the slopes alone: y_i depends on every x_j": (
            dout * (1 - y * y) / norm
        ),
        "you sum dout . y over the photos as well: each row on its own": (
            (dout - (dout * y).sum() * y) / norm
        ),
        "that is the forward": y,
    }
    for message, value in others.items():
        if _close(got, value):
            raise Wrong(message)
    expect("dx of 5 rows of 4", got, right)
    for shape in ((1, 1), (1, 7), (4, 4), (3, 128)):
        x, dout = 3 * rng.standard_normal((2, *shape))
        got = answer(dout.copy(), x.copy())
        expected = l2norm_backward(dout, l2norm_forward(x)[1])
        if shape == (1, 1):  # a sphere of one dimension has two points: no slope but rounding
            expect("dx of 1 row of 1, plus 1,", np.add(got, 1), np.ones(shape))
            continue
        expect(f"dx of {shape[0]} rows of {shape[1]}", got, expected)
    return "At a right angle to every x, too."


@exercise(
    "05.5",
    hints=(
        "What does the right backward compute that is easy to mistake when dout is 1?",
        "The right one is (dout - along * y) / norm with along = the sums of dout * y. For dout = "
        "1, what is `along`?",
        "Write that number in another way, without dout, and leave the rest as it is.",
    ),
    answer="exercises.answers_05.second_impostor",
)
def second_impostor(answer):
    rng = np.random.default_rng(53)
    x, dout, more = rng.standard_normal((3, 6, 4))
    y, cache = l2norm_forward(x)
    norm = cache[1]
    ones = np.ones((6, 4))

    def ask(upstream):
        got = answer(upstream.copy(), y.copy(), norm.copy())
        if got is None or np.shape(got) != (6, 4):
            what = "None" if got is None else f"shape {np.shape(got)}"
            raise Wrong(f"return dx, of the shape of dout, (6, 4): yours is {what}")
        return np.asarray(got, dtype=float)

    if not _close(ask(ones), l2norm_backward(ones, cache)):
        raise Wrong("the test with dout = 1 finds yours out: it has to be right there")
    got = ask(dout)
    if _close(got, l2norm_backward(dout, cache)):
        raise Wrong("that is the right backward: it passes every test, an impostor only one")
    if _close(got, dout * (1 - y.sum(axis=1, keepdims=True) * y) / norm):
        raise Wrong("that is the first impostor: find another")
    if not _close(ask(dout + more), got + ask(more) - ask(0 * ones)) or not _close(
        ask(dout + ones), got + ask(ones) - ask(0 * ones)
    ):
        raise Wrong(
            "a backward is linear in dout, yours is not: looking whether it is 1 is peeking"
        )
    return "For a softmax, whose outputs add up to 1, even a backward that returns 0 passes."
