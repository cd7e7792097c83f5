"""Typical wrong answers to lesson 02, with words that the check should say."""

import numpy as np
from exercises.answers_02 import conv_dw

from minifacenet.nn.window import Window


def first_photo(dout, x, window):
    return conv_dw(dout[:1], x[:1], window)


def mean_of_photos(dout, x, window):
    return conv_dw(dout, x, window) / len(x)


def mean_of_pixels(dout, x, window):
    return conv_dw(dout, x, window) / dout[..., 0].size


def turned(dout, x, window):
    return conv_dw(dout, x, window)[::-1, ::-1]


def dout_forgotten(dout, x, window):
    return conv_dw(np.ones_like(dout), x, window)


def bias_gradient(dout, x, window):
    shape = (*window.kernel, x.shape[3], dout.shape[3])
    return np.broadcast_to(dout.sum(axis=(0, 1, 2)), shape)


def axes_swapped(dout, x, window):
    return conv_dw(dout, x, window).swapaxes(2, 3)


def stride_forgotten(dout, x, window):
    (kh, kw), (_, out_h, out_w, filters) = window.kernel, dout.shape
    padded = np.pad(x, ((0, 0), *window.pad, (0, 0)))
    dw = np.zeros((kh, kw, x.shape[3], filters))
    for i, j in np.ndindex(kh, kw):
        met = padded[:, i : i + out_h, j : j + out_w]
        dw[i, j] = np.einsum("npqc,npqo->co", met, dout)
    return dw


def padding_forgotten(dout, x, window):
    (kh, kw), (sh, sw), (_, out_h, out_w, filters) = window.kernel, window.stride, dout.shape
    dw = np.zeros((kh, kw, x.shape[3], filters))
    for i, j in np.ndindex(kh, kw):
        met = x[:, i : i + out_h * sh : sh, j : j + out_w * sw : sw]
        dw[i, j] = np.einsum("npqc,npqo->co", met, dout)
    return dw


def scales_dout_in_place(dout, x, window):
    dw = conv_dw(dout, x, window)
    dout *= 2
    return dw


def _each(w, slope):
    gradient = np.empty_like(w)
    for index in np.ndindex(*w.shape):
        step = np.zeros_like(w)
        step[index] = 1
        gradient[index] = slope(step)
    return gradient


def one_sided(f, w, h):
    return _each(w, lambda step: (f(w + h * step) - f(w)) / h)


def to_the_left(f, w, h):
    return _each(w, lambda step: (f(w) - f(w - h * step)) / h)


def divided_by_h(f, w, h):
    return _each(w, lambda step: (f(w + h * step) - f(w - h * step)) / h)


def not_divided(f, w, h):
    return _each(w, lambda step: f(w + h * step) - f(w - h * step))


def all_at_once(f, w, h):
    return _each(w, lambda step: (f(w + h) - f(w - h)) / (2 * h))


def one_number(f, w, h):
    return (f(w + h) - f(w - h)) / (2 * h)


def not_moved_back(f, w, h):
    gradient = np.empty_like(w)
    for index in np.ndindex(*w.shape):
        w[index] += h
        plus = f(w)
        w[index] -= 2 * h
        gradient[index] = (plus - f(w)) / (2 * h)
    return gradient


def turned_round(f, w, h):
    return _each(w, lambda step: (f(w - h * step) - f(w + h * step)) / (2 * h))


def a_fixed_step(f, w, h):
    return _each(w, lambda step: (f(w + 1e-6 * step) - f(w - 1e-6 * step)) / 2e-6)


def without_a_sign(f, w, h):
    return _each(w, lambda step: abs(f(w + h * step) - f(w - h * step)) / (2 * h))


def _given_back(dout, w, window, shape, keep=False):
    """dx of the padded image."""
    (kh, kw), (sh, sw), (top, left) = window.geometry()
    (_, bottom), (_, right) = window.pad
    n, height, width, channels = shape
    padded = np.zeros((n, height + top + bottom, width + left + right, channels))
    for i, j in np.ndindex(kh, kw):
        rows = slice(i, i + dout.shape[1] * sh, sh)
        columns = slice(j, j + dout.shape[2] * sw, sw)
        old = 0 if keep else padded[:, rows, columns]
        padded[:, rows, columns] = old + dout @ w[i, j].T
    return padded


def _inside(padded, window, shape):
    (top, _), (left, _) = window.pad
    return padded[:, top : top + shape[1], left : left + shape[2]]


def padding_kept(dout, w, window, shape):
    return _given_back(dout, w, window, shape)


def cut_at_the_end(dout, w, window, shape):
    return _given_back(dout, w, window, shape)[:, : shape[1], : shape[2]]


def last_window_only(dout, w, window, shape):
    return _inside(_given_back(dout, w, window, shape, keep=True), window, shape)


def weights_turned(dout, w, window, shape):
    return _inside(_given_back(dout, w[::-1, ::-1], window, shape), window, shape)


def first_filter(dout, w, window, shape):
    return _inside(_given_back(dout[..., :1], w[..., :1], window, shape), window, shape)


def mean_over_filters(dout, w, window, shape):
    return _inside(_given_back(dout, w, window, shape), window, shape) / w.shape[3]


def dout_left_out(dout, w, window, shape):
    return _inside(_given_back(np.ones_like(dout), w, window, shape), window, shape)


def uphill_dx(dout, w, window, shape):
    return -_inside(_given_back(dout, w, window, shape), window, shape)


def cut_to_minus_pad(dout, w, window, shape):
    (top, bottom), (left, right) = window.pad
    return _given_back(dout, w, window, shape)[:, top:-bottom, left:-right]


def stride_forgotten_in_dx(dout, w, window, shape):
    close = Window(window.kernel, (1, 1), window.pad)
    return _inside(_given_back(dout, w, close, shape), window, shape)


MISTAKES = {
    "02.1": {
        first_photo: "first photo alone",
        mean_of_photos: "mean over the photos",
        mean_of_pixels: "that is a mean",
        turned: "turned by 180",
        dout_forgotten: "dout does not come in",
        bias_gradient: "x does not come in",
        axes_swapped: "(kh, kw, C, O)",
        stride_forgotten: "the stride is missing",
        padding_forgotten: "broadcast",
        scales_dout_in_place: "belong to the caller",
    },
    "02.2": {
        one_sided: "The centred one",
        to_the_left: "The centred one",
        divided_by_h: "divide by 2 h",
        not_divided: "do not divide",
        all_at_once: "all coordinates at once",
        one_number: "each coordinate",
        not_moved_back: "move it back",
        turned_round: "sign is wrong",
        a_fixed_step: "expected",
        without_a_sign: "may be negative",
    },
    "02.3": {
        padding_kept: "cut the padding off",
        cut_at_the_end: "the image begins at pad",
        last_window_only: "add them up",
        weights_turned: "your filter is turned",
        first_filter: "sum over all",
        mean_over_filters: "the mean over the filters",
        dout_left_out: "does not come in",
        uphill_dx: "the sign is wrong",
        cut_to_minus_pad: "A slice to -0",
        stride_forgotten_in_dx: "the stride is missing",
    },
}
