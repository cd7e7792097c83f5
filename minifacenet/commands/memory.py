"""Errors for lack of memory: what did not fit, and which option makes it smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..embedding.architectures import Architecture
    from ..training.settings import TrainConfig


@contextmanager
def smaller(what: str, remedy: str) -> Iterator[None]:
    """Let a MemoryError in the block say that `what` did not fit, and the `remedy`."""
    try:
        yield
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        raise MemoryError(f"out of memory for {what}{reason}: {remedy}") from None


def or_chunk(work: Callable, architecture: Architecture, training: TrainConfig, device: str) -> Any:
    """Return what `work()` returns; if memory is too small, the error names a --chunk.

    It names none if the network alone, or with one photo, does not fit: no chunk would help.
    """
    from ..embedding.architectures import Architecture, NetworkTooLarge
    from ..training.plan import smaller_chunk

    try:
        return work()
    except NetworkTooLarge:
        raise
    except MemoryError as error:
        reason = str(error) or "out of memory"  # the error itself holds on to the memory
    if training.chunk == 1:
        raise MemoryError(f"{reason}: take a smaller --size, one photo at a time is too much")
    chunk = smaller_chunk(architecture, training, device)
    remedy = f"take --chunk {chunk}, fewer photos at once for the same gradient"
    if architecture.dim > Architecture.dim:
        remedy += f", or a smaller --dim than {architecture.dim}"
    raise MemoryError(f"{reason}: {remedy}")
