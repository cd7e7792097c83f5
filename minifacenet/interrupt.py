"""Ctrl-C between two steps instead of within one, so that what is saved is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def postponed_interrupt(told: Callable[[], None]) -> Iterator[threading.Event]:
    """The first Ctrl-C (or SIGTERM) inside the block calls `told` and sets the event.

    The block looks at the event where it can stop. A second one interrupts at once, as usual.
    Outside the main thread Python delivers no signals, and the event stays clear.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number, frame):
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        told()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
