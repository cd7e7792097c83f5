"""Worked answers to lesson 05."""

import numpy as np


def linear_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b


def linear_gradients(dout, x, w):
    rows = x.reshape(len(x), -1)
    return (dout @ w.T).reshape(x.shape), rows.T @ dout, dout.sum(axis=0)


def maxout_gradient(dout, z, pieces):
    winner = z.reshape(len(z), pieces, -1).argmax(axis=1)  # the first one on a tie
    won = np.arange(pieces)[:, None] == winner[:, None]  # (N, pieces, h)
    return (won * dout[:, None]).reshape(z.shape)


def l2_gradient(dout, x):
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    y = x / norm
    return (dout - (dout * y).sum(axis=1, keepdims=True) * y) / norm


def second_impostor(dout, y, norm):
    return (dout - y.sum(axis=1, keepdims=True) * y) / norm  # dout . y, as it is for dout = 1
