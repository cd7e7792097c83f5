"""The graphics card that figures were taken on, and the most that it could do.

Two numbers say how good a kernel can be at all. **Arithmetic**: a multiprocessor has lanes that
each finish a multiply-add, two operations, in a clock cycle:

    peak = multiprocessors * lanes * 2 * clock rate

The clock rate is the highest that the driver reports. A card that gets warm, or meets its limit of
power, stays below that: no kernel reaches the peak for long. **Memory**: how fast the card copies a
large array within its own memory is measured, not looked up. A copy reads and writes every byte
once, both are counted, and nothing that goes through memory is much faster.

A kernel with few operations for each byte is bound by the second, one with many by the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from ..files.words import size_text
from ..nn.device.backend import empty, to_device
from ..nn.device.cuda_target import numba_cuda
from .clock import Call, Timing, medians

# Lanes for float32 in a multiprocessor, by compute capability: NVIDIA's CUDA C++ Programming
# Guide, section "Arithmetic Instructions", multiply-adds per clock cycle.
LANES = {
    (5, 0): 128, (5, 2): 128, (5, 3): 128,
    (6, 0): 64, (6, 1): 128, (6, 2): 128,
    (7, 0): 64, (7, 2): 64, (7, 5): 64,
    (8, 0): 64, (8, 6): 128, (8, 7): 128, (8, 9): 128,
    (9, 0): 128,
    (10, 0): 128, (10, 3): 128, (11, 0): 128,
    (12, 0): 128, (12, 1): 128,
}  # fmt: skip
COPIED = 1 << 28  # bytes of the array that is copied: more than a card's cache holds


@dataclass(frozen=True)
class Card:
    """A card: lines `about` it, and its two limits; None where one is not known.

    Attributes
    ----------
    peak : float or None
        float32 operations per second.
    bandwidth : float or None
        Bytes per second that a copy reads and writes.
    """

    about: tuple[str, ...]
    peak: float | None
    bandwidth: float | None


def this_card(rounds: int = 5) -> Card:
    """Return the card that Numba computes on, with its bandwidth measured."""
    if numba.config.ENABLE_CUDASIM:
        return Card(("GPU simulated by Numba on the CPU: times mean nothing",), None, None)
    device = numba_cuda().get_current_device()
    _, total = numba_cuda().current_context().get_memory_info()
    capability = tuple(device.compute_capability)
    processors, clock = attribute(device, "MULTIPROCESSOR_COUNT"), attribute(device, "CLOCK_RATE")
    peak, bandwidth = fp32_peak(capability, processors, clock), copy_bandwidth(rounds)
    return Card(
        (
            f"{card_name(device)}, {size_text(total)}, compute capability "
            + ".".join(map(str, capability)),
            _about_peak(processors, clock, peak),
            f"copies {bandwidth / 1e9:.0f} GB/s within its memory, reads and writes counted",
        ),
        peak,
        bandwidth,
    )


def card_name(device: Any) -> str:
    """Return the device's name as text: some versions of `numba.cuda` give bytes."""
    return device.name.decode() if isinstance(device.name, bytes) else device.name


def attribute(device: Any, name: str) -> int | None:
    """Return an attribute of the device; None if the driver or `numba.cuda` lacks it."""
    try:
        return int(getattr(device, name)) or None
    except Exception:  # each version of `numba.cuda`, and the driver, raises another error
        return None


def fp32_peak(
    capability: tuple[int, int], multiprocessors: int | None, kilohertz: int | None
) -> float | None:
    """Return the peak as at the top of the file; None where a factor is not known."""
    major, minor = capability
    lanes = LANES.get((major, minor))
    if not (lanes and multiprocessors and kilohertz):
        return None
    return multiprocessors * lanes * 2 * 1000.0 * kilohertz


def _about_peak(processors: int | None, clock: int | None, peak: float | None) -> str:
    told = [f"{processors} multiprocessors"] if processors else []
    told += [f"clock up to {clock / 1e6:.2f} GHz"] if clock else []
    told += [f"fp32 peak {peak / 1e12:.1f} TFLOP/s" if peak else "fp32 peak not known"]
    return ", ".join(told)


def copy_bandwidth(rounds: int = 5, size: int = COPIED) -> float:
    """Measure the bytes per second that a copy of `size` bytes on the card reads and writes."""
    source = to_device(np.zeros(size // 4, np.float32), "cuda")
    target: Any = empty(source.shape, like=source)
    copy = {"copy": Call(lambda: target.copy_to_device(source))}
    return 2 * 4 * source.size / medians(copy, rounds, "cuda")["copy"]


@dataclass(frozen=True)
class Rate:
    """A pass's work per second, and its share of the card's limit, 1 being all of it."""

    value: float
    unit: str  # 'GFLOP/s' or 'GB/s'
    share: float | None

    def __str__(self) -> str:
        return f"{self.value:.{0 if self.value >= 10 else 2}f} {self.unit}"


def arithmetic(timing: Timing, which: str, card: Card) -> Rate | None:
    """Compare the operations per second with the peak; None where none are counted."""
    return _rate(timing.gflops(which), "GFLOP/s", card.peak)


def memory(timing: Timing, which: str, card: Card) -> Rate | None:
    """Compare the bytes per second with a copy's; None where none are counted."""
    return _rate(timing.bandwidth(which), "GB/s", card.bandwidth)


def rate(timing: Timing, which: str, card: Card) -> Rate | None:
    """Return the rate to report: that of the operations if a row has any, else of the bytes."""
    return arithmetic(timing, which, card) or memory(timing, which, card)


def _rate(value: float | None, unit: str, most: float | None) -> Rate | None:
    if value is None:
        return None
    return Rate(value, unit, 1e9 * value / most if most else None)
