import os

import pytest
from hypothesis import settings

settings.register_profile("kernels", deadline=None)  # a kernel's first call compiles it
settings.load_profile("kernels")
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))  # 1 against 2


@pytest.fixture(autouse=True)
def _all_threads():
    """A test may lower the number of threads; the next one has them all again."""
    yield
    import numba

    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
