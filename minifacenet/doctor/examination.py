"""What this machine has, what works, and what to do about what does not: `minifacenet doctor`.

Nothing here guesses: each part is tried. A check that fails says what was seen and the remedy.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numba
import numpy as np

from .. import __version__
from ..machine.gpu import first_line, remedy
from ..nn import relu
from ..nn.device import backend, cuda_target
from ..preprocessing import mtcnn

GOOD, NOTE, BAD = "ok", "note", "problem"
PACKAGES = ("numpy", "numba", "scipy", "scikit-learn", "pillow", "safetensors", "matplotlib")


@dataclass(frozen=True)
class Finding:
    """A finding: one line of the report.

    Attributes
    ----------
    verdict : {'ok', 'note', 'problem'}
        'note': something optional is missing, and everything else works.
    remedy : str
        What to do; '' if nothing.
    """

    name: str
    text: str
    verdict: str = GOOD
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Yield all findings, from the environment up to a kernel on the GPU."""
    yield Finding("minifacenet", f"{__version__} in {Path(__file__).parent}")
    yield Finding("Python", f"{platform.python_version()} in {sys.executable}")
    yield Finding("packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES))
    yield Finding("processor", f"{platform.machine()}, {os.cpu_count()} cores, {_cpu_name()}")
    yield from _blas()
    yield _cpu_kernel()
    yield from _cuda()
    yield _detector()
    yield _heic()


def _cpu_name() -> str:
    from llvmlite import binding

    name = os.environ.get("NUMBA_CPU_NAME") or binding.get_host_cpu_name()
    return f"kernels are compiled for '{name}'"


def _blas() -> Iterator[Finding]:
    from threadpoolctl import threadpool_info

    with backend.blas_threads(1):  # loads every BLAS that the package uses
        pass
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            text = f"{pool['internal_api']} {pool['version']}, {pool.get('architecture', '?')}"
            yield Finding("BLAS", f"{text}, {pool['num_threads']} threads")


def _cpu_kernel() -> Finding:
    """Check a parallel kernel, compiled or loaded, against NumPy."""
    try:
        right = _relu_works("cpu")
        threads, layer = numba.get_num_threads(), numba.threading_layer()
    except Exception as error:
        return Finding(
            "CPU kernel", f"{type(error).__name__}: {error}", BAD,
            "install numba again: pip install --force-reinstall numba",
        )  # fmt: skip
    text = f"runs on {threads} threads, layer '{layer}'"
    if not right:
        return Finding("CPU kernel", text + ", but gives wrong numbers", BAD, "report this")
    if layer == "workqueue":
        return Finding(
            "CPU kernel", text, NOTE, "one Python thread at a time may run kernels; others are "
            "safer: pip install tbb, or a system with OpenMP",
        )  # fmt: skip
    return Finding("CPU kernel", text)


def _relu_works(device: str) -> bool:
    x = np.linspace(-1, 1, 1000, dtype=np.float32)
    out = relu.ReLU().forward(backend.to_device(x, device))
    return bool((backend.to_device(out, "cpu") == np.maximum(x, 0)).all())


def _cuda() -> Iterator[Finding]:
    """Check which `numba.cuda` is loaded, whether there is a GPU, and whether a kernel runs."""
    try:
        cuda = cuda_target.numba_cuda()
    except Exception as error:
        yield Finding("CUDA", first_line(error), NOTE, remedy(error))
        return
    try:
        origin = f"numba-cuda {version('numba-cuda')}"
    except PackageNotFoundError:
        origin = "numba's own, which is no longer developed"
    simulated = numba.config.ENABLE_CUDASIM
    mode = ", SIMULATED (NUMBA_ENABLE_CUDASIM is set)" if simulated else ""
    yield Finding("numba.cuda", f"{origin}, {Path(cuda.__file__).parent}{mode}")
    try:
        if not simulated:
            device = cuda.get_current_device()
            name = device.name.decode() if isinstance(device.name, bytes) else device.name
            free, total = cuda.current_context().get_memory_info()
            capability = ".".join(map(str, device.compute_capability))
            memory = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
            yield Finding("GPU", f"{name}, compute capability {capability}, {memory}")
        right = _relu_works("cuda")
    except Exception as error:
        yield Finding("GPU", first_line(error), NOTE, remedy(error))
        return
    if right:
        yield Finding("CUDA kernel", "runs and is right" + mode)
    else:
        yield Finding("CUDA kernel", "gives wrong numbers", BAD, "report this")


def _detector() -> Finding:
    path = mtcnn.default_file()
    if path.is_file():
        return Finding("face detector", f"weights in {path}")
    return Finding(
        "face detector", f"no weights in {path}", NOTE,
        "minifacenet get mtcnn, for `minifacenet align`",
    )  # fmt: skip


def _heic() -> Finding:
    if importlib.util.find_spec("pillow_heif"):
        return Finding("HEIC photos", f"pillow-heif {version('pillow-heif')}")
    return Finding(
        "HEIC photos", "cannot be read", NOTE, "pip install 'minifacenet[heic]', if you have any"
    )
