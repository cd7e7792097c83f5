"""PyTorch set up for the comparison, on the CPU or on the card that ours computes on."""

from __future__ import annotations

import numba
import torch


def set_up(device: str) -> str:
    """Set PyTorch up on `device`, and return a line that says what it computes with there.

    On a GPU float32 stays float32: TF32, which rounds the factors of a product to 10 bits, is off,
    in cuBLAS and in cuDNN. cuDNN tries its algorithms for each shape and keeps the fastest
    (benchmark mode); it does so in the round that is not counted.

    Raises
    ------
    ValueError
        This build of PyTorch has no CUDA, or finds no GPU.
    """
    torch.set_num_threads(numba.get_num_threads())
    if device == "cpu":
        return f"PyTorch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()})"
    if torch.version.cuda is None:
        raise ValueError(
            f"PyTorch {torch.__version__} is a build without CUDA, and ours computes on the GPU. "
            "Its build for GPUs: python -m pip uninstall torch, then python -m pip install torch"
        )
    if not torch.cuda.is_available():
        raise ValueError(
            f"PyTorch {torch.__version__} finds no GPU, though ours does: its CUDA "
            f"{torch.version.cuda} may want a newer driver than the one of this machine"
        )
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.enabled = torch.backends.cudnn.benchmark = True
    return (
        f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN "
        f"{torch.backends.cudnn.version()} in benchmark mode, TF32 off"
    )
