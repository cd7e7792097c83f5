"""Worked answers to lesson 06."""

from numba import prange


def leaky_relu(x, out):
    zero, slope = x.dtype.type(0), x.dtype.type(0.1)
    for i in range(x.size):
        out[i] = x[i] if x[i] > zero else slope * x[i]


def sum_by_person(vectors, labels, sums):
    for person in prange(sums.shape[0]):  # a thread owns a row of sums
        for j in range(sums.shape[1]):
            sums[person, j] = 0
        for i in range(vectors.shape[0]):
            if labels[i] == person:
                for j in range(sums.shape[1]):
                    sums[person, j] += vectors[i, j]
