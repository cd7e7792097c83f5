"""Typical wrong answers to lesson 03, with words that the check should say."""

import numpy as np


def everything_passes(dout, out):
    return dout.copy()


def the_output(dout, out):
    return np.maximum(out, 0)


def times_the_output(dout, out):
    return dout * out


def the_slope_alone(dout, out):
    return (out > 0).astype(dout.dtype)


def dout_cut(dout, out):
    return np.maximum(dout, 0)


def both_positive(dout, out):
    return np.where((out > 0) & (dout > 0), dout, 0)


def the_other_way_round(dout, out):
    return np.where(out > 0, 0, dout)


def open_at_the_kink(dout, out):
    return np.where(out >= 0, dout, 0)


def in_place(dout, out):
    dout[out <= 0] = 0
    return dout


def _indices(dout, winner, window, columns=None, stride=None):
    (_, kw), (sh, sw), (top, left) = window.geometry()
    sh, sw = stride or (sh, sw)
    n, p, q, c = np.indices(dout.shape)
    i, j = np.divmod(winner, columns or kw)
    return n, p * sh + i - top, q * sw + j - left, c


def _added(shape, indices, values):
    dx = np.zeros(shape)
    np.add.at(dx, indices, values)
    return dx


def the_last_one_counts(dout, cache):
    shape, winner, window = cache
    dx = np.zeros(shape)
    dx[_indices(dout, winner, window)] += dout
    return dx


def averaged(dout, cache):
    shape, winner, window = cache
    indices = _indices(dout, winner, window)
    return _added(shape, indices, dout) / np.maximum(_added(shape, indices, 1), 1)


def counted(dout, cache):
    shape, winner, window = cache
    return _added(shape, _indices(dout, winner, window), 1)


def divided_by_kh(dout, cache):
    shape, winner, window = cache
    return _added(shape, _indices(dout, winner, window, columns=window.kernel[0]), dout)


def stride_forgotten(dout, cache):
    shape, winner, window = cache
    return _added(shape, _indices(dout, winner, window, stride=(1, 1)), dout)


def padding_forgotten(dout, cache):
    shape, winner, window = cache
    no_pad = type(window)(window.kernel, window.stride, ((0, 0), (0, 0)))
    return _added(shape, _indices(dout, winner, no_pad), dout)


def shape_of_dout(dout, cache):
    return dout.copy()


def _pooled(x, window, fill=-np.inf, last=False, taps_down=False):
    (kh, kw), (sh, sw), _ = window.geometry()
    out_h, out_w = window.output_size(*x.shape[1:3])
    padded = np.pad(x, ((0, 0), *window.pad, (0, 0)), constant_values=fill)
    y = np.empty((len(x), out_h, out_w, x.shape[3]))
    winner = np.empty(y.shape, int)
    for p, q in np.ndindex(out_h, out_w):
        patch = padded[:, p * sh : p * sh + kh, q * sw : q * sw + kw].reshape(len(x), kh * kw, -1)
        tap = kh * kw - 1 - patch[:, ::-1].argmax(axis=1) if last else patch.argmax(axis=1)
        y[:, p, q] = np.take_along_axis(patch, tap[:, None], axis=1)[:, 0]
        winner[:, p, q] = tap % kw * kh + tap // kw if taps_down else tap
    return y, (x.shape, winner, window)


def padded_with_zeros(x, window):
    return _pooled(x, window, fill=0)


def last_of_equals(x, window):
    return _pooled(x, window, last=True)


def taps_down_the_columns(x, window):
    return _pooled(x, window, taps_down=True)


def values_alone(x, window):
    return _pooled(x, window)[0]


def nan_left_out(x, window):
    return _pooled(np.where(np.isnan(x), -np.inf, x), window)


def cache_turned_round(x, window):
    y, (shape, winner, _) = _pooled(x, window)
    return y, (window, winner, shape)


def row_and_column_exchanged(dout, cache):
    shape, winner, window = cache
    n, y, x, c = _indices(dout, winner, window)
    i, j = np.divmod(winner, window.kernel[1])
    return _added(shape, (n, y - i + j, x - j + i, c), dout)


def winners_are_floats(x, window):
    y, (shape, winner, _) = _pooled(x, window)
    return y, (shape, winner.astype(float), window)


def nan_is_no_winner(x, window):
    y, _ = _pooled(x, window)
    return y, _pooled(np.where(np.isnan(x), -np.inf, x), window)[1]


def a_list(x, window):
    return list(_pooled(x, window))


MISTAKES = {
    "03.1": {
        everything_passes: "everything passes",
        the_output: "what passes is dout",
        times_the_output: "not by the output",
        the_slope_alone: "chain rule",
        dout_cut: "you cut dout",
        both_positive: "only the output decides",
        the_other_way_round: "other way round",
        open_at_the_kink: "never below 0",
        in_place: "belong to the caller",
    },
    "03.2": {
        the_last_one_counts: "add them up",
        averaged: "you average",
        counted: "counts how often",
        divided_by_kh: "A tap is i * kw + j",
        stride_forgotten: "stride is missing",
        padding_forgotten: "p * sh - top",
        shape_of_dout: "has shape",
        row_and_column_exchanged: "are exchanged",
    },
    "03.3": {
        padded_with_zeros: "your padding is 0",
        last_of_equals: "your last one wins",
        taps_down_the_columns: "down the columns",
        values_alone: "return two things",
        nan_left_out: "it has to travel",
        cache_turned_round: "in this order",
        winners_are_floats: "a whole number",
        nan_is_no_winner: "counts as the largest",
        a_list: "as a tuple",
    },
}
