"""Layers as nodes of an ONNX graph, one emitter for each class of layer.

Our maps are (N, H, W, C), those of ONNX (N, C, H, W). Inside the graph all of them lie as ONNX
wants them, so three things change their order on the way: a convolution's weights, those of a
`Linear` that flattens a map, and where zeros are put around one. Shapes in this file are ours, of
one image: (H, W, C), or (D,) once flattened. Only N is free.

A layer without an emitter cannot be exported: the error names it. A new one is a function here,
registered under the name of its class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..nn.device.backend import to_device
from ..nn.layer import Layer, Parameter
from ..nn.window import Window

Shape = tuple[int, ...]


class Graph:
    """The nodes and weights of an ONNX graph under way.

    A node has one output, and both have one name, as a weight has its own: the layer's, or one that
    begins with it. `reserved` are names that no node takes.
    """

    def __init__(self, *reserved: str):
        self.nodes: list = []
        self.weights: list = []
        self._taken = set(reserved)

    def node(self, kind: str, inputs: Sequence[str], name: str, **attributes: object) -> str:
        """Add a node of one of ONNX's kinds; returns the name of its output."""
        from onnx import helper

        name = self._own(name)
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def weight(self, values: np.ndarray, name: str) -> str:
        """Add an array of constants; returns its name."""
        from onnx import numpy_helper

        name = self._own(name)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def number(self, value: float, name: str) -> str:
        return self.weight(np.array(value, np.float32), name)

    def numbers(self, values: Sequence[int], name: str) -> str:
        """Add axes, a shape or paddings, which ONNX takes as an array."""
        return self.weight(np.array(values, np.int64), name)

    def padded(self, x: str, before: Shape, after: Shape, name: str) -> str:
        """Put zeros around the values of `x`; `before` and `after` are by our axes, without N."""
        if not any((*before, *after)):
            return x
        pads = [0, *_theirs(before), 0, *_theirs(after)]
        return self.node("Pad", [x, self.numbers(pads, f"{name}.pads")], name)

    def _own(self, name: str) -> str:
        """Return `name`, or the next one that nobody has: 'conv1.relu' may be two things."""
        own, number = name, 1
        while own in self._taken:
            own, number = f"{name}_{number}", number + 1
        self._taken.add(own)
        return own


def emit(graph: Graph, layer: Layer, x: str, shape: Shape, name: str) -> str:
    """Add a layer to the graph.

    Parameters
    ----------
    graph : Graph
    layer : Layer
    x : str
        The name of its input, which has the `shape` (H, W, C) or (D,) for one image.
    shape : tuple of int
    name : str
        The name of the layer, with that of the one that holds it.

    Returns
    -------
    str
        The name of its output.

    Raises
    ------
    ValueError
        There is no emitter for this class of layer, or for one inside it.
    """
    kind = type(layer).__name__
    if kind not in EMITTERS:
        raise ValueError(
            f"the layer {name!r} is a {kind}, which cannot be written as ONNX: it needs an emitter "
            "in minifacenet/embedding/onnx_layers.py"
        )
    return EMITTERS[kind](graph, layer, x, shape, name)


# By the name of a class, not of its parents: a subclass may compute something else.
EMITTERS: dict[str, Callable] = {}


def _of(*kinds: str) -> Callable:
    def register(emitter: Callable) -> Callable:
        EMITTERS.update(dict.fromkeys(kinds, emitter))
        return emitter

    return register


def _theirs(axes: Shape) -> Shape:
    """Return values by our axes (H, W, C) in the order (C, H, W); one alone stays as it is."""
    return (axes[-1], *axes[:-1])


def _values(parameter: Parameter) -> np.ndarray:
    return to_device(parameter.data, "cpu").astype(np.float32, copy=False)


def _by_channel(parameter: Parameter, shape: Shape) -> np.ndarray:
    """Return a number per channel so that ONNX multiplies or adds it to a map, or to vectors."""
    return _values(parameter).reshape(-1, 1, 1) if len(shape) == 3 else _values(parameter)


# -- Layers made of others -------------------------------------------------------------------------


@_of("Sequential")
def _sequential(graph, layer, x, shape, name):
    for inner, part in layer.layers.items():
        x = emit(graph, part, x, shape, f"{name}.{inner}" if name else inner)
        shape = part.output_shape(shape)
    return x


@_of("Concat")
def _concat(graph, layer, x, shape, name):
    """The channels of all branches; around smaller maps are zeros, as the layer puts them."""
    if not layer.branches:
        return x
    *sizes, _ = layer.output_shape(shape)
    pieces = []
    for inner, branch in layer.branches.items():
        piece = emit(graph, branch, x, shape, f"{name}.{inner}")
        own = branch.output_shape(shape)[:-1]
        missing = [size - mine for size, mine in zip(sizes, own, strict=True)]
        before = (*(d // 2 for d in missing), 0)
        after = (*(d - d // 2 for d in missing), 0)
        pieces.append(graph.padded(piece, before, after, f"{name}.{inner}.padded"))
    return graph.node("Concat", pieces, name, axis=1)


@_of("Residual")
def _residual(graph, layer, x, shape, name):
    """shortcut(x) + scale * body(x); what is smaller gets zeros at its end."""
    body = emit(graph, layer.body, x, shape, f"{name}.body")
    if layer.scale != 1:
        scale = graph.number(layer.scale, f"{name}.scale")
        body = graph.node("Mul", [body, scale], f"{name}.scaled")
    terms = {"body": (body, layer.body.output_shape(shape)), "shortcut": (x, shape)}
    if layer.shortcut is not None:
        through = emit(graph, layer.shortcut, x, shape, f"{name}.shortcut")
        terms["shortcut"] = through, layer.shortcut.output_shape(shape)
    larger = layer.output_shape(shape)
    filled = []
    for term, (output, own) in terms.items():
        after = tuple(size - mine for size, mine in zip(larger, own, strict=True))
        filled.append(graph.padded(output, (0,) * len(own), after, f"{name}.{term}.padded"))
    return graph.node("Add", filled, name)


# -- Layers with weights ---------------------------------------------------------------------------


def _with_bias(graph, inputs, layer, name):
    """Return the inputs of a node, and the layer's bias after them, if it has one."""
    if layer.bias is None:
        return inputs
    return [*inputs, graph.weight(_values(layer.bias), f"{name}.bias")]


@_of("Conv2D")
def _conv(graph, layer, x, shape, name):
    weight = graph.weight(_values(layer.weight).transpose(3, 2, 0, 1), f"{name}.weight")
    window = layer.window
    return graph.node(
        "Conv", _with_bias(graph, [x, weight], layer, name), name,
        kernel_shape=window.kernel, strides=window.stride,
        pads=[side for sides in zip(*window.pad, strict=True) for side in sides],
    )  # fmt: skip


@_of("Linear")
def _linear(graph, layer, x, shape, name):
    values = _values(layer.weight)
    if len(shape) == 3:  # ONNX flattens channel by channel, we pixel by pixel
        values = values.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(values.shape)
        x = graph.node("Flatten", [x], f"{name}.flat")
    weight = graph.weight(values, f"{name}.weight")
    return graph.node("Gemm", _with_bias(graph, [x, weight], layer, name), name)


@_of("BatchNorm")
def _batchnorm(graph, layer, x, shape, name):
    """By the running means, as after training."""
    of_channels = [
        graph.weight(_values(parameter), f"{name}.{own}")
        for own, parameter in layer.parameters().items()
    ]
    return graph.node("BatchNormalization", [x, *of_channels], name, epsilon=layer.eps)


@_of("Affine", "Rescale")
def _affine(graph, layer, x, shape, name):
    gamma = graph.weight(_by_channel(layer.gamma, shape), f"{name}.gamma")
    beta = graph.weight(_by_channel(layer.beta, shape), f"{name}.beta")
    return graph.node("Add", [graph.node("Mul", [x, gamma], f"{name}.scaled"), beta], name)


@_of("PReLU")
def _prelu(graph, layer, x, shape, name):
    slope = graph.weight(_by_channel(layer.slope, shape), f"{name}.slope")
    return graph.node("PRelu", [x, slope], name)


# -- Poolings --------------------------------------------------------------------------------------


def _pool(graph, kind, x, shape, window: Window, outputs: Shape, name, **attributes):
    """Slide a window over a map of `shape` so that it stops `outputs` times, along each axis.

    What hangs over the far edge is said by a padding that ends where the last window ends. The
    ceil_mode of ONNX is not used: it came late for some kinds of pooling, and may let a window
    begin after the map, which ours does not.
    """
    before = [pad for pad, _ in window.pad]
    after = [
        max(0, (stops - 1) * step + kernel - first - size)
        for stops, step, kernel, first, size in zip(
            outputs, window.stride, window.kernel, before, shape[:2], strict=True
        )
    ]
    return graph.node(
        kind, [x], name,
        kernel_shape=window.kernel, strides=window.stride, pads=[*before, *after], **attributes,
    )  # fmt: skip


@_of("MaxPool")
def _maxpool(graph, layer, x, shape, name):
    outputs = layer.output_shape(shape)[:2]
    return _pool(graph, "MaxPool", x, shape, layer.window, outputs, name)


@_of("L2Pool")
def _l2pool(graph, layer, x, shape, name):
    outputs = layer.output_shape(shape)[:2]
    return _pool(graph, "LpPool", x, shape, layer.window, outputs, name, p=2)


@_of("AvgPool")
def _avgpool(graph, layer, x, shape, name):
    """ONNX counts the whole window or what lies on the map. We may count the padding, and of a
    window that hangs over it no more than that: such a mean is of the whole window, corrected.

    (To put zeros around the map beforehand is shorter, and wrong in onnxruntime 1.20: it merges
    them with the pooling, and then counts them no more.)
    """
    outputs = layer.output_shape(shape)[:2]
    counted = int(layer.count_include_pad)
    mean = _pool(
        graph, "AveragePool", x, shape, layer.window, outputs, name, count_include_pad=counted
    )
    rows, columns = (_inside(layer.window, axis, shape[axis], outputs[axis]) for axis in (0, 1))
    share = np.outer(rows, columns).astype(np.float32)
    if not counted or (share == 1).all():
        return mean
    return graph.node("Div", [mean, graph.weight(share, f"{name}.share")], f"{name}.corrected")


def _inside(window: Window, axis: int, size: int, outputs: int) -> np.ndarray:
    """Return for each window which share of it, along an axis, is on the map or its padding."""
    starts = np.arange(outputs) * window.stride[axis]
    return np.minimum(1, (size + sum(window.pad[axis]) - starts) / window.kernel[axis])


# -- Layers without weights ------------------------------------------------------------------------


@_of("ReLU")
def _relu(graph, layer, x, shape, name):
    return graph.node("Relu", [x], name)


@_of("LRN")
def _lrn(graph, layer, x, shape, name):
    """Vectors become maps of one pixel on the way: onnxruntime takes maps only."""
    constants = {"size": layer.n, "alpha": layer.alpha, "beta": layer.beta, "bias": layer.k}
    if len(shape) == 3:
        return graph.node("LRN", [x], name, **constants)
    axes = graph.numbers([2, 3], f"{name}.axes")
    pixel = graph.node("Unsqueeze", [x, axes], f"{name}.pixel")
    damped = graph.node("LRN", [pixel], f"{name}.damped", **constants)
    return graph.node("Squeeze", [damped, axes], name)


@_of("Maxout")
def _maxout(graph, layer, x, shape, name):
    pieces = graph.numbers([0, layer.pieces, shape[0] // layer.pieces], f"{name}.shape")
    split = graph.node("Reshape", [x, pieces], f"{name}.pieces")  # 0: as many as there are
    return graph.node("ReduceMax", [split], name, axes=[1], keepdims=0)


@_of("L2Norm")
def _l2norm(graph, layer, x, shape, name):
    return emit_l2norm(graph, x, layer.eps, name)


def emit_l2norm(graph: Graph, x: str, eps: float, name: str) -> str:
    """Divide vectors by their lengths, those shorter than `eps` by eps.

    A vector is first divided by m, its largest number or eps if that is larger, so that no square
    is infinite or 0. With s = x / m, then, x / max(||x||, eps) = s / max(||s||, 1): where m is the
    largest number, ||s|| is at least 1; where m = eps, it is the same fraction, reduced by eps.
    """
    sizes = graph.node("Abs", [x], f"{name}.sizes")
    largest = graph.node("ReduceMax", [sizes], f"{name}.largest", axes=[1], keepdims=1)
    divisor = graph.node("Max", [largest, graph.number(eps, f"{name}.eps")], f"{name}.divisor")
    scaled = graph.node("Div", [x, divisor], f"{name}.scaled")
    length = graph.node("ReduceL2", [scaled], f"{name}.length", axes=[1], keepdims=1)
    atleast = graph.node("Max", [length, graph.number(1, f"{name}.one")], f"{name}.atleast")
    return graph.node("Div", [scaled, atleast], name)
