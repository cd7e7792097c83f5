"""Did a command stay as fast, and as small, as it was? Judged from what was seen of it."""

from collections.abc import Sequence
from dataclasses import replace

from .watched import Look

STEADY = 0.8  # the last quarter's rate, as a share of the second quarter's
ENOUGH = 200  # looks, one a second: of a few items nothing can be said


def one_after_the_other(first: Sequence[Look], then: Sequence[Look]) -> list[Look]:
    """Return what was seen of a command and of the one that went on, as if they were one."""
    spent = first[-1].seconds if first else 0.0
    return [*first, *(replace(look, seconds=look.seconds + spent) for look in then)]


def slowed(looks: Sequence[Look], begin: int, count: int) -> str | None:
    """Return in words how the work on items `begin` to `begin + count` became slow, if it did.

    Items per second of processor time; the first quarter is left out, which compiles and loads.
    """
    at = [_reached(looks, begin + quarter * count // 4) for quarter in range(1, 5)]
    second, last = (_rate(*pair) for pair in (at[:2], at[2:]))
    if len(looks) < ENOUGH or last >= STEADY * second:
        return None
    return f"{second:.1f} items a second of processor time became {last:.1f}"


def grown(looks: Sequence[Look], begin: int, each: int, room: int) -> str | None:
    """Return in words when more memory was taken than at item `begin`, with `each` item since.

    `room` bytes are for what is no item's; what is loaded before the first item does not count.
    """
    start = _reached(looks, max(begin, 1))
    for look in looks:
        bound = start.memory + room + each * max(0, look.done - start.done)
        if look.memory > bound:
            return f"{start.memory:,} bytes became {look.memory:,}, with {look.done:,} done"
    return None


def _reached(looks: Sequence[Look], done: int) -> Look:
    return next((look for look in looks if look.done >= done), looks[-1])


def _rate(first: Look, last: Look) -> float:
    return (last.done - first.done) / max(last.seconds - first.seconds, 0.01)
