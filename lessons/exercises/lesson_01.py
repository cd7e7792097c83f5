"""Lesson 01: how often a window fits, the matrix of all windows, and the convolution."""

import numpy as np

from minifacenet.nn.conv import conv_forward
from minifacenet.nn.window import Window

from .core import Wrong, exercise, expect

SIZES = [(4, 3, 1, 0, 0), (5, 5, 1, 0, 0), (220, 7, 2, 3, 3), (28, 3, 2, 1, 1), (7, 3, 3, 0, 1)]
SIZES += [(10, 4, 2, 3, 0), (1, 1, 5, 0, 0), (8, 2, 5, 0, 0), (55, 3, 2, 1, 1), (6, 6, 4, 1, 2)]


@exercise(
    "01.1",
    hints=(
        "Where is the last place at which a window may start?",
        "The first window starts at 0. Every s-th place up to the last one holds a window, the "
        "place 0 too.",
        "The room to move is n + before + after - k. Divide it by s, rounding down, and do not "
        "forget the place 0.",
    ),
    answer="exercises.answers_01.output_size",
)
def output_size(answer):
    for n, k, s, before, after in SIZES:
        room = n + before + after - k
        expected, got = room // s + 1, answer(n, k, s, before, after)
        case = f"n={n}, k={k}, s={s}, before={before}, after={after}"
        if got is None or np.ndim(got) != 0:
            raise Wrong(f"{case}: return one whole number, not {got!r}")
        if got == expected:
            continue
        reason = "count the places where a window may start"
        if got == room // s:
            reason = "one too few: the window at the very start counts, too"
        elif before + after and got == (n - k) // s + 1:
            reason = "the padding makes room for more windows"
        elif got in (room / s + 1, -(-room // s) + 1, round(room / s) + 1):
            reason = "a window that does not fit as a whole is left out: round down"
        elif got == (n + 2 * before - k) // s + 1:
            reason = "the padding after the image may differ from the one before it"
        raise Wrong(f"{case}: got {got}, expected {expected}; {reason}")
    return "So 220 pixels, 7 x 7, stride 2, padding 3 give 110: row 1 of the paper's Table 1."


CASES = [
    ((4, 4, 1), Window.of(2)),
    ((5, 4, 2), Window.of((2, 3))),
    ((7, 6, 1), Window.of(3, stride=(2, 1))),
    ((5, 5, 3), Window.of(3, stride=2, pad=1)),
    ((5, 7, 2), Window.of((3, 2), stride=(2, 3), pad=((1, 0), (0, 2)))),
    ((4, 3, 2), Window.of((4, 3))),
    ((6, 5, 3), Window.of(1, stride=(2, 3))),
    ((1, 1, 2), Window.of((5, 3), pad=(2, 1))),
]


@exercise(
    "01.2",
    hints=(
        "Which pixels belong to the window (p, q), and in which order do the weights meet them?",
        "Pad first: np.pad(x, (*window.pad, (0, 0))). The window (p, q) then starts at row p * sh "
        "and column q * sw of the padded image.",
        "Two loops, p outside of q; cut out padded[p * sh : p * sh + kh, q * sw : ...], .ravel() "
        "it, and np.stack the rows.",
    ),
    answer="exercises.answers_01.im2col",
)
def im2col(answer):
    rng = np.random.default_rng(1)
    for shape, window in CASES:
        x = rng.standard_normal(shape).astype(np.float32)
        given = x.copy()
        got, expected = answer(given, window), _columns(x, window)
        where = (
            f"for x of shape {shape}, kernel {window.kernel}, stride {window.stride}, "
            f"pad {window.pad}"
        )
        if not np.array_equal(given, x):
            raise Wrong(f"{where}: your function changes x, which belongs to the caller")
        for wrong, message in _typical(x, window, expected):
            if np.shape(got) == wrong.shape != () and np.array_equal(got, wrong):
                if np.array_equal(wrong, expected):
                    continue
                raise Wrong(f"{where}: {message}")
        expect(f"{where}: your matrix", got, expected)
        if np.asarray(got).dtype != x.dtype:
            raise Wrong(f"x is {x.dtype} and your matrix {np.asarray(got).dtype}: keep the dtype")
    return "Each window is a row now, and a row times a column is what a filter wants."


def _columns(x, window, pad=None, mode="constant"):
    (kh, kw), (sh, sw), (_, _) = window.geometry()
    padded = np.pad(x, (*(window.pad if pad is None else pad), (0, 0)), mode=mode)
    seen = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), axis=(0, 1))
    seen = seen[::sh, ::sw].transpose(0, 1, 3, 4, 2)
    return seen.reshape(seen.shape[0] * seen.shape[1], -1)


def _typical(x, window, expected):
    """Wrong matrices, each with what is wrong about it."""
    (kh, kw), (sh, sw), _ = window.geometry()
    (top, bottom), (left, right) = window.pad
    channels = x.shape[2]
    out_h, out_w = window.output_size(*x.shape[:2])
    cells = expected.reshape(out_h, out_w, kh, kw, channels)

    def laid_out(*order):
        return cells.transpose(order).reshape(out_h * out_w, -1)

    yield (
        laid_out(0, 1, 4, 2, 3),
        (
            "all pixels of one channel stand together in your rows; the order is (i, j, c), the "
            "channel last, as in memory"
        ),
    )
    yield (
        laid_out(1, 0, 2, 3, 4),
        "your rows go down the columns of the image: q runs faster than p",
    )
    yield laid_out(0, 1, 3, 2, 4), "inside a row, j runs faster than i"
    yield np.ascontiguousarray(expected.T), "a window is a row here; yours are columns: transpose"
    if x.shape[0] + bottom + top >= kh and x.shape[1] + left + right >= kw:
        yield _columns(x, window, mode="edge"), "outside of the image there are zeros, not its edge"
        swapped = ((bottom, top), (right, left))
        yield (
            _columns(x, window, swapped),
            "the first number of a pad is what comes before the image",
        )
    if x.shape[0] >= kh and x.shape[1] >= kw:
        yield _columns(x, window, ((0, 0), (0, 0))), "the padding is missing"
    yield cells, "one row for each window: reshape to (windows, kh kw C)"
    turned = Window(window.kernel, (sw, sh), window.pad)
    if sh != sw:
        yield _columns(x, turned), "vertical and horizontal stride are swapped"


@exercise(
    "01.3",
    hints=(
        "Of one photo you have the windows as rows. What is left to do?",
        "im2col(photo, window) @ w.reshape(-1, filters) + b holds all outputs of one photo, a row "
        "for each window. Which shape should they have?",
        "Do so for each photo of x, np.stack, and reshape to (N, *window.output_size(H, W), O).",
    ),
    answer="exercises.answers_01.conv_forward",
)
def convolution(answer):
    rng = np.random.default_rng(13)
    for number, (shape, window) in enumerate(CASES):
        x = rng.standard_normal((1 + number % 3, *shape))
        w = rng.standard_normal((*window.kernel, shape[2], 1 + (number + 1) % 4))
        b = rng.standard_normal(w.shape[3])
        given = x.copy(), w.copy(), b.copy()
        got, expected = answer(*given, window), conv_forward(x, w, b, window)[0]
        where = (
            f"for x of shape {x.shape}, w of shape {w.shape}, stride {window.stride}, "
            f"pad {window.pad}"
        )
        if not all(map(np.array_equal, given, (x, w, b))):
            raise Wrong(f"{where}: your function changes what it is given")
        for wrong, message in _typical_outputs(x, w, b, window, expected):
            told_apart = wrong.shape != expected.shape or not np.allclose(wrong, expected)
            if told_apart and np.shape(got) == wrong.shape and np.allclose(got, wrong):
                raise Wrong(f"{where}: {message}")
        expect(f"{where}: your y", got, expected)
    return "That is the layer. What is left of this course is how it learns."


def _typical_outputs(x, w, b, window, expected):
    yield expected - b, "the bias is missing: each filter adds its own b"
    yield expected - b + b.sum(), "each output gets all biases: filter o adds b[o] alone"
    turned = w[::-1, ::-1]
    yield (
        conv_forward(x, turned, b, window)[0],
        "your filter is turned by 180 degrees, as in mathematics: here it is not",
    )
    mixed = w.transpose(2, 0, 1, 3).reshape(w.shape)
    yield (
        conv_forward(x, mixed, b, window)[0],
        "your weights come in another order than the values of a row: w.reshape(-1, filters)",
    )
    yield expected[0], "that is the first photo alone: x is a stack of them"
    yield (
        expected.reshape(len(x), -1, w.shape[3]),
        "the windows stand in one long row: reshape to (N, H', W', O)",
    )
    yield (
        expected.transpose(0, 3, 1, 2),
        "the filters stand before the pixels: the channel comes last, (N, H', W', O)",
    )
