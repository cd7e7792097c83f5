"""This room finds a GPU, says what to do if there is none, and explains errors of CUDA."""

from __future__ import annotations

import warnings

import numpy as np

from ..files.words import size_text
from ..nn.device import backend, cuda_target

DEVICES = ("auto", *backend.DEVICES)

# The exceptions of numba.cuda and of the packages below it, by name: code that catches them may not
# have imported numba.cuda, and should not have to.
CUDA_ERRORS = {
    "CudaAPIError", "CudaDriverError", "CudaRuntimeError", "CudaSupportError", "LinkerError",
    "NvvmError", "NvvmSupportError", "NvrtcError", "NvrtcSupportError", "CCSupportError",
    "CUDAError", "NVRTCError", "nvJitLinkError", "nvvmError", "DynamicLibNotFoundError",
}  # fmt: skip

# After one of these no call of the process succeeds any more (the driver's documentation: "the
# process must be terminated and relaunched").
LOST = (
    "illegal_address", "illegal memory access", "launch_failed", "unspecified launch failure",
    "launch_timeout", "misaligned_address", "illegal_instruction", "invalid_address_space",
    "invalid_pc", "hardware_stack_error", "device-side assert", "error_assert",
    "ecc_uncorrectable", "error_contained",
)  # fmt: skip
UPDATE = "update the driver or take an older toolkit (pip install 'numba-cuda[cu12]')"
INSTALL = "install it (pip install 'minifacenet[cuda]')"

FAULTS = (  # words of an error, their meaning, what to do; the first that fits counts
    (
        ("numba_enable_cudasim",),
        "NUMBA_ENABLE_CUDASIM is set, but numba was imported before that",
        "unset it; for the simulator set it before Python starts",
    ),
    (("numba_disable_cuda",), "NUMBA_DISABLE_CUDA switches CUDA off", "unset it"),
    (
        LOST,
        "a kernel broke down, and nothing more can be computed on the GPU in this process",
        "start it again, and report this if it happens twice (`train --resume` goes on from what "
        "was saved)",
    ),
    (
        ("device_unavailable", "busy or unavailable"),
        "another program has the GPU for itself",
        "end that program (`nvidia-smi` lists them)",
    ),
    (
        ("cuinit results in cuda_error_unknown", "driver_mismatch", "compat_not_supported"),
        "the NVIDIA driver does not start",
        "restart the machine, as after an update of the driver",
    ),
    (
        ("no_binary_for_gpu", "no kernel image", "minimum supported by nvrtc", "ccsupporterror",
         "compute capability"),
        "the GPU is too old for the CUDA toolkit",
        "take an older toolkit (pip install 'numba-cuda[cu12]')",
    ),
    (
        ("unsupported_ptx", "unsupported ptx", "ptx version", "unsupported .version",
         "unsupported toolchain", "invalid_image", "kernel image is invalid",
         "functionnotfounderror", "version is insufficient"),
        "the driver is older than the CUDA toolkit that compiled the kernel",
        UPDATE,
    ),
    (
        ("nvvm", "libdevice", "nvrtc", "nvjitlink"),
        "the compiler of the CUDA toolkit is missing, or of another version than numba-cuda looks "
        "for",
        INSTALL,
    ),
    (
        ("no module named", "bindings not found"),
        "CUDA support is not installed, or not all of it",
        INSTALL,
    ),
    (
        ("from 'numba", "module 'numba"),
        "numba-cuda and numba are of versions that do not fit",
        "update both (pip install --upgrade numba 'numba-cuda[cu13]')",
    ),
    (
        ("no_device", "no cuda-capable device", "no cuda gpus"),
        "there is a driver but no GPU that it can use",
        "see whether `nvidia-smi` lists one, and what CUDA_VISIBLE_DEVICES says",
    ),
    (
        ("out of memory", "out_of_memory"),
        "the GPU's memory is full",
        "end other programs on it (`nvidia-smi` lists them) or take a smaller --chunk",
    ),
    (("libcuda", "driver", "cudasupport"), "no NVIDIA driver here", "install it"),
)  # fmt: skip


def first_line(error: BaseException) -> str:
    """Return a CUDA error's kind and first line, without the colon that ends some."""
    line = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {line}".rstrip(": ")


def _fault(error: BaseException) -> tuple[str, str]:
    """Return what is wrong, and what a person can do about it, from a CUDA error's text."""
    text = f"{type(error).__name__} {error}".lower()
    for words, fault, todo in FAULTS:
        if any(word in text for word in words):
            return fault, todo
    todo = "see what `python -c 'from numba import cuda; cuda.detect()'` says"
    return f"no kernel can run on a GPU here ({first_line(error)})", todo


def remedy(error: BaseException) -> str:
    """Return what a CUDA error means for this machine, and what to do if it has a GPU."""
    fault, todo = _fault(error)
    return f"{fault}: everything runs on the CPU. If there is a GPU, {todo}"


def is_cuda_error(error: BaseException) -> bool:
    return any(kind.__name__ in CUDA_ERRORS for kind in type(error).__mro__)


def is_lost(error: BaseException) -> bool:
    """Return whether the GPU can do nothing any more, not even free memory."""
    return is_cuda_error(error) and any(word in str(error).lower() for word in LOST)


def in_one_line(error: BaseException) -> str:
    """Describe a CUDA error in the middle of a run: fault, CUDA's own words, remedy."""
    fault, todo = _fault(error)
    said = first_line(error)
    return f"{fault}{'' if said in fault else f' ({said})'}. {todo[0].upper()}{todo[1:]}"


def choose_device(asked: str, otherwise: str = "leave out --device to compute on the CPU") -> str:
    """Return 'cpu' or 'cuda'; 'auto' takes the GPU if there is one, and warns if it is of no use.

    `otherwise` is the alternative that an error names besides the remedy.

    Raises
    ------
    ValueError
        There is no such device, or no kernel can run on 'cuda': with the reason and the remedy.
    """
    if asked not in DEVICES:
        raise ValueError(f"--device must be one of {', '.join(DEVICES)}, got {asked!r}")
    if asked == "cpu":
        return "cpu"
    there = False
    try:
        cuda_target.numba_cuda().current_context()
        there = True
        _try_kernel()
    except Exception as error:
        fault, todo = _fault(error)
        todo = f"{todo[0].upper()}{todo[1:]}"
        if asked == "cuda":
            raise ValueError(f"--device cuda: {fault}. {todo}, or {otherwise}") from None
        if there:
            warnings.warn(f"the GPU is not used: {fault}. {todo}", stacklevel=2)
        return "cpu"
    return "cuda"


def _try_kernel() -> None:
    """Compile a kernel, run it and wait: that there is a driver does not show that this works."""
    there = backend.to_device(np.zeros(1, np.float32), "cuda")
    backend.fill(there, 1)
    backend.to_device(there, "cpu")


def memory_text() -> str:
    """Return the peak use of the GPU's memory, in words; '' if it is not known."""
    memory = backend.gpu_memory()
    if memory is None:
        return ""
    peak, free, total = (size_text(size) for size in (memory.peak, memory.free, memory.total))
    took = f"GPU memory: the first step took up to {peak} of {total}"
    return f"{took}, {free} are left to other programs"
