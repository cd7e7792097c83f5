"""Worked answers to lesson 08. The library's own tiles are transformed strip by strip."""

import numpy as np


def two_outputs(d, g):
    m1 = (d[0] - d[2]) * g[0]
    m2 = (d[1] + d[2]) * ((g[0] + g[1] + g[2]) / 2)
    m3 = (d[2] - d[1]) * ((g[0] - g[1] + g[2]) / 2)
    m4 = (d[3] - d[1]) * g[2]
    return m1 + m2 + m3, m2 - m3 + m4


def tile_outputs(d, w, a, b, g):
    v = np.einsum("in,ijc,jk->nkc", b, d, b)
    u = np.einsum("ni,ijco,kj->nkco", g, w, g)
    products = np.einsum("nkco,nkc->nko", u, v)
    return np.einsum("nm,nko,kl->mlo", a, products, a)
