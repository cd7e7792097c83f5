"""Typical wrong answers to lesson 01, with words that the check should say."""

import math

import numpy as np


def one_too_few(n, k, s, before, after):
    return (n + before + after - k) // s


def without_padding(n, k, s, before, after):
    return (n - k) // s + 1


def rounded_up(n, k, s, before, after):
    return math.ceil((n + before + after - k) / s) + 1


def not_rounded(n, k, s, before, after):
    return (n + before + after - k) / s + 1


def padded_alike(n, k, s, before, after):
    return (n + 2 * before - k) // s + 1


def nothing(n, k, s, before, after):
    (n + before + after - k) // s + 1


def _windows(x, window, pad=None, mode="constant"):
    """Shape (H', W', kh, kw, C)."""
    (kh, kw), (sh, sw) = window.kernel, window.stride
    padded = np.pad(x, (*(window.pad if pad is None else pad), (0, 0)), mode=mode)
    starts = [
        range(0, n - k + 1, s) for n, k, s in zip(padded.shape[:2], (kh, kw), (sh, sw), strict=True)
    ]
    return np.array([[padded[y : y + kh, z : z + kw] for z in starts[1]] for y in starts[0]])


def _rows(windows):
    return windows.reshape(windows.shape[0] * windows.shape[1], -1)


def channels_first(x, window):
    return _rows(_windows(x, window).transpose(0, 1, 4, 2, 3))


def down_the_columns(x, window):
    windows = _windows(x, window)
    return windows.transpose(1, 0, 2, 3, 4).reshape(len(_rows(windows)), -1)


def window_turned(x, window):
    return _rows(_windows(x, window).transpose(0, 1, 3, 2, 4))


def no_padding(x, window):
    return _rows(_windows(x, window, ((0, 0), (0, 0))))


def padded_by_the_edge(x, window):
    return _rows(_windows(x, window, mode="edge"))


def padded_the_same_all_around(x, window):
    (top, _), (left, _) = window.pad
    return _rows(_windows(x, window, ((top, top), (left, left))))


def pad_turned_round(x, window):
    (top, bottom), (left, right) = window.pad
    return _rows(_windows(x, window, ((bottom, top), (right, left))))


def transposed(x, window):
    return _rows(_windows(x, window)).T


def not_reshaped(x, window):
    return _windows(x, window)


def always_float64(x, window):
    return _rows(_windows(x, window)).astype(np.float64)


def stride_forgotten(x, window):
    (kh, kw), pad = window.kernel, window.pad
    padded = np.pad(x, (*pad, (0, 0)))
    height, width = padded.shape[0] - kh + 1, padded.shape[1] - kw + 1
    return np.stack(
        [padded[p : p + kh, q : q + kw].ravel() for p in range(height) for q in range(width)]
    )


def _convolved(x, w, b, window, turn=1):
    w = w[::turn, ::turn]
    rows = np.stack([_rows(_windows(photo, window)) for photo in x])
    y = rows @ w.reshape(-1, w.shape[3]) + b
    return y.reshape(len(x), *window.output_size(*x.shape[1:3]), w.shape[3])


def no_bias(x, w, b, window):
    return _convolved(x, w, 0, window)


def filter_turned(x, w, b, window):
    return _convolved(x, w, b, window, -1)


def first_photo(x, w, b, window):
    return _convolved(x, w, b, window)[0]


def windows_in_a_row(x, w, b, window):
    return _convolved(x, w, b, window).reshape(len(x), -1, w.shape[3])


def filters_first(x, w, b, window):
    return _convolved(x, w, b, window).transpose(0, 3, 1, 2)


def weights_mixed(x, w, b, window):
    return _convolved(x, w.transpose(2, 0, 1, 3).reshape(w.shape), b, window)


def all_biases(x, w, b, window):
    return _convolved(x, w, b.sum(), window)


def not_returned(x, w, b, window):
    _convolved(x, w, b, window)


MISTAKES = {
    "01.1": {
        one_too_few: "one too few",
        without_padding: "padding makes room",
        rounded_up: "round down",
        not_rounded: "round down",
        padded_alike: "may differ",
        nothing: "whole number",
    },
    "01.2": {
        channels_first: "(i, j, c)",
        down_the_columns: "q runs faster",
        window_turned: "j runs faster",
        no_padding: "padding is missing",
        padded_by_the_edge: "zeros",
        padded_the_same_all_around: "pad ((1, 0), (0, 2))",
        pad_turned_round: "before the image",
        transposed: "transpose",
        not_reshaped: "reshape",
        always_float64: "keep the dtype",
        stride_forgotten: "has shape",
    },
    "01.3": {
        no_bias: "the bias is missing",
        filter_turned: "turned by 180 degrees",
        first_photo: "the first photo alone",
        windows_in_a_row: "(N, H', W', O)",
        filters_first: "the channel comes last",
        weights_mixed: "another order",
        all_biases: "b[o] alone",
        not_returned: "is None",
    },
}
