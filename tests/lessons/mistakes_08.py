"""Typical wrong answers to lesson 08, with words that the check should say."""

import numpy as np


def _middle(d, g):
    s = (g[0] + g[2]) / 2
    return (d[1] + d[2]) * (s + g[1] / 2), (d[2] - d[1]) * (s - g[1] / 2)


def by_the_definition(d, g):
    return d[0] * g[0] + d[1] * g[1] + d[2] * g[2], d[1] * g[0] + d[2] * g[1] + d[3] * g[2]


def middle_worked_out_twice(d, g):
    y0 = (d[0] - d[2]) * g[0] + sum(_middle(d, g))
    m2, m3 = _middle(d, g)
    return y0, m2 - m3 + (d[3] - d[1]) * g[2]


def as_floats(d, g):
    d, g = np.asarray(d, dtype=float), np.asarray(g, dtype=float)
    return np.convolve(d, g[::-1], "valid")


def one_by_one(d, g):
    return by_the_definition([float(value) for value in d], g)


def only_the_middle(d, g):
    m2, m3 = _middle(d, g)
    return m2 + m3, m2 - m3


def last_forgotten(d, g):
    m2, m3 = _middle(d, g)
    return (d[0] - d[2]) * g[0] + m2 + m3, m2 - m3


def not_halved(d, g):
    m2, m3 = (2 * m for m in _middle(d, g))
    return (d[0] - d[2]) * g[0] + m2 + m3, m2 - m3 + (d[3] - d[1]) * g[2]


def first_turned_round(d, g):
    m2, m3 = _middle(d, g)
    return (d[2] - d[0]) * g[0] + m2 + m3, m2 - m3 + (d[3] - d[1]) * g[2]


def last_turned_round(d, g):
    m2, m3 = _middle(d, g)
    return (d[0] - d[2]) * g[0] + m2 + m3, m2 - m3 + (d[1] - d[3]) * g[2]


def added_twice(d, g):
    m2, m3 = _middle(d, g)
    return (d[0] - d[2]) * g[0] + m2 + m3, m2 + m3 + (d[3] - d[1]) * g[2]


def filter_turned(d, g):
    return by_the_definition(d, g[::-1])


def swapped(d, g):
    return by_the_definition(d, g)[::-1]


def one_number(d, g):
    return by_the_definition(d, g)[0]


def squares(d, g):
    y0, y1 = by_the_definition(d, g)
    return y0 + 0 * (d[0] * d[1]), y1


def nothing(*arguments):
    return None


def convolution_itself(d, w, a, b, g):
    m = a.shape[1]
    places = [(i, j) for i in range(3) for j in range(3)]
    return sum(d[i : i + m, j : j + m] @ w[i, j] for i, j in places)


def _u(w, g):
    return np.einsum("ni,ijco,kj->nkco", g, w, g)


def _v(d, b):
    return np.einsum("in,ijc,jk->nkc", b, d, b)


def _back(products, a):
    return np.einsum("nm,nko,kl->mlo", a, products, a)


def b_turned(d, w, a, b, g):
    return _back((_u(w, g) * _v(d, b.T)[..., None]).sum(axis=2), a)


def one_side(d, w, a, b, g):
    v = np.einsum("in,ijc->njc", b, d)
    return _back((_u(w, g) * v[..., None]).sum(axis=2), a)


def matrix_product(d, w, a, b, g):
    return _back(np.einsum("ijco,jkc->iko", _u(w, g), _v(d, b)), a)


def channels_kept(d, w, a, b, g):
    return np.einsum("nm,nkco,kl->mlco", a, _u(w, g) * _v(d, b)[..., None], a)


def summed_too_early(d, w, a, b, g):
    return _back(_u(w, g).sum(axis=2) * _v(d, b).sum(axis=2)[..., None], a)


def never_back(d, w, a, b, g):
    return (_u(w, g) * _v(d, b)[..., None]).sum(axis=2)


def _right(d, w, a, b, g):
    return _back((_u(w, g) * _v(d, b)[..., None]).sum(axis=2), a)


def transposed(d, w, a, b, g):
    return _right(d, w, a, b, g).swapaxes(0, 1)


def filters_summed(d, w, a, b, g):
    return _right(d, w, a, b, g).sum(axis=2)


def last_channel(d, w, a, b, g):
    return _right(d[..., -1:], w[:, :, -1:], a, b, g)


def in_float32(d, w, a, b, g):
    return _right(d.astype(np.float32), w, a, b, g).astype(np.float32)


MISTAKES = {
    "08.1": {
        by_the_definition: "6 multiplications",
        middle_worked_out_twice: "work them out twice",
        as_floats: "leave the numbers",
        one_by_one: "leave the numbers",
        only_the_middle: "something is missing to make it y_0",
        last_forgotten: "something is missing to make it y_1",
        not_halved: "halve",
        first_turned_round: "m_1 has the wrong sign",
        last_turned_round: "m_4 has the wrong sign",
        added_twice: "difference",
        filter_turned: "turned",
        swapped: "other way round",
        one_number: "two numbers",
        squares: "multiply something made of d by something made of d",
        nothing: "two numbers",
    },
    "08.2": {
        convolution_itself: "convolution itself",
        b_turned: "B d B^T",
        one_side: "only the columns",
        matrix_product: "number by number",
        channels_kept: "channel axis",
        summed_too_early: "multiply first",
        never_back: "bring it back",
        transposed: "transposed",
        last_channel: "last channel's share",
        in_float32: "keep its dtype",
        filters_summed: "keep the axis of the filters",
        nothing: "None",
    },
}
