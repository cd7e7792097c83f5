"""Typical wrong answers to lesson 19, with words that the check should say."""

import numpy as np
from exercises.answers_19 import most_it_can_move


def one_vector_alone(distance, dim, scale):
    return most_it_can_move(distance, dim, 2 * scale)


def a_whole_step(distance, dim, scale):
    return most_it_can_move(distance, dim, scale / 2)


def entries_added_up(distance, dim, scale):
    return most_it_can_move(distance, dim * dim, scale)


def one_entry(distance, dim, scale):
    return most_it_can_move(distance, 1, scale)


def no_square(distance, dim, scale):
    return 2 * np.sqrt(distance * dim) / scale


def only_the_square(distance, dim, scale):
    return dim / scale**2


def not_squared(distance, dim, scale):
    return np.sqrt(dim) / scale


def root_forgotten(distance, dim, scale):
    return most_it_can_move(distance**2, dim, scale)


def by_chance(distance, dim, scale):
    return 2 * np.sqrt(2 * distance / 3) / scale


def far_too_careful(distance, dim, scale):
    return 4.0


def _bits(most, dim, largest, worst=4, codes=lambda bits: 2 ** (bits - 1) - 1):
    bits = 2
    while most_it_can_move(worst, dim, codes(bits) / largest) > most:
        bits += 1
    return bits


def right_angle(most, dim, largest):
    return _bits(most, dim, largest, worst=2)


def distance_of_one(most, dim, largest):
    return _bits(most, dim, largest, worst=1)


def no_sign(most, dim, largest):
    return _bits(most, dim, largest, codes=lambda bits: 2**bits - 1)


def one_code_more(most, dim, largest):
    return _bits(most, dim, largest, codes=lambda bits: 2 ** (bits - 1))


def entries_up_to_one(most, dim, largest):
    return _bits(most, dim, 1.0)


def always_a_byte(most, dim, largest):
    return 8


def a_fraction(most, dim, largest):
    e = np.sqrt(4 + most) - 2
    return max(2.0, 1 + np.log2(1 + np.sqrt(dim) * largest / e))


def int8_difference(a, b):
    return np.square((a[:, None] - b).astype(np.int64)).sum(axis=2)


def int8_products(a, b):
    return (
        np.square(a).sum(axis=1, dtype=np.int8)[:, None]
        + np.square(b).sum(axis=1, dtype=np.int8)
        - 2 * (a @ b.T)
    )


def int8_squares(a, b):
    return np.square(a[:, None] - b).sum(axis=2)


def int16_squares(a, b):
    return int8_squares(a.astype(np.int16), b.astype(np.int16))


def product_alone(a, b):
    return -2 * a.astype(np.int64) @ b.astype(np.int64).T


def in_int32(a, b):
    return np.square(a[:, None].astype(np.int32) - b).sum(axis=2, dtype=np.int32)


def in_float32(a, b):
    a, b = a.astype(np.float32), b.astype(np.float32)
    whole = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    return whole.astype(np.int64)


def as_floats(a, b):
    return np.square(a[:, None].astype(float) - b).sum(axis=2)


def turned_round(a, b):
    return int8_difference(b, a)


MISTAKES = {
    "19.1": {
        one_vector_alone: "only one of the two",
        a_whole_step: "half a step",
        entries_added_up: "root of the sum",
        one_entry: "all entries can move",
        no_square: "is missing",
        only_the_square: "that holds for D = 0",
        not_squared: "D is its square",
        root_forgotten: "the way itself is its root",
        by_chance: "there are two vectors that move by",
        far_too_careful: "nothing moves by more",
    },
    "19.2": {
        right_angle: "not vectors at a right angle",
        distance_of_one: "not a distance of 1",
        no_sign: "one bit is the sign",
        one_code_more: "not 2^(b-1)",
        entries_up_to_one: "need not be 1",
        always_a_byte: "bits: ",
        a_fraction: "rounded up",
    },
    "19.3": {
        int8_difference: "a difference has wrapped",
        int8_products: "wraps around",
        product_alone: "no distance",
        in_int32: "does not fit into int32",
        in_float32: "counts exactly to",
        as_floats: "whole numbers, and you return float64",
        turned_round: "has shape",
        int8_squares: "the square of int8 is int8",
        int16_squares: "the square of int16 is int16",
    },
}
