"""Is there a GPU to compute on, and what to do if not."""

from __future__ import annotations

from .nn import backend

DEVICES = ("auto", *backend.DEVICES)
FAULTS = (  # words of an error, what they mean, what to do
    (
        ("unsupported_ptx", "unsupported ptx", "ptx version"),
        "the driver is older than the CUDA toolkit that compiled the kernel",
        "update the driver or take an older toolkit (pip install 'cuda-toolkit==12.*')",
    ),
    (
        ("nvvm", "libdevice", "nvrtc", "nvjitlink"),
        "the compiler of the CUDA toolkit is missing",
        "install it (pip install 'minifacenet[cuda]')",
    ),
    (
        ("no module named", "cannot import"),
        "CUDA support is not installed",
        "install it (pip install 'minifacenet[cuda]')",
    ),
    (
        ("no_device", "no cuda-capable device", "no cuda gpus"),
        "there is a driver but no GPU that it can use",
        "see whether `nvidia-smi` lists one",
    ),
    (("libcuda", "driver", "cudasupport"), "no NVIDIA driver here", "install it"),
    (
        ("out of memory", "out_of_memory"),
        "another program holds the GPU's memory",
        "end that program",
    ),
)


def first_line(error: BaseException) -> str:
    """An error of CUDA by its kind and its first line, without the colon that ends some."""
    line = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {line}".rstrip(": ")


def _fault(error: BaseException) -> tuple[str, str]:
    """What is wrong, and what a person can do about it, by what an error of CUDA says."""
    text = f"{type(error).__name__} {error}".lower()
    for words, fault, todo in FAULTS:
        if any(word in text for word in words):
            return fault, todo
    todo = "see what `python -c 'from numba import cuda; cuda.detect()'` says"
    return f"no kernel can run on a GPU here ({first_line(error)})", todo


def remedy(error: BaseException) -> str:
    """What an error of CUDA means for this machine, and what to do if it has a GPU."""
    fault, todo = _fault(error)
    return f"{fault}: everything runs on the CPU. If there is a GPU, {todo}"


def choose_device(asked: str, otherwise: str = "leave out --device to compute on the CPU") -> str:
    """'cpu' or 'cuda'; 'auto' takes the GPU if there is one.

    `otherwise` is what an error names besides the remedy.

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
        fault, todo = _fault(error)
        raise ValueError(
            f"--device cuda: {fault}. {todo[0].upper()}{todo[1:]}, or {otherwise}"
        ) from None
    return "cuda"


def memory_text() -> str:
    """How much of the GPU's memory has been in use at most; '' if it is not known."""
    memory = backend.gpu_memory()
    if memory is None:
        return ""
    peak, free, total = (size / 2**30 for size in (memory.peak, memory.free, memory.total))
    return (
        f"GPU memory: the first step took up to {peak:.1f} GiB of {total:.1f}, "
        f"{free:.1f} are left to other programs"
    )
