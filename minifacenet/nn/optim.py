"""Optimizers: how a gradient g changes a weight w.

    SGD with momentum    v <- mu v + g                  w <- w - rate v
    AdaGrad              a <- a + g^2                   w <- w - rate g / (sqrt(a) + eps)
    Adam                 m <- b1 m + (1 - b1) g         w <- w - rate m' / (sqrt(v') + eps)
                         v <- b2 v + (1 - b2) g^2       m' = m / (1 - b1^t),  v' = v / (1 - b2^t)

AdaGrad is the paper's (section 3: "SGD with standard backprop and AdaGrad", rate 0.05): a weight
that has seen large gradients takes small steps. Its initial accumulator and eps are not given.
Adam (Kingma and Ba 2015) forgets old gradients, and needs less care with the rate.

Each may let the weights decay, decoupled from the gradient (Loshchilov and Hutter 2019), before
its step:

    w <- w - rate decay w

An L2 penalty would add decay w to g instead, and AdaGrad and Adam would then divide it by the size
of the gradients, too. What decays are the parameters called `weight`: those of convolutions and
linear maps. A bias or a batch norm's gamma and beta have few numbers and no need of it.

Each optimizer keeps its state beside the parameters, one array of the parameter's shape each:
`state()` gives them by name, for a checkpoint.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from .device import backend
from .device.backend import CUDA_THREADS, Kernel, blocks, element
from .device.cpu_target import cpu_kernel
from .device.cuda_target import cuda, cuda_kernel
from .layer import Parameter

# -- Reference: one update, on copies ------------------------------------------------------------


def decay_step(w: np.ndarray, rate: float, decay: float) -> np.ndarray:
    return w - rate * decay * w


def sgd_step(
    w: np.ndarray, g: np.ndarray, v: np.ndarray, rate: float, momentum: float
) -> tuple[np.ndarray, np.ndarray]:
    v = momentum * v + g
    return w - rate * v, v


def adagrad_step(
    w: np.ndarray, g: np.ndarray, a: np.ndarray, rate: float, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    a = a + g**2
    return w - rate * g / (np.sqrt(a) + eps), a


def adam_step(
    w: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    rate: float,
    b1: float,
    b2: float,
    eps: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
    return w - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps), m, v


# -- One element, for both targets ---------------------------------------------------------------


def _damped(g, square, rate, eps):
    """Return a step that is the shorter, the larger the gradients were so far."""
    return rate * g / (math.sqrt(square) + eps)


_damped_cpu, _damped_cuda = element(_damped)


# -- Kernels: flat arrays, state and weight updated in one pass ----------------------------------

# The decay is a pass of its own: 8 bytes per weight in float32, 2 flops. Within the three updates
# it would spare them, but whoever lets nothing decay would compute with it, too.


@cpu_kernel
def _decay_cpu(w, share):
    for i in prange(w.size):
        w[i] -= share * w[i]


@cuda_kernel
def _decay_grid(w, share):  # bound: memory, 4 bytes in and 4 out
    i = cuda.grid(1)
    if i < w.size:
        w[i] -= share * w[i]


# The CUDA kernels have one thread per weight. Bound: memory. A weight in float32 takes 20 bytes
# (SGD and AdaGrad: three values in, two out; 4 and 7 flops) or 28 (Adam: four in, three out; 12
# flops). Next: four weights per thread, in 16-byte reads; all parameters in one launch.


@cpu_kernel
def _sgd_cpu(g, rate, momentum, v, w):
    for i in prange(w.size):
        v[i] = momentum * v[i] + g[i]
        w[i] -= rate * v[i]


@cuda_kernel
def _sgd_grid(g, rate, momentum, v, w):
    i = cuda.grid(1)
    if i < w.size:
        v[i] = momentum * v[i] + g[i]
        w[i] -= rate * v[i]


@cpu_kernel
def _adagrad_cpu(g, rate, eps, a, w):
    for i in prange(w.size):
        a[i] += g[i] * g[i]
        w[i] -= _damped_cpu(g[i], a[i], rate, eps)


@cuda_kernel
def _adagrad_grid(g, rate, eps, a, w):
    i = cuda.grid(1)
    if i < w.size:
        a[i] += g[i] * g[i]
        w[i] -= _damped_cuda(g[i], a[i], rate, eps)


@cpu_kernel
def _adam_cpu(g, rate, eps, b1, rest1, b2, rest2, m, v, w):
    for i in prange(w.size):
        m[i] = b1 * m[i] + rest1 * g[i]
        v[i] = b2 * v[i] + rest2 * g[i] * g[i]
        w[i] -= _damped_cpu(m[i], v[i], rate, eps)


@cuda_kernel
def _adam_grid(g, rate, eps, b1, rest1, b2, rest2, m, v, w):
    i = cuda.grid(1)
    if i < w.size:
        m[i] = b1 * m[i] + rest1 * g[i]
        v[i] = b2 * v[i] + rest2 * g[i] * g[i]
        w[i] -= _damped_cuda(m[i], v[i], rate, eps)


def _decay_cuda(w, share):
    _decay_grid[blocks(w.size), CUDA_THREADS](w, share)


def _sgd_cuda(g, rate, momentum, v, w):
    _sgd_grid[blocks(w.size), CUDA_THREADS](g, rate, momentum, v, w)


def _adagrad_cuda(g, rate, eps, a, w):
    _adagrad_grid[blocks(w.size), CUDA_THREADS](g, rate, eps, a, w)


def _adam_cuda(g, rate, eps, b1, rest1, b2, rest2, m, v, w):
    _adam_grid[blocks(w.size), CUDA_THREADS](g, rate, eps, b1, rest1, b2, rest2, m, v, w)


_decay = Kernel(_decay_cpu, _decay_cuda)
_sgd = Kernel(_sgd_cpu, _sgd_cuda)
_adagrad = Kernel(_adagrad_cpu, _adagrad_cuda)
_adam = Kernel(_adam_cpu, _adam_cuda)


# -- The optimizers ------------------------------------------------------------------------------


def decays(name: str) -> bool:
    """Whether weight decay is for the parameter of this name: 'conv1.weight', not 'conv1.bias'."""
    return name.rpartition(".")[2] == "weight"


class Optimizer:
    """Base: `step()` updates every parameter from its gradient; `rate` may change in between.

    `weight_decay` is the share of a weight that a step at rate 1 takes away.
    """

    slots: tuple[str, ...] = ()
    squares: tuple[str, ...] = ()  # the slots of sums that are never below 0
    start = 0.0  # value that the slots begin with

    def __init__(self, parameters: dict[str, Parameter], rate: float, weight_decay: float = 0.0):
        if not rate > 0:
            raise ValueError(f"the learning rate must be positive, got {rate}")
        if not weight_decay >= 0:
            raise ValueError(f"weight_decay must be at least 0, got {weight_decay}")
        self.parameters, self.rate, self.steps = parameters, rate, 0
        self.weight_decay = weight_decay
        self._state = {}
        for name, parameter in parameters.items():
            for slot in self.slots:
                array = backend.empty(parameter.data.shape, like=parameter.data)
                backend.fill(array, self.start)
                self._state[f"{name}.{slot}"] = array

    def step(self) -> None:
        self.steps += 1
        for name, parameter in self.parameters.items():
            slots = [self._state[f"{name}.{slot}"].reshape(-1) for slot in self.slots]
            scalar = parameter.data.dtype.type
            with parameter.edit() as w:
                if self.weight_decay and decays(name):
                    _decay(w.reshape(-1), scalar(self.rate * self.weight_decay))
                self._update(parameter.grad.reshape(-1), scalar, slots, w.reshape(-1))

    def state(self) -> dict[str, np.ndarray]:
        """Return the slots by name ('conv1.weight.accumulator', ...), for a checkpoint.

        On the CPU they are the arrays themselves, on a GPU copies.
        """
        return {name: backend.to_device(array, "cpu") for name, array in self._state.items()}

    def restore(self, state: dict[str, np.ndarray], steps: int) -> None:
        """Go on from what `state()` gave after `steps` steps; the arrays are copied.

        Raises
        ------
        ValueError
            The arrays are those of another optimizer or network, or a sum of squares is negative.
        """
        for name in dict.fromkeys([*state, *self._state]):
            got, own = state.get(name), self._state.get(name)
            if got is None or own is None or got.shape != own.shape:
                raise ValueError(
                    f"the optimizer's state does not fit {type(self).__name__} on this network: "
                    f"{name} is {'missing' if got is None else got.shape}, expected "
                    f"{'nothing' if own is None else own.shape}"
                )
            if name.rpartition(".")[2] in self.squares and (got < 0).any():
                raise ValueError(f"{name} is a sum of squares, and holds numbers below 0")
        self.steps = steps
        for name, array in state.items():
            self._state[name][:] = array

    def _update(self, g, scalar, slots, w) -> None:
        raise TypeError(f"{type(self).__name__} defines no update")


class SGD(Optimizer):
    """Stochastic gradient descent with (heavy-ball) momentum."""

    slots = ("velocity",)

    def __init__(
        self,
        parameters: dict[str, Parameter],
        rate: float = 0.05,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, rate, weight_decay)
        self.momentum = momentum

    def _update(self, g, scalar, slots, w):
        _sgd(g, scalar(self.rate), scalar(self.momentum), *slots, w)


class AdaGrad(Optimizer):
    """AdaGrad is the paper's choice (Duchi et al. 2011). `start` is the initial accumulator."""

    slots = squares = ("accumulator",)

    def __init__(
        self,
        parameters: dict[str, Parameter],
        rate: float = 0.05,
        eps: float = 1e-10,
        start: float = 0.1,
        weight_decay: float = 0.0,
    ):
        self.start = start
        super().__init__(parameters, rate, weight_decay)
        self.eps = eps

    def _update(self, g, scalar, slots, w):
        _adagrad(g, scalar(self.rate), scalar(self.eps), *slots, w)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015). The bias corrections are folded into the step's rate and eps.

    With a `weight_decay` it is known as AdamW.
    """

    slots, squares = ("mean", "square"), ("square",)

    def __init__(
        self,
        parameters: dict[str, Parameter],
        rate: float = 1e-3,
        b1: float = 0.9,
        b2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, rate, weight_decay)
        self.b1, self.b2, self.eps = b1, b2, eps

    def _update(self, g, scalar, slots, w):
        # rate (m / c1) / (sqrt(v / c2) + eps)  =  (rate sqrt(c2) / c1) m / (sqrt(v) + eps sqrt(c2))
        c1, c2 = 1 - self.b1**self.steps, 1 - self.b2**self.steps
        rate, eps = self.rate * math.sqrt(c2) / c1, self.eps * math.sqrt(c2)
        decays = (self.b1, 1 - self.b1, self.b2, 1 - self.b2)
        _adam(g, scalar(rate), scalar(eps), *map(scalar, decays), *slots, w)


OPTIMIZERS = {"adagrad": AdaGrad, "adam": Adam, "sgd": SGD}
