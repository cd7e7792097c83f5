"""All modules of the package, found and not listed: what is forgotten in a list is never tested."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from numba.core.dispatcher import Dispatcher

import minifacenet
from minifacenet.nn.cuda_target import CudaFunction


@cache
def modules_of_the_package() -> list[ModuleType]:
    """All but those that need PyTorch, where it is not installed."""
    modules = []
    for module in pkgutil.walk_packages(minifacenet.__path__, "minifacenet."):
        if module.name.endswith("__main__"):
            continue
        try:
            modules.append(importlib.import_module(module.name))
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
    return modules


@cache
def compiled_functions() -> list[tuple[str, Dispatcher]]:
    """(name, Numba's dispatcher) of every function that is compiled for the CPU, each once."""
    return _all_of(Dispatcher, lambda value: getattr(value, "compiled", value))


@cache
def cuda_functions() -> list[tuple[str, CudaFunction]]:
    """(name, kernel or device function) of everything that is compiled for CUDA, each once."""
    return _all_of(CudaFunction, lambda value: value)


def _all_of(kind, unwrapped) -> list:
    found = {}
    for module in modules_of_the_package():
        for name, value in vars(module).items():
            value = unwrapped(value)
            if isinstance(value, kind):
                found.setdefault(id(value), (f"{module.__name__}.{name}", value))
    return list(found.values())
