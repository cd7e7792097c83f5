"""Is a backward right? Ask the forward.

For a scalar L(w) the centred difference

    (L(w + h) - L(w - h)) / (2 h)  =  dL/dw + O(h^2)

needs no derivation, and so it can judge one. We take L = sum(dout * f(x)) with a *random* dout:
with dout = 1 a wrong backward of an L2 norm passes. In float64, with h = 1e-5, truncation (h^2) and
rounding (1e-16 / h) both stay near 1e-10. The difference is formed before the sum, as
sum(dout * (f_plus - f_minus)), so that large equal parts cancel exactly.

`check_layer` tries every coordinate of the input and of each parameter: for small layers.
`check_direction` moves all coordinates of one array along one random direction: for whole networks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .layer import Layer, Parameter

STEP = 1e-5


def relative_error(analytic: np.ndarray, numeric: np.ndarray) -> float:
    """Return the largest difference over the largest numeric gradient; infinity for a NaN."""
    scale = np.abs(numeric).max()
    error = float(np.abs(analytic - numeric).max() / (scale if scale > 0 else 1))
    return error if np.isfinite(error) else np.inf


def check_layer(
    layer: Layer, x: np.ndarray, rng: np.random.Generator, step: float = STEP
) -> dict[str, float]:
    """Return the relative error of dL/dx ('input') and of every parameter's gradient, by name.

    Parameters
    ----------
    x : ndarray, float64
        The input. Keep it away from kinks by more than `step` (ties, zeros of a ReLU).
    """
    _need_float64(x)
    dout = rng.standard_normal(layer.forward(x).shape)
    layer.zero_grad()
    layer.forward(x, train=True)
    dx = layer.backward(dout)
    assert dx is not None  # a first layer without dx cannot be checked this way
    errors = {"input": relative_error(dx, _numeric(layer, x, dout, step))}
    for name, parameter in layer.parameters().items():
        errors[name] = relative_error(parameter.grad, _numeric(layer, x, dout, step, parameter))
    return errors


def _numeric(layer, x, dout, step, parameter=None) -> np.ndarray:
    """Return centred differences by every coordinate of the parameter, or of the input if None."""
    moved = Parameter(x.copy()) if parameter is None else parameter

    def forward_at(index, value):
        with moved.edit() as w:
            w[index] = value
        return layer.forward(moved.data if parameter is None else x)

    gradient = np.empty_like(moved.data)
    for index in np.ndindex(*gradient.shape):
        value = moved.data[index]
        difference = forward_at(index, value + step) - forward_at(index, value - step)
        gradient[index] = (dout * difference).sum() / (2 * step)
        forward_at(index, value)
    return gradient


def check_direction(
    loss: Callable[[], float], parameter: Parameter, rng: np.random.Generator, step: float = STEP
) -> float:
    """Return |numeric - analytic| / |numeric| of the slope along a random direction.

    `loss()` computes the loss at the current weights; `parameter.grad` already holds its gradient.
    """
    _need_float64(parameter.data)
    direction = rng.standard_normal(parameter.data.shape)
    direction /= np.linalg.norm(direction)
    slope = float((parameter.grad * direction).sum())
    values = []
    for sign in (1, -1):
        with parameter.edit() as w:
            w += sign * step * direction
        values.append(loss())
        with parameter.edit() as w:
            w -= sign * step * direction
    numeric = (values[0] - values[1]) / (2 * step)
    error = abs(numeric - slope) / max(abs(numeric), 1e-30)
    return error if np.isfinite(error) else np.inf


def _need_float64(x) -> None:
    if x.dtype != np.float64:
        raise ValueError(
            f"a gradient check needs float64, got {x.dtype}: float32 hides small errors"
        )
