"""A cluster of two processes for tests; Dask is an extra, and without it they are skipped."""

from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from tests.conftest import need


def with_dask(test):
    """Mark a test that takes Dask, and processes that start."""
    return pytest.mark.extra(pytest.mark.slow(test))


@contextmanager
def local_cluster(workers=2, threads=1):
    """Start worker processes, each with a nanny that starts it anew; gives a LocalCluster."""
    need(find_spec("distributed"), "dask.distributed is not installed")
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=threads, processes=True, dashboard_address=":0",
        silence_logs="CRITICAL",
    ) as cluster:  # fmt: skip
        yield cluster
