"""Damage to tables, and to several files that belong together."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from random import Random

from .fuzzing import Inner
from .mutations import TEXTS

NUMBERS = (
    "", "0", "-1", "1", "1.5", "1e308", "-1e308", "1e999", "nan", "inf", "-inf", "1_0", " 1", "٣",
    "9" * 30, "9" * 4200, "9" * 5000, "0x10", "1e-400", "2147483648", "9223372036854775808",
)  # fmt: skip
LONG = 140_000  # characters: more than a field of the reader of tables may have


def mutated_table(data: bytes, rng: Random, inner: Inner, delimiter: str = ",") -> bytes | None:
    """Damage a table in one place: a cell, a row, a column, or the signs between them."""
    try:
        text = data.decode("utf-8", "surrogateescape")
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return None
    if not rows:
        return None
    kind, at = rng.randrange(12), rng.randrange(len(rows))
    if kind < 6 and rows[at]:
        place = rng.randrange(len(rows[at]))
        rows[at][place] = _other_cell(rows, at, place, rng)
    elif kind == 6:
        rows.insert(at, list(rng.choice(rows)))
    elif kind == 7:
        del rows[at]
    elif kind == 8:
        other = rng.randrange(len(rows))
        rows[at], rows[other] = rows[other], rows[at]
    elif kind == 9 and rows[at]:
        del rows[at][rng.randrange(len(rows[at]))]
    elif kind == 10:
        rows[at].append(rng.choice((*NUMBERS, *TEXTS)))
    else:
        signs = (b'"', b"\0", b"\r", b"\n", b"\xff", b"\xef\xbb\xbf", b",", b"\t", b"\n\n\n")
        at = rng.randrange(len(data) + 1)
        return data[:at] + rng.choice(signs) + data[at:]
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=rng.choice(("\n", "\n", "\r\n")))
    try:
        writer.writerows(rows)
    except csv.Error:
        return None
    return file.getvalue().encode("utf-8", "surrogatepass")


def _other_cell(rows: list[list[str]], at: int, place: int, rng: Random) -> str:
    kind, cell = rng.randrange(8), rows[at][place]
    if kind < 3:
        return rng.choice(NUMBERS)
    if kind == 3:
        return rng.choice(rng.choice(rows) or [""])
    if kind == 4:
        return cell + rng.choice(TEXTS)
    if kind == 5 and rng.random() < 0.1:
        return "a" * LONG
    return rng.choice(TEXTS)


def bundled(files: Sequence[bytes]) -> bytes:
    """Make one case of files that belong together."""
    return b"".join(len(file).to_bytes(4, "little") + file for file in files)


def unbundled(data: bytes, count: int) -> list[bytes]:
    """Return as many files, whatever has become of the case."""
    files = []
    for _ in range(count):
        size = int.from_bytes(data[:4], "little")
        files.append(data[4 : 4 + size])
        data = data[4 + size :]
    return files


def mutated_bundle(
    mutates: Sequence[Callable[[bytes, Random, Inner], bytes | None]],
    mended: Callable[[list[bytes], Random], list[bytes]] = lambda files, rng: files,
) -> Callable[[bytes, Random, Inner], bytes | None]:
    """Return a mutation of one of the files, each by its own; `mended` mends what depends on it."""

    def mutated(data: bytes, rng: Random, inner: Inner) -> bytes | None:
        files, at = unbundled(data, len(mutates)), rng.randrange(len(mutates))
        damaged = mutates[at](files[at], rng, inner) if rng.random() < 0.8 else None
        files[at] = inner(files[at]) if damaged is None else damaged
        return bundled(mended(files, rng))

    return mutated
