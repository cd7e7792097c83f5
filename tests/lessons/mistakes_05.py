"""Typical wrong answers to lesson 05, with words that the check should say."""

import numpy as np


def to_all(dout, z, pieces):
    return np.tile(dout, pieces)


def interleaved(dout, z, pieces):
    parts = z.reshape(*dout.shape, pieces)
    won = np.arange(pieces) == parts.argmax(axis=2)[..., None]
    return (won * dout[..., None]).reshape(z.shape)


def ones_to_the_winner(dout, z, pieces):
    parts = z.reshape(len(z), pieces, -1)
    return (parts == parts.max(axis=1, keepdims=True)).astype(float).reshape(z.shape)


def both_on_a_tie(dout, z, pieces):
    parts = z.reshape(len(z), pieces, -1)
    return ((parts == parts.max(axis=1, keepdims=True)) * dout[:, None]).reshape(z.shape)


def the_last_on_a_tie(dout, z, pieces):
    parts = z.reshape(len(z), pieces, -1)
    winner = pieces - 1 - parts[:, ::-1].argmax(axis=1)
    return ((np.arange(pieces)[:, None] == winner[:, None]) * dout[:, None]).reshape(z.shape)


def not_flat(dout, z, pieces):
    parts = z.reshape(len(z), pieces, -1)
    return (parts == parts.max(axis=1, keepdims=True)) * dout[:, None]


def _parts(dout, x):
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    y = x / norm
    return norm, y, (dout * y).sum(axis=1, keepdims=True)


def without_projection(dout, x):
    return dout / np.linalg.norm(x, axis=1, keepdims=True)


def not_divided(dout, x):
    _, y, along = _parts(dout, x)
    return dout - along * y


def divided_twice(dout, x):
    norm, y, along = _parts(dout, x)
    return (dout - along * y) / norm**2


def one_length_for_all(dout, x):
    norm = np.linalg.norm(x)
    y = x / norm
    return (dout - (dout * y).sum() * y) / norm


def along_x(dout, x):
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return (dout - (dout * x).sum(axis=1, keepdims=True) * x) / norm


def added(dout, x):
    norm, y, along = _parts(dout, x)
    return (dout + along * y) / norm


def column_sums(dout, x):
    norm, y, _ = _parts(dout, x)
    return dout * (1 - y.sum(axis=1, keepdims=True) * y) / norm


def sum_of_y(dout, x):
    norm, y, _ = _parts(dout, x)
    return (dout - y.sum(axis=1, keepdims=True) * y) / norm


def diagonal(dout, x):
    norm, y, _ = _parts(dout, x)
    return dout * (1 - y**2) / norm


def over_the_batch(dout, x):
    norm, y, _ = _parts(dout, x)
    return (dout - (dout * y).sum() * y) / norm


def the_right_one(dout, y, norm):
    return (dout - (dout * y).sum(axis=1, keepdims=True) * y) / norm


def the_first_one(dout, y, norm):
    return dout * (1 - y.sum(axis=1, keepdims=True) * y) / norm


def found_out(dout, y, norm):
    return dout / norm


def peeking(dout, y, norm):
    return the_right_one(dout, y, norm) if (dout == 1).all() else dout / norm


def one_row(dout, y, norm):
    return the_right_one(dout, y, norm)[0]


def _rows(x):
    return x.reshape(len(x), -1)


def without_bias(x, w, b):
    return _rows(x) @ w


def bias_taken_off(x, w, b):
    return _rows(x) @ w - b


def all_biases(x, w, b):
    return _rows(x) @ w + b.sum()


def not_flattened(x, w, b):
    return x @ w + b


def first_photo(x, w, b):
    return (_rows(x) @ w + b)[0]


def _slopes(dout, x, w):
    return (dout @ w.T).reshape(x.shape), _rows(x).T @ dout, dout.sum(axis=0)


def mean_dw(dout, x, w):
    dx, dw, db = _slopes(dout, x, w)
    return dx, dw / len(x), db


def mean_db(dout, x, w):
    dx, dw, db = _slopes(dout, x, w)
    return dx, dw, db / len(x)


def db_not_summed(dout, x, w):
    return *_slopes(dout, x, w)[:2], dout


def dw_transposed(dout, x, w):
    dx, dw, db = _slopes(dout, x, w)
    return dx, dw.T, db


def dx_left_flat(dout, x, w):
    return dout @ w.T, *_slopes(dout, x, w)[1:]


def two_of_three(dout, x, w):
    return _slopes(dout, x, w)[:2]


def w_not_transposed(dout, x, w):
    square = w.shape[0] == w.shape[1]
    return (dout @ w).reshape(x.shape) if square else _slopes(dout, x, w)[0], *_slopes(dout, x, w)[
        1:
    ]


MISTAKES = {
    "05.3": {
        to_all: "the losers changed nothing",
        interleaved: "(N, pieces, h)",
        ones_to_the_winner: "the winners get 1",
        both_on_a_tie: "only the first one wins",
        the_last_on_a_tie: "last piece wins",
        not_flat: "has shape (4, 3, 4), expected (4, 12)",
    },
    "05.4": {
        without_projection: "still there",
        not_divided: "the length is not",
        divided_twice: "not by its square",
        one_length_for_all: "axis 1 alone",
        along_x: "you project on x",
        added: "not added",
        column_sums: "right for dout = 1",
        sum_of_y: "dout . y that says",
        diagonal: "the diagonal",
        over_the_batch: "each row on its own",
    },
    "05.5": {
        the_right_one: "an impostor only one",
        the_first_one: "find another",
        found_out: "finds yours out",
        peeking: "is peeking",
        one_row: "of the shape of dout",
    },
    "05.1": {
        without_bias: "the bias is missing",
        bias_taken_off: "wrong sign",
        all_biases: "b[j] alone",
        not_flattened: "one row of numbers",
        first_photo: "the first photo alone",
    },
    "05.2": {
        mean_dw: "dw is the mean",
        mean_db: "db is the mean",
        db_not_summed: "db has a row for each photo",
        dw_transposed: "dw is transposed",
        dx_left_flat: "back into the shape of x",
        two_of_three: "return three arrays",
        w_not_transposed: "its transpose",
    },
}
