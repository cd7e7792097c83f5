"""`python -m minifacenet` is the same as the console command `minifacenet`.

Ctrl-C ends it at any moment with status 130, without a traceback. So nothing is imported here that
takes time.
"""

import os
import signal
import sys

from .machine.interrupt import INTERRUPTED, sure_interrupt


def main() -> None:
    """The console command."""
    asked = signal.getsignal(signal.SIGINT)
    listening = asked is signal.default_int_handler  # in the background shells may ignore it
    try:
        if listening:
            # While the libraries load, nothing is under way that would have to be put in order.
            signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
        from .cli import main as command

        with sure_interrupt(listening):
            command()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        if listening:  # Python's own end is not to be interrupted by a traceback either
            signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    main()
