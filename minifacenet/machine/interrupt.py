"""Ctrl-C is never lost, and comes between two steps, so that what is saved is whole."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

INTERRUPTED = 130  # the exit status of a command


@contextmanager
def postponed_interrupt(
    told: Callable[[], None], also: Sequence[signal.Signals] = ()
) -> Iterator[threading.Event]:
    """Make the first Ctrl-C, SIGTERM or one of `also` in the block call `told` and set the event.

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

    asking = signal.SIGINT, signal.SIGTERM, *also
    before = {number: signal.signal(number, ask) for number in asking}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


SOON, LATER = 0.05, 1.0  # seconds


@contextmanager
def sure_interrupt(listening: bool = True) -> Iterator[None]:
    """Make Ctrl-C raise KeyboardInterrupt inside the block for sure, but not within an import.

    A KeyboardInterrupt can be lost. C code that calls Python drops it with a message, and a module
    being imported may take it for its own failure. So it waits until an import is over, and is
    raised again if after a second it is not on its way out. The second one within an import ends
    at once: the next command sweeps up. Without timers (Windows) all is as usual; where this
    process is not `listening` to Ctrl-C, nothing is changed.
    """
    if not listening:
        yield
        return
    if not hasattr(signal, "setitimer"):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        return

    waiting = False

    def interrupt(number, frame):
        nonlocal waiting
        if _importing(frame):
            if waiting and number == signal.SIGINT:
                os._exit(INTERRUPTED)
            waiting = True
            signal.setitimer(signal.ITIMER_REAL, SOON)
            return
        if number == signal.SIGALRM:
            handler = signal.getsignal(signal.SIGINT)
            if handler is not interrupt and callable(handler):  # set by `postponed_interrupt`
                handler(signal.SIGINT, frame)
                return
        signal.setitimer(signal.ITIMER_REAL, LATER)
        if number == signal.SIGINT or not _on_its_way():
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _importing(frame) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _on_its_way() -> bool:
    """Return whether a KeyboardInterrupt, or what it was turned into, is ending the program."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
