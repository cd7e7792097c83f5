import os
import signal
import subprocess
import sys
import time

import pytest

from minifacenet.machine import interrupt
from minifacenet.machine.interrupt import postponed_interrupt, sure_interrupt

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no timers")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(interrupt, "LATER", 0.1)
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def press():
    os.kill(os.getpid(), signal.SIGINT)


def wait():
    time.sleep(20)
    pytest.fail("it was not interrupted")


def test_an_import_is_over_before_it_comes(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(0.2)\nwhole = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def work():
        with sure_interrupt():
            import slow_to_import

            assert slow_to_import.whole
            wait()

    with pytest.raises(KeyboardInterrupt):
        work()


def test_one_that_is_lost_comes_again():
    lost = []

    def work():
        with sure_interrupt():
            try:
                press()
                wait()
            except KeyboardInterrupt:
                lost.append(True)
            wait()

    with pytest.raises(KeyboardInterrupt):
        work()
    assert lost


def test_what_is_put_in_order_on_its_way_is_left_alone():
    done = []

    def work():
        with sure_interrupt():
            try:
                press()
                wait()
            finally:
                time.sleep(0.5)
                done.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done
    time.sleep(0.3)  # and nothing comes afterwards


def test_one_that_waited_for_an_import_is_postponed_as_any_other(tmp_path, monkeypatch):
    monkeypatch.setattr(interrupt, "_importing", lambda frame: not asked)
    asked, told = [], []
    with sure_interrupt():
        press()
        with postponed_interrupt(lambda: told.append(True)) as event:
            asked.append(True)
            assert event.wait(20)
    assert told == [True]


TWICE = """
import sys
from minifacenet.machine.interrupt import sure_interrupt
sys.path.insert(0, sys.argv[1])
with sure_interrupt():
    import slow_to_import
"""


def test_a_second_one_does_not_wait_for_the_import(tmp_path):
    press = "os.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "slow_to_import.py").write_text(
        f"import os, signal, time\n{press * 2}time.sleep(30)\n"
    )
    begun = time.monotonic()
    command = [sys.executable, "-c", TWICE, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (130, "")
    assert time.monotonic() < begun + 25


PRESSED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.{handler})
sys.argv = ["minifacenet", "--version"]
from minifacenet import __main__

class Press:
    def find_spec(self, name, *rest):
        if name == "{module}":
            try:  # as what is imported may do
                os.kill(os.getpid(), signal.SIGINT)
            except BaseException:
                pass

sys.meta_path.insert(0, Press())
__main__.main()
"""


@pytest.mark.parametrize(
    ("handler", "module", "status", "printed"),
    [
        ("default_int_handler", "minifacenet.cli", 130, ""),
        ("default_int_handler", "numpy", 130, ""),
        ("SIG_IGN", "minifacenet.cli", 0, "0.1.0\n"),
    ],
)
def test_while_the_libraries_load_it_ends_without_a_traceback(handler, module, status, printed):
    program = PRESSED.format(handler=handler, module=module)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (status, printed, "")
