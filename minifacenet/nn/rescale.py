"""Rescale: a fixed scale and shift for each channel, which no training changes.

    y = gamma x + beta           dx = gamma dout

It stands first in a network that was trained on pixels scaled in another way than ours, so that all
networks can be given the same input. Its numbers are part of the structure, not of the weights:
they are no parameters. The kernels are those of `affine.py`; the reference is its reference, too.

Shapes: x (N, ..., C), gamma and beta (C,), y as x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .affine import Affine, input_gradient
from .device.backend import Array
from .layer import FLOAT, Parameter


class Rescale(Affine):
    """y = gamma x + beta with numbers that stay as they are; any (..., C).

    Parameters
    ----------
    gamma, beta : array_like of shape (C,)

    Raises
    ------
    ValueError
        The two are not one number per channel each.
    """

    def __init__(self, gamma: ArrayLike, beta: ArrayLike, dtype: type = np.float32):
        gamma, beta = (np.array(values, dtype) for values in (gamma, beta))
        if gamma.ndim != 1 or gamma.shape != beta.shape:
            raise ValueError(
                f"Rescale takes one gamma and one beta per channel, got shapes {gamma.shape} and "
                f"{beta.shape}"
            )
        self.gamma, self.beta = Parameter(gamma), Parameter(beta)

    def parameters(self) -> dict[str, Parameter]:
        """Return none: what is not trained is not counted, and not saved."""
        return {}

    def to(self, device: str) -> Rescale:
        for fixed in (self.gamma, self.beta):
            fixed.to(device)
        return self

    def backward(self, dout: Array | None) -> Array | None:
        """Return dL/dx; None if the layer after this one passes nothing on."""
        if dout is None:
            self._cache = None
            return None
        self._recall(dout)
        return input_gradient(dout, self.gamma.data)

    def bytes_moved(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Forward reads gamma and beta beside x; the backward reads dL/dy and gamma."""
        values, channels = int(np.prod(shape)), self.gamma.data.size
        return FLOAT * 2 * (values + channels), FLOAT * (2 * values + channels)
