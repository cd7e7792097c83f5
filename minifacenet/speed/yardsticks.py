"""Find the yardstick that is asked for, or say how to install it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .sides import BUILDS, PEERS, WITH_BACKWARD, Part, Side


def yardstick(name: str, device: str = "cpu") -> Callable[[dict[str, Part]], Side]:
    """Return the maker of the side to compare with, with our weights, on the same device.

    Raises
    ------
    ValueError
        There is no such yardstick, or it is not installed.
    """
    if name not in PEERS:
        raise ValueError(f"there is no yardstick {name!r}: take {', '.join(PEERS)}")
    if name not in WITH_BACKWARD:
        raise ValueError(
            f"{PEERS[name]} computes whole networks forward, on CPUs, and nothing else: take "
            f"{', '.join(WITH_BACKWARD)}, or `minifacenet bench --against {name}`"
        )
    try:
        from .against_torch import Torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        build, options = BUILDS[device]
        raise ValueError(
            f"PyTorch, the yardstick, is not installed in this environment. Its build for {build}: "
            f"python -m pip install torch{options}"
        ) from error
    return partial(Torch, device=device)
