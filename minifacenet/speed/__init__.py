"""Measures speed: the network row by row and beside PyTorch, a training step, the kernels of a GPU.

`commands` imports it. It measures all rooms below `console`, and must not know how well a network
recognises anybody: that is `experiment`.
"""

from .kernels import largest_layers, time_kernels
from .network import parts_of, time_network
from .scaling import time_scaling
from .stages import time_mining, time_recognition
from .step import time_step

__all__ = [
    "largest_layers",
    "parts_of",
    "time_kernels",
    "time_mining",
    "time_network",
    "time_recognition",
    "time_scaling",
    "time_step",
]
