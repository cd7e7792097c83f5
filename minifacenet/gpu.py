"""Is there a GPU to compute on, and what to do if not."""

from __future__ import annotations

from .nn import backend

DEVICES = ("auto", *backend.DEVICES)
REMEDIES = (
    (
        ("unsupported_ptx", "unsupported ptx", "ptx version"),
        "the driver is older than the CUDA toolkit that compiled the kernel: update the driver, or "
        "take an older toolkit: pip install 'cuda-toolkit==12.*'",
    ),
    (
        ("nvvm", "libdevice", "nvrtc", "nvjitlink"),
        "the compiler of the CUDA toolkit is missing: pip install 'minifacenet[cuda]'",
    ),
    (
        ("no module named", "cannot import"),
        "CUDA support is not installed: pip install 'minifacenet[cuda]'",
    ),
    (
        ("no_device", "no cuda-capable device", "no cuda gpus"),
        "there is a driver but no GPU that it can use: everything runs on the CPU",
    ),
    (
        ("libcuda", "driver", "cudasupport"),
        "no NVIDIA driver here: everything runs on the CPU. If there is a GPU, install its driver",
    ),
    (
        ("out of memory", "out_of_memory"),
        "another program holds the GPU's memory: end it, or take a smaller --chunk",
    ),
)


def remedy(error: BaseException) -> str:
    """What a person can do about an error of CUDA, by what it says."""
    text = f"{type(error).__name__} {error}".lower()
    for words, what in REMEDIES:
        if any(word in text for word in words):
            return what
    return (
        "everything runs on the CPU; `python -c 'from numba import cuda; cuda.detect()'` says more"
    )


def choose_device(asked: str) -> str:
    """'cpu' or 'cuda'; 'auto' takes the GPU if there is one.

    Raises
    ------
    ValueError
        No such device, or 'cuda' where no kernel can run: with the reason and the remedy.
    """
    if asked not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {asked!r}")
    if asked == "cpu":
        return "cpu"
    try:
        backend.numba_cuda().current_context()
    except Exception as error:
        if asked == "auto":
            return "cpu"
        line = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(
            f"no kernel can run on a GPU here ({type(error).__name__}: {line}): {remedy(error)}"
        ) from None
    return "cuda"
