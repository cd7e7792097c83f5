"""Typical wrong answers to lesson 06, with words that the check should say."""

import numba
import numpy as np
from numba import prange


def silent_float64(x, out):
    for i in range(x.size):
        out[i] = x[i] if x[i] > 0 else 0.1 * x[i]


@numba.njit
def already_compiled(x, out):
    for i in range(x.size):
        out[i] = max(x[i], x[i] * 0.1)


def always_float32(x, out):
    for i in range(x.size):
        out[i] = x[i] if x[i] > 0 else np.float32(0.1) * x[i]


def plain_relu(x, out):
    for i in range(x.size):
        out[i] = max(x[i], x.dtype.type(0))


def returned(x, out):
    return np.where(x > 0, x, x.dtype.type(0.1) * x)


def not_written(x, out):
    out = np.where(x > 0, x, x.dtype.type(0.1) * x)  # noqa: F841


def one_too_few(x, out):
    for i in range(x.size - 1):
        out[i] = x[i] if x[i] > 0 else x.dtype.type(0.1) * x[i]


def over_the_photos(vectors, labels, sums):
    sums[:] = 0
    for i in prange(len(labels)):
        for j in range(vectors.shape[1]):
            sums[labels[i], j] += vectors[i, j]


def whole_rows(vectors, labels, sums):
    sums[:] = 0
    for i in prange(len(labels)):
        sums[labels[i]] += vectors[i]


def rows_as_views(vectors, labels, sums):
    sums.fill(0)
    for i in prange(len(labels)):
        row = sums[labels[i]]
        row += vectors[i]


def one_scratch_array(vectors, labels, sums):
    own = np.zeros(sums.shape[1], sums.dtype)
    for person in prange(len(sums)):
        own[:] = 0
        for i in range(len(labels)):
            if labels[i] == person:
                own[:] += vectors[i]
        sums[person] = own


def cleared_by_all(vectors, labels, sums):
    for person in prange(len(sums)):
        sums[:] = 0
        for i in range(len(labels)):
            if labels[i] == person:
                sums[person] += vectors[i]


def not_cleared(vectors, labels, sums):
    for person in prange(len(sums)):
        for i in range(len(labels)):
            if labels[i] == person:
                for j in range(vectors.shape[1]):
                    sums[person, j] += vectors[i, j]


def one_thread(vectors, labels, sums):
    sums[:] = 0
    for i in range(len(labels)):
        for j in range(vectors.shape[1]):
            sums[labels[i], j] += vectors[i, j]


def the_mean(vectors, labels, sums):
    for person in prange(len(sums)):
        sums[person] = 0
        for i in range(len(labels)):
            if labels[i] == person:
                sums[person] += vectors[i] / (labels == person).sum()


def beyond_the_end(vectors, labels, sums):
    sums[:] = 0
    for person in prange(len(sums) + 1):
        for i in range(len(labels)):
            if labels[i] <= person:
                sums[person] += vectors[i]


def too_much_numpy(vectors, labels, sums):
    for person in prange(len(sums)):
        sums[person] = vectors[labels == person].sum(axis=0, keepdims=True)[0]


def one_iteration(vectors, labels, sums):
    for _ in prange(1):
        sums[:] = 0
        for i in range(len(labels)):
            for j in range(sums.shape[1]):
                sums[labels[i], j] += vectors[i, j]


MISTAKES = {
    "06.1": {
        silent_float64: "Which constant is a float64?",
        already_compiled: "float64",
        always_float32: "rounded to float32",
        plain_relu: "expected",
        returned: "write into out",
        not_written: "was not written",
        one_too_few: "NaN",
    },
    "06.2": {
        over_the_photos: "a race: sums[0, 0]",
        whole_rows: "a race: sums[0, 0]",
        rows_as_views: "a race: sums[0, 0]",
        one_scratch_array: "a race: the array of np.zeros[0]",
        cleared_by_all: "written by iteration 0 of the prange and written by iteration 1",
        not_cleared: "whatever was in its memory",
        one_thread: "no prange",
        the_mean: "expected",
        beyond_the_end: "outside of its shape (4, 3)",
        too_much_numpy: "Numba cannot compile",
        one_iteration: "has one iteration",
    },
}
