"""Damage to bytes and to JSON, drawn from a generator."""

from __future__ import annotations

import json
import math
import struct
from random import Random

# Sizes and counts go wrong at these.
EDGES = tuple(
    sorted(
        {sign * (2**bits + d) for bits in (0, 7, 8, 15, 16, 31, 32, 63) for d in (-1, 0, 1)
         for sign in (1, -1)} | {0}
    )
)  # fmt: skip
FLOATS = (0.0, -0.0, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf, 0.5, 1e-9)
TEXTS = (
    "", "\0", "\n", "\x1b[2J", "\u202e", "\ud800", "a" * 5000, "../../x", "/", "\\", "1e999", "nan",
    "é", "e\u0301", "<b>", "$x$", ",", '"', "-1", "true", "None", "__class__", "\u2028",
)  # fmt: skip
MOST = 2**20  # bytes of what is made


def mutated(data: bytes, rng: Random) -> bytes:
    """Damage bytes in one place."""
    made, size = bytearray(data), len(data)
    at = rng.randrange(size + 1)
    kind = rng.randrange(8)
    some = min(size - at, rng.choice((1, 2, 4, 8, 30, 200)))
    if kind == 0 and at < size:
        made[at] ^= 1 << rng.randrange(8)
    elif kind == 1 and at < size:
        made[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind == 2:  # a number
        layout = rng.choice("bhiq")
        width = struct.calcsize(layout)
        value = rng.choice(EDGES) % 2 ** (8 * width)
        made[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
    elif kind == 3:
        del made[at : at + some]
    elif kind == 4:
        made[at:at] = rng.randbytes(rng.choice((1, 2, 4, 30)))
    elif kind == 5 and size < MOST:  # the same again, up to 1000 times
        made[at:at] = data[at : at + some] * rng.choice((1, 1, 2, 10, 1000))
    elif kind == 6:  # from elsewhere
        start = rng.randrange(size + 1)
        made[at : at + some] = data[start : start + some]
    elif kind == 7 and rng.random() < 0.3:
        del made[at:]
    return bytes(made)


def mutated_json(value: object, rng: Random) -> object:
    """Damage a value of JSON in one place: another value, another key, more, fewer, or deep."""
    if rng.random() < 0.25 or not isinstance(value, dict | list) or not value:
        return _other(value, rng)
    if isinstance(value, list):
        made = list(value)
        at = rng.randrange(len(made))
        kind = rng.randrange(6)
        if kind == 0:
            del made[at]
        elif kind == 1:
            made.insert(at, _other(None, rng))
        elif kind == 2:
            made = made * rng.choice((2, 2, 50))
        else:
            made[at] = mutated_json(made[at], rng)
        return made
    made, key = dict(value), rng.choice(list(value))
    kind = rng.randrange(6)
    if kind == 0:
        del made[key]
    elif kind == 1:
        made[rng.choice(TEXTS)] = made[rng.choice(list(made))]
    elif kind == 2:
        made[rng.choice(TEXTS)] = made.pop(key)
    else:
        made[key] = mutated_json(made[key], rng)
    return made


def _other(value: object, rng: Random) -> object:
    simple = (None, True, False, [], {}, [[]], rng.choice(EDGES), rng.choice(FLOATS), 2**200)
    kind = rng.randrange(6)
    if isinstance(value, str) and kind < 3:
        at = rng.randrange(len(value) + 1)
        return value[:at] + rng.choice(TEXTS) + value[at + rng.randrange(3) :]
    if kind == 3:
        return str(value)
    if kind == 4:
        return [value]
    return rng.choice((*simple, rng.choice(TEXTS)))


def json_text(value: object, rng: Random) -> bytes:
    """A value as JSON, once in a while with what JSON allows and hardly anybody expects."""
    text = json.dumps(value)
    kind = rng.randrange(40)
    if kind == 0:
        text = "[" * 200_000 + text
    elif kind == 1 and text.startswith("{") and len(text) > 2:
        text = text[:-1] + "," + text[1:]  # each key twice
    elif kind == 2:
        text = text.replace("0", "0" * 5000, 1)
    elif kind == 3:
        text = " " * 5000 + text
    return text.encode("utf-8")
