"""Run every layer once, for checks of all kernels: the cases say which layers there are."""

import numpy as np

from minifacenet.nn.device.backend import to_device
from minifacenet.nn.layer import Parameter
from minifacenet.nn.optim import OPTIMIZERS
from tests.nn.cases import EVERY_LAYER


def run_layers(device: str, dtype: type) -> None:
    """Every layer forward, forward in training, and backward."""
    rng = np.random.default_rng(0)
    for case in EVERY_LAYER:
        layer = case.make(rng, dtype).to(device)
        x = to_device(case.input(rng, dtype), device)
        layer.forward(x)
        out = layer.forward(x, train=True)
        layer.backward(to_device(np.ones(out.shape, dtype), device))


def run_optimizers(device: str, dtype: type) -> None:
    for optimizer in OPTIMIZERS.values():
        parameter = Parameter(np.ones(4, dtype))
        parameter.to(device)
        optimizer({"weight": parameter}, weight_decay=0.1).step()
