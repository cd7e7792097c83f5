"""Lesson 08: F(2,3) with four multiplications, counted; and a tile with channels and filters."""

from fractions import Fraction
from numbers import Real

import numpy as np

from minifacenet.nn.convolution.winograd_matrices import INFINITY, winograd_matrices

from .core import Wrong, exercise, expect
from .received import numbers

KINDS = {
    "d": "something made of d",
    "g": "something made of g",
    "dg": "a product",
    "plain": "a plain number",
}


class Counted:
    """A number made of d ('d'), of g ('g') or of products ('dg'), which counts multiplications."""

    def __init__(self, value, kind: str, counted: list):
        self.value, self.kind, self.counted = value, kind, counted

    def __add__(self, other):
        value, kind = _parts(other)
        if kind not in ("plain", self.kind):
            raise Wrong(
                f"you add {KINDS[self.kind]} and {KINDS[kind]}: the outputs are sums of products "
                "of a d and a g, so there should be no need"
            )
        return Counted(self.value + value, self.kind, self.counted)

    def __mul__(self, other):
        value, kind = _parts(other)
        if kind == "plain":
            return Counted(self.value * value, self.kind, self.counted)
        if {kind, self.kind} != {"d", "g"}:
            raise Wrong(
                f"you multiply {KINDS[self.kind]} by {KINDS[kind]}: multiply what is made of d by "
                "what is made of g, once, and only add up after that"
            )
        self.counted.append(1)
        return Counted(self.value * value, "dg", self.counted)

    def __truediv__(self, other):
        value, kind = _parts(other)
        if kind != "plain":
            raise Wrong(f"you divide by {KINDS[kind]}: only plain numbers, such as 2, may divide")
        return Counted(self.value / value, self.kind, self.counted)

    def __float__(self):
        if self.kind != "dg":
            raise Wrong(
                "leave the numbers of d and g as they are: those that are converted to float do "
                "not count how often they are multiplied"
            )
        return float(self.value)

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -other

    def __rsub__(self, other):
        return -self + other

    __radd__, __rmul__ = __add__, __mul__


def _parts(number):
    if isinstance(number, Counted):
        return number.value, number.kind
    return (number if isinstance(number, Fraction) else float(number)), "plain"


@exercise(
    "08.1",
    hints=(
        "y_0 is m_1 + m_2 + m_3. You know m_2 + m_3: what has to be left?",
        "m_2 + m_3 = d_1 g_1 + d_2 (g_0 + g_2). Write y_0 below it, strike out what both have.",
        "What is left has a common factor: one multiplication of a difference. So with y_1 and "
        "m_2 - m_3.",
    ),
    answer="exercises.answers_08.two_outputs",
)
def two_outputs(answer):
    rng = np.random.default_rng(8)
    for _ in range(3):
        d, g = rng.standard_normal(4), rng.standard_normal(3)
        got = numbers(answer(d.copy(), g.copy()), "two numbers, y_0 and y_1", 2)
        _told(got, d, g)
    counted = []
    d, g = (
        np.array([Counted(float(value), kind, counted) for value in rng.standard_normal(size)])
        for kind, size in (("d", 4), ("g", 3))
    )
    values = [[one.value for one in array] for array in (d, g)]
    got = answer(d, g)
    if any(not isinstance(one, Counted | Real) for one in got):
        raise Wrong(f"you return {type(got[0]).__name__}s: return two numbers, y_0 and y_1")
    _told([float(one) for one in got], *values)
    if len(counted) == 6:
        raise Wrong(
            "right, but with 6 multiplications, as many as the definition takes; four will do. (If "
            "you have m_2 and m_3 in it, you work them out twice: keep each in a variable.)"
        )
    if len(counted) != 4:
        raise Wrong(f"right, but with {len(counted)} multiplications, where four are asked for")
    return "Four multiplications, and Winograd proved that three cannot do."


def _told(got, d, g):
    """Raise `Wrong` unless both outputs are right; typical mistakes are named."""
    y = [d[p] * g[0] + d[p + 1] * g[1] + d[p + 2] * g[2] for p in (0, 1)]
    m1, m4 = (d[0] - d[2]) * g[0], (d[3] - d[1]) * g[2]
    plus, minus = y[0] - m1, y[1] - m4  # m2 + m3 and m2 - m3
    turned = [d[p] * g[2] + d[p + 1] * g[1] + d[p + 2] * g[0] for p in (0, 1)]
    typical = (
        (
            (y[1], "that is y_1: you return them the other way round"),
            (plus, "that is m_2 + m_3; something is missing to make it y_0"),
            (m1 + 2 * plus, "halve m_2 and m_3"),
            (plus - m1, "m_1 has the wrong sign"),
            (m1 + minus, "y_0 takes the sum of m_2 and m_3"),
            (turned[0], "the filter is turned: g_0 meets the first pixel"),
        ),
        (
            (y[0], "that is y_0: you return it twice"),
            (minus, "that is m_2 - m_3; something is missing to make it y_1"),
            (m4 + 2 * minus, "halve m_2 and m_3"),
            (minus - m4, "m_4 has the wrong sign"),
            (m4 + plus, "y_1 takes the difference m_2 - m_3"),
            (m4 - minus, "it is m_2 - m_3, not m_3 - m_2"),
            (turned[1], "the filter is turned: g_0 meets the first pixel"),
        ),
    )
    for p, mistakes in enumerate(typical):
        if np.isclose(got[p], y[p]):
            continue
        for value, message in mistakes:
            if np.isclose(got[p], value):
                raise Wrong(f"y_{p} is {got[p]:.4f}, expected {y[p]:.4f}: {message}")
        expect(f"y_{p}", got[p], y[p])


@exercise(
    "08.2",
    hints=(
        "Which of the three transforms sees the image, which the filter, which the products?",
        "Four lines: v of shape (n, n, C), u of shape (n, n, C, O), their products summed over c, "
        "(n, n, O), and back to (m, m, O).",
        "A product from the right, as in (...) B, sums over the rows of B: "
        'np.einsum("in,ijc,jk->nkc", b, d, b).',
    ),
    answer="exercises.answers_08.tile_outputs",
)
def tile_outputs(answer):
    rng = np.random.default_rng(82)
    four = [0, 1, -1, INFINITY]
    six = [0, 2, Fraction(-3, 2), 1, -1, INFINITY]
    for points, channels, filters in ((four, 1, 1), (four, 3, 2), (six, 2, 5), (six[1:], 4, 3)):
        a, b, g = (matrix.astype(float) for matrix in winograd_matrices(points))
        _one_tile(answer, rng, a, b, g, channels, filters, "")
    for n, m, channels, filters in ((4, 2, 2, 3), (5, 4, 3, 1), (6, 3, 1, 2)):
        a, b, g = (rng.standard_normal((n, size)) for size in (m, n, 3))
        _one_tile(answer, rng, a, b, g, channels, filters, "with other matrices A, B, G, ")
    return "With all tiles at once, the sum over c is a matrix product at each of the n n points."


def _one_tile(answer, rng, a, b, g, channels, filters, which):
    (n, m), d = a.shape, rng.standard_normal((*b.shape, channels))
    w = rng.standard_normal((3, 3, channels, filters))
    got = answer(*(array.copy() for array in (d, w, a, b, g)))
    case = f"{which}n={n}, m={m}, C={channels}, O={filters}"
    expected = _tile(d, w, a, b, g)
    if got is not None and np.shape(got) == (m, m, channels, filters):
        raise Wrong(f"{case}: your result still has a channel axis: sum over the channels")
    for wrong, message in _typical_tiles(d, w, a, b, g):
        if np.shape(got) == wrong.shape and np.allclose(got, wrong):
            if wrong.shape == expected.shape and np.allclose(wrong, expected):
                continue
            raise Wrong(f"{case}: {message}")
    if np.shape(got) == expected.shape and 1e-8 < _relative(got, expected) < 1e-5:
        raise Wrong(f"{case}: right to some digits only: d is {d.dtype}, keep its dtype")
    expect(f"{case}: your Y", got, expected)


def _transform(matrix, values):
    """M x M^T over the first two axes."""
    return np.einsum("ai,ij...,bj->ab...", matrix, values, matrix)


def _relative(got, expected):
    return np.abs(np.asarray(got, np.float64) - expected).max() / np.abs(expected).max()


def _tile(d, w, a, b, g):
    products = _transform(g, w) * _transform(b.T, d)[..., None]
    return _transform(a.T, products.sum(axis=2))


def _typical_tiles(d, w, a, b, g):
    """Wrong tiles, each with what is wrong about it."""
    (n, m), u, v = a.shape, _transform(g, w), _transform(b.T, d)
    direct = sum(
        np.einsum("pqc,co->pqo", d[i : i + m, j : j + m], w[i, j])
        for i in range(3) for j in range(3) if i + m <= n and j + m <= n
    )  # fmt: skip
    if n == m + 2:
        yield direct, "that is the convolution itself: use the matrices that are handed in"
    yield _tile(d, w, a, b.T, g), "V is B^T d B; yours is B d B^T"
    once = np.einsum("in,ijc->njc", b, d)
    yield (
        _transform(a.T, (u * once[..., None]).sum(axis=2)),
        "only the columns of d are transformed: after B^T from the left comes B from the right",
    )
    yield _tile(d.swapaxes(0, 1), w, a, b, g), "d is transposed, or its tile is"
    yield _tile(d, w.swapaxes(0, 1), a, b, g), "w is transposed: U is G w G^T"
    yield _tile(d, w, a, b, g).swapaxes(0, 1), "your Y is transposed"
    yield (
        _transform(a.T, np.einsum("ijco,jkc->iko", u, v)),
        "U and V are multiplied number by number, not as matrices",
    )
    yield (
        _transform(a.T, u.sum(axis=2) * v.sum(axis=2)[..., None]),
        "multiply first, and sum over the channels afterwards",
    )
    yield (
        _tile(d[:, :, -1:], w[:, :, -1:], a, b, g),
        "that is the last channel's share: add up the channels",
    )
    yield (
        (u * v[..., None]).sum(axis=2),
        "that is the sum of the products; A^T from the left and A from the right bring it back",
    )
    yield (
        _tile(d, w, a, b, g).sum(axis=2),
        "each filter has outputs of its own: keep the axis of the filters",
    )
