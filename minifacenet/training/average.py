"""A running average of a network's weights: `train --average 0.999`.

After each step

    average <- keep average + (1 - keep) weights

from the weights that the training began with, the running means of batch norms included. After t
steps weight w_s of step s therefore counts (1 - keep) keep^(t - s), and the first ones keep^t: the
average is over about the last 1 / (1 - keep) steps. The steps of a training with a high rate lie
around a place, and their mean is nearer to it than the last of them (Polyak and Juditsky 1992).

The training goes on with the weights as they are; what is judged and kept is the average.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..embedding.architectures import FaceNet
from ..nn.device import backend
from ..nn.device.backend import CUDA_THREADS, Kernel, blocks
from ..nn.device.cpu_target import cpu_kernel
from ..nn.device.cuda_target import cuda, cuda_kernel
from ..nn.layer import Sequential

# -- Reference -----------------------------------------------------------------------------------


def average_step(average: np.ndarray, w: np.ndarray, keep: float) -> np.ndarray:
    return keep * average + (1 - keep) * w


# -- Kernels: flat arrays ------------------------------------------------------------------------

# Bound: memory. In float32 a weight takes 12 bytes (two values in, one out) for 3 flops.


@cpu_kernel
def _mix_cpu(w, keep, share, average):
    for i in prange(average.size):
        average[i] = keep * average[i] + share * w[i]


@cuda_kernel
def _mix_grid(w, keep, share, average):
    i = cuda.grid(1)
    if i < average.size:
        average[i] = keep * average[i] + share * w[i]


def _mix_cuda(w, keep, share, average):
    _mix_grid[blocks(average.size), CUDA_THREADS](w, keep, share, average)


_mix = Kernel(_mix_cpu, _mix_cuda)


def _mixed_in(w, keep: float, average) -> None:
    scalar, source = average.dtype.type, backend.read_only(w).reshape(-1)
    _mix(source, scalar(keep), scalar(1 - keep), average.reshape(-1))


# -- The average ---------------------------------------------------------------------------------


class WeightAverage:
    """The running average of all parameters of `network`, which it begins with; see the file's top.

    `keep` is the share of the average that a step leaves, from 0 to less than 1.
    """

    def __init__(self, network: Sequential, keep: float):
        if not 0 <= keep < 1:
            raise ValueError(f"an average keeps a share from 0 to less than 1, got {keep}")
        self.network, self.keep = network, keep
        self._arrays = {}
        for name, parameter in network.parameters().items():
            array = backend.zeros(parameter.data.shape, like=parameter.data)
            _mixed_in(parameter.data, 0, array)
            self._arrays[name] = array

    def update(self) -> None:
        """Take in the weights after a step."""
        for name, parameter in self.network.parameters().items():
            _mixed_in(parameter.data, self.keep, self._arrays[name])

    def of(self, model: FaceNet) -> FaceNet:
        """Return a model like `model`, on the same device, that has the average for its weights."""
        twin = FaceNet.blank(model.architecture, model.cut)
        twin.network.to(model.network.device)
        for name, parameter in twin.network.parameters().items():
            with parameter.edit() as w:
                _mixed_in(self._arrays[name], 0, w)
        return twin

    def state(self) -> dict[str, np.ndarray]:
        """Return the average by the parameters' names, for a checkpoint; from a GPU a copy."""
        return {name: backend.to_device(array, "cpu") for name, array in self._arrays.items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what `state()` gave, of a network of the same parameters."""
        for name, array in self._arrays.items():
            array[:] = state[name]
