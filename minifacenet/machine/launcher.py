"""What `mpiexec`, or another launcher, tells the processes that it starts: no MPI is needed."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

# In their environment: mpiexec of Open MPI, of MPICH, and srun.
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")
SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
PATIENCE = 5.0  # seconds in which all ranks run into the same error, if they do


def launched() -> int:
    """Return how many processes a launcher has started alike; 1 without one, 0 if it is unsaid."""
    return 1 if launched_rank() is None else _told(SIZES) or 0


def launched_rank() -> int | None:
    """Return which of them this is, as the launcher says; None without one."""
    rank = _told(RANKS)
    if rank is None and (_told(["SLURM_STEP_NUM_TASKS"]) or 1) > 1:  # srun without PMI
        rank = _told(["SLURM_PROCID"])
    return rank


def _told(names: Sequence[str]) -> int | None:
    values = (os.environ.get(name, "") for name in names)
    return next((int(value) for value in values if value.isdecimal()), None)


@contextmanager
def only_first_speaks() -> Iterator[None]:
    """Let no other rank print in this block, and let the first one end first, if all must.

    A launcher ends all when one ends with an error, and the first one is to say it before.
    """
    if not launched_rank():
        yield
        return
    said = io.StringIO()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(said):
        try:
            yield
        except SystemExit as exit:
            if exit.code:
                time.sleep(PATIENCE)
                print(f"rank {launched_rank()}: {said.getvalue().strip()}", file=sys.__stderr__)
            raise
