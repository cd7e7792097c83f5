"""What readers of other programs' files must survive: files cut off, changed, and full of lies."""

import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from minifacenet.data_scripts.weight_bytes import WeightsError

NAME = "some.weights"


def cut_off_anywhere(read: Callable, data: bytes) -> None:
    """Every beginning of the file is refused by the one error, which names the file."""
    read(data, NAME)
    for size in range(len(data)):
        with pytest.raises(WeightsError, match=NAME):
            read(data[:size], NAME)


def changed(data: bytes, times: int, seed: int = 0) -> Iterator[bytes]:
    """The file with one to four bytes changed, `times` times; about half are small numbers."""
    rng = np.random.default_rng(seed)
    for _ in range(times):
        copy = bytearray(data)
        for at in rng.integers(len(data), size=rng.integers(1, 5)):
            copy[at] = rng.integers(256) if rng.integers(2) else rng.integers(16)
        yield bytes(copy)


def read_or_refused(read: Callable, data: bytes) -> str:
    """Read the file, and look at all its numbers. Anything but a WeightsError goes on."""
    try:
        touch(read(data, NAME), [0])
        return "read"
    except WeightsError as error:
        message = str(error)
    assert NAME in message
    assert "\n" not in message
    assert len(message) < 600
    return "refused"


def touch(value: object, seen: list[int]) -> None:
    """Read every number in what a reader gave; the same part may be there many times."""
    seen[0] += 1
    if seen[0] > 10_000:
        return
    if isinstance(value, np.ndarray):
        value.tobytes()
    elif isinstance(value, dict):
        for part in value.values():
            touch(part, seen)
    elif isinstance(value, list):
        for part in value:
            touch(part, seen)
    elif hasattr(value, "fields"):
        touch(value.fields, seen)


def refused_in_little_memory(read: Callable, data: bytes, match: str, limit: int = 2**20) -> None:
    """The file is refused, and no more than `limit` bytes were taken, whatever it says."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=match) as raised:
            read(data, NAME)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert NAME in str(raised.value)
    assert peak < limit
