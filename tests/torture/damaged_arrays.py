"""Damage to safetensors files that keeps to their form: the header, the metadata, the arrays."""

from __future__ import annotations

import json
import math
import struct
from random import Random

from minifacenet.files.arrays import DIGESTS, DTYPES, ENTRY

from .fuzzing import Inner
from .mutations import EDGES, FLOATS, TEXTS, json_text, mutated_json

METADATA = "__metadata__"
# Types that we do not read are among them.
WIDTHS = {name: int(name.lstrip("BFIU") or 8) // 8 for name in DTYPES if name != "BOOL"}
WIDTHS |= {"BOOL": 1, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "C64": 8, "F4": 1, "X": 4}
MOST = 2**20  # bytes of the arrays that are made

Tensor = tuple[str, list[int], bytes]  # type, shape, bytes


def parts_of(data: bytes) -> tuple[dict, bytes] | None:
    """Return the header and what follows it; None if there is no header."""
    size = int.from_bytes(data[:8], "little")
    if not 2 <= size <= len(data) - 8:
        return None
    try:
        header = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError):
        return None
    return (header, data[8 + size :]) if isinstance(header, dict) else None


def with_header(header: bytes, body: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + body


def mutated_arrays(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage a file in one place; what depends on that place is mended, mostly."""
    parts = parts_of(data)
    if parts is None:
        return None
    header, body = parts
    kind = rng.randrange(10)
    if kind < 5 and (damaged := _with_metadata(header, rng, inner)) is not None:
        return with_header(json.dumps(damaged).encode(), body)
    if kind < 7 and (tensors := _tensors(header, body)):
        return _packed(_other_tensors(tensors, rng), header.get(METADATA), rng)
    if kind == 7:
        at = rng.randrange(len(body) + 1)
        value = rng.choice((*FLOATS, 1e38, -1.0, 1e19))
        form = rng.choice("fd")
        if form == "f" and math.isfinite(value):
            value = max(-3e38, min(value, 3e38))
        number = struct.pack(f"<{form}", value)
        return with_header(_text(header), body[:at] + number + body[at + len(number) :])
    if kind == 8:
        text = json_text(mutated_json(header, rng), rng)
        return with_header(text, body)
    size = rng.choice(EDGES) % 2**64
    text = _text(header)
    choices = (size.to_bytes(8, "little") + text + body, with_header(text + b" " * 9, body + b"1"))
    return rng.choice(choices)


def _text(header: dict) -> bytes:
    return json.dumps(header).encode()


def _with_metadata(header: dict, rng: Random, inner: Inner) -> dict | None:
    """Damage the metadata. Their digests are left out, mostly, as in files of older versions."""
    known = header.get(METADATA)
    if not isinstance(known, dict) or not isinstance(known.get(ENTRY), str):
        return None
    text = known[ENTRY]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        made = inner(text.encode("utf-8", "surrogatepass"))
    else:
        if isinstance(value, dict) and rng.random() < 0.9:
            value.pop(DIGESTS, None)
        made = json_text(mutated_json(value, rng), rng)
    return {**header, METADATA: {**known, ENTRY: made.decode("utf-8", "replace")}}


def _tensors(header: dict, body: bytes) -> dict[str, Tensor] | None:
    try:
        return {
            name: (about["dtype"], about["shape"], body[slice(*about["data_offsets"])])
            for name, about in header.items()
            if name != METADATA
        }
    except (TypeError, KeyError, IndexError, ValueError):
        return None


def _packed(tensors: dict[str, Tensor], metadata: object, rng: Random) -> bytes:
    """Put a file together; its digests no longer fit, and are left out, mostly."""
    header: dict = {} if metadata is None else {METADATA: metadata}
    body = b""
    for name, (kind, shape, content) in tensors.items():
        places = [len(body), len(body) + len(content)]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": places}
        body += content
    if rng.random() < 0.9 and isinstance(metadata, dict):
        try:
            value = json.loads(metadata[ENTRY])
            value.pop(DIGESTS, None)
            header[METADATA] = {**metadata, ENTRY: json.dumps(value)}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
    return with_header(_text(header), body)


def _other_tensors(tensors: dict[str, Tensor], rng: Random) -> dict[str, Tensor]:
    """Give one array another name, type or shape, or other bytes; or leave it out."""
    made, name = dict(tensors), rng.choice(list(tensors))
    kind, shape, content = made[name]
    change = rng.randrange(8)
    if change == 0:
        del made[name]
    elif change == 1:
        made[rng.choice((*TEXTS, f"{name}x", name * 300))] = made.pop(name)
    elif change == 2:
        made[rng.choice(TEXTS)] = made[name]
    elif change == 3:  # no bytes, of a shape that no array can have
        odd = [rng.choice((0, 1, 2**31, 2**32, 2**62, 2**63, 2**64 - 1)) for _ in range(3)]
        made[name] = kind, [0, *odd] if rng.random() < 0.7 else odd, b""
    elif change == 4:
        made[name] = kind, [*_list(shape), *[1] * rng.choice((1, 31, 63, 64, 1000))], content
    elif change == 5:
        other = rng.choice(list(WIDTHS))
        made[name] = other, [len(content) // WIDTHS[other]], content
    elif change == 6 and isinstance(shape, list) and shape:
        at = rng.randrange(len(shape))
        if isinstance(shape[at], int) and 0 < shape[at] < 2**20:
            count = rng.choice((0, 1, 2, shape[at] + 1, 2 * shape[at], 1000))
            one = len(content) // shape[at]
            if count * one <= MOST:
                grown = (content * (count // shape[at] + 1))[: count * one]
                made[name] = kind, [*shape[:at], count, *shape[at + 1 :]], grown
    else:
        value = struct.pack("<d" if kind == "F64" else "<f", rng.choice((1e38, -1.0, math.nan)))
        made[name] = kind, shape, value * (len(content) // len(value)) or content
    return made


def _list(shape: object) -> list:
    return shape if isinstance(shape, list) else []
