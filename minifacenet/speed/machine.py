"""The machine that times were taken on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numba
import numpy as np

from ..nn.products.microkernel import FASTER_THAN_BLAS
from ..nn.products.vector_width import INSTRUCTIONS


def processor() -> str:
    """Return the processor's name, as far as the system knows it."""
    for line in _lines(Path("/proc/cpuinfo")):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def blas_kernels() -> str:
    """Name each BLAS of NumPy and SciPy, with the processor that its kernels were written for."""
    import scipy.linalg  # noqa: F401 - loads its BLAS
    from threadpoolctl import threadpool_info

    found = [
        f"{info['internal_api']} {info['version']} ({info.get('architecture', 'unknown kernels')})"
        for info in threadpool_info()
        if info["user_api"] == "blas" and "opencv" not in info["filepath"]  # a yardstick's own
    ]
    return ", ".join(dict.fromkeys(found)) or "an unknown BLAS"


def describe() -> list[str]:
    """Return three lines: processor and threads; BLAS and micro-kernel; versions."""
    threads = numba.get_num_threads()
    return [
        f"{processor()}, {os.cpu_count()} cores; {threads} thread{'s' * (threads > 1)}",
        f"BLAS {blas_kernels()}",
        f"micro-kernel {INSTRUCTIONS}" + ", in use" * FASTER_THAN_BLAS,
        f"numba {numba.__version__}, numpy {np.__version__}",
    ]


def _lines(path: Path) -> list[str]:
    """Return the lines of a file, none if this system has no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
