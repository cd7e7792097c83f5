"""A network under construction: its rows from top to bottom, and the shape that they lead to."""

from __future__ import annotations

from ..nn.layer import Layer, Sequential


class Rows:
    """The layers so far.

    Attributes
    ----------
    layers : list of (name, layer)
    shape : tuple of int
        Of one image's output so far: (H, W, C), or (D,).
    """

    def __init__(self, shape: tuple[int, ...]):
        self.layers: list[tuple[str, Layer]] = []
        self.shape = shape

    def add(self, name: str, *layers: tuple[str, Layer] | Layer) -> None:
        """Append a row: a layer, or several as (suffix of the name, layer)."""
        for layer in layers:
            suffix, layer = ("", layer) if isinstance(layer, Layer) else layer
            self.layers.append((name + suffix, layer))
            self.shape = layer.output_shape(self.shape)

    def network(self) -> Sequential:
        return Sequential(*self.layers)
