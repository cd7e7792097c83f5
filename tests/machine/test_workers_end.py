"""Workers end when the process that started them is killed, also while they wait for items."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows kills otherwise")

PROGRAM = """
import os, signal
from minifacenet.machine.workers import Job, Processes

def make():
    return lambda item: os.getpid()

if __name__ == "__main__":
    with Processes(1).pool(Job(make, ())) as pool:
        print(*pool.answers(pool.submit([0])), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_that_waits_ends_with_its_parent(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with (tmp_path / "said").open("w") as said:  # no pipe: the worker would hold it, too
        done = subprocess.run([sys.executable, program], stdout=said, timeout=60)
    assert done.returncode == -signal.SIGKILL
    worker = int((tmp_path / "said").read_text())
    until = time.monotonic() + 20
    while runs(worker) and time.monotonic() < until:
        time.sleep(0.05)
    if runs(worker):
        os.kill(worker, signal.SIGKILL)
        pytest.fail("the worker is still there")


def runs(process):
    """Whether it is there, and not only its entry, which a container may keep of an orphan."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not (stat.exists() and stat.read_text().rpartition(") ")[2].startswith("Z"))
