"""Rows of a network that a training leaves as they are: `train --freeze conv1,conv2a`.

Their parameters do not change, and neither do the running means of their batch norms, which
normalise by these as after a training. The optimizer never sees them. The rows below the lowest one
that learns need no gradients at all: they run forward only, and keep nothing for a backward.
"""

from __future__ import annotations

from ..files.words import meant, shortened
from ..nn.batchnorm import BatchNorm
from ..nn.layer import Parameter, Sequential

ALL_BUT = "all-but "


def frozen_rows(network: Sequential, names: str) -> set[str]:
    """Return the rows that stay as they are: 'conv1,conv2a', 'all-but fc7128', or '' for none.

    Raises
    ------
    ValueError
        The network has no such row, or nothing would be left to train.
    """
    rows = {_row(name) for name in network.layers}
    if not names.strip():
        return set()
    listed = names.strip().removeprefix(ALL_BUT)
    chosen = {name.strip() for name in listed.split(",")}
    for name in sorted(chosen - rows):
        known = list(dict.fromkeys(map(_row, network.layers)))
        which = meant(name, known)
        raise ValueError(f"the network has no row {shortened(name)} to freeze: {which}")
    frozen = chosen if listed == names.strip() else rows - chosen
    if all(_row(name) in frozen for name in network.parameters()):
        raise ValueError(f"to freeze {shortened(names)} leaves nothing to train: name fewer rows")
    return frozen


def trained_parameters(network: Sequential, names: str) -> dict[str, Parameter]:
    """Return the parameters that a training with these `names` of frozen rows changes."""
    frozen = frozen_rows(network, names)
    return {name: p for name, p in network.parameters().items() if _row(name) not in frozen}


def freeze(network: Sequential, names: str) -> None:
    """Let a training's forward and backward leave these rows as they are, and no others."""
    frozen = frozen_rows(network, names)
    for name, layer in network.layers.items():
        for inner in layer.walk():
            if isinstance(inner, BatchNorm):
                inner.frozen = _row(name) in frozen
    network.trained_from = 0
    if frozen:
        learns = [
            bool(layer.parameters()) and _row(name) not in frozen
            for name, layer in network.layers.items()
        ]
        network.trained_from = learns.index(True)


def _row(name: str) -> str:
    return name.partition(".")[0]
