import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.full
def test_no_float32_kernel_computes_in_float64(tmp_path):
    """`x * 0.5` or a sum that starts as `0.0` is float64 in Numba: half the speed, in silence."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.float64_in_kernels"],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
