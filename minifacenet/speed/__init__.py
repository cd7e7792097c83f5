"""How fast: the network row by row and beside PyTorch, a training step, the kernels of a GPU.

`commands` imports it. It measures all rooms below `console`, and must not know how well a network
recognises anybody: that is `experiment`.
"""

from .kernels import bench_kernels, largest_layers
from .network import bench_network, parts_of
from .scaling import bench_scaling
from .stages import bench_mining, bench_recognition
from .step import bench_step

__all__ = [
    "bench_kernels",
    "bench_mining",
    "bench_network",
    "bench_recognition",
    "bench_scaling",
    "bench_step",
    "largest_layers",
    "parts_of",
]
