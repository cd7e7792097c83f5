"""A network of a few weights, and what the attacks on our own files have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np

from minifacenet.embedding.architectures import NETWORKS, Architecture, FaceNet, Network
from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear

Read = TypeVar("Read")


def _build(shape, widths, dim, rng, dtype=np.float32) -> Sequential:
    fc = Linear(4 * shape[2], widths["fc"], rng, dtype=dtype)
    bn = BatchNorm(widths["fc"], dtype=dtype)
    return Sequential(("fc", fc), ("fc.bn", bn), ("fc2", Linear(widths["fc"], dim, rng)))


# Thousands of files are read: with the smallest real network each would have 3 MB.
NETWORKS["tiny"] = Network(32, {"fc": 2}, _build)


def tiny_model() -> FaceNet:
    return FaceNet.new(Architecture("tiny", channels=1, dim=4))


def write(**files: bytes) -> None:
    """Write the files of a case; '__' in a name stands for '.'."""
    for name, data in files.items():
        Path(name.replace("__", ".")).write_bytes(data)


@contextmanager
def naming(*names: str) -> Iterator[None]:
    """Demand that whatever error comes out names one of these files."""
    try:
        yield
    except Exception as error:
        told = str(error)
        if isinstance(error, ValueError | OSError) and not any(name in told for name in names):
            raise AssertionError(f"names no file: {told[:200]}") from error
        raise


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_distance(value: float) -> bool:
    return 0 <= value <= 4


def seeds_by(make: Callable[[Path], list[bytes]]) -> Callable[[], list[bytes]]:
    """Return seeds that are made with files, in a folder that goes again."""

    def seeds() -> list[bytes]:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="seeds-") as place:
            return make(Path(place))

    return seeds
