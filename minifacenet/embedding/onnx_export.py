"""A model as an ONNX file, for programs that run networks and know nothing of ours.

The graph takes photos as `Embedder.transform` does and gives the same unit vectors: scaling, the
order of axes and, if wanted, the mirror image are inside it. Batch norms are not: they are folded
into their convolutions. So whoever runs it has to know one
thing only, how the faces were cut, and the file says that, too.

    session = onnxruntime.InferenceSession("face.onnx")
    (vectors,) = session.run(["embeddings"], {"photos": photos})

Opset 17 is what is written: every layer of ours can be said in it, onnxruntime has run it since
1.12 (2022), and newer ones take it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..files.atomic import replacing
from ..nn.layer import Layer
from .architectures import FaceNet
from .embedder import Embedder
from .onnx_layers import Graph, emit, emit_l2norm

OPSET = 17
IR_VERSION = 8  # of the time of that opset; the package would write its newest
PHOTOS, EMBEDDINGS = "photos", "embeddings"
LARGEST = 2**31 - 2**20  # bytes of weights: a message of protobuf ends at 2 GiB, with all its names
SAME = 1e-4  # unit vectors of two programs that differ by more do not differ by rounding
EPS = 1e-10  # of the mean direction, as in `Embedder`


def export_onnx(
    model: FaceNet, path: str | Path, flip: bool = False, thresholds: dict | None = None
) -> None:
    """Write a model as an ONNX file, whole or not at all.

    Its input 'photos' is uint8 (N, H, W, C), RGB or grey, its output 'embeddings' float32 (N, dim);
    N is free. The metadata of the file hold the version, the digest, the architecture (JSON), what
    happens to a photo before and around the network in words, and the thresholds (JSON).

    Parameters
    ----------
    model : FaceNet
    path : str or path
    flip : bool
        Give the mean direction of a photo and its mirror image, as `Embedder` with `flip`.
    thresholds : dict, optional
        What `Thresholds.as_dict` gives. Those of a model's file hold for `flip=True`, by which
        they were measured.

    Raises
    ------
    ValueError
        The package onnx is not installed, a layer has no emitter, or the weights are too large.
    OSError
        The file cannot be written.
    """
    onnx = _package()
    graph = facenet_graph(model, flip)
    metadata = {
        "version": __version__,
        "digest": model.digest,
        "architecture": json.dumps(model.architecture.as_dict(), sort_keys=True),
        "preprocessing": Embedder(model, flip=flip).preprocessing,
    }
    if thresholds is not None:
        metadata["thresholds"] = json.dumps(thresholds)
    whole = as_model(
        graph,
        onnx.helper.make_tensor_value_info(
            PHOTOS, onnx.TensorProto.UINT8, ["N", *model.architecture.input_shape]
        ),
        onnx.helper.make_tensor_value_info(
            EMBEDDINGS, onnx.TensorProto.FLOAT, ["N", model.architecture.dim]
        ),
    )
    onnx.helper.set_model_props(whole, metadata)
    with replacing(path) as temporary:
        temporary.write_bytes(whole.SerializeToString(deterministic=True))


def facenet_graph(model: FaceNet, flip: bool) -> Graph:
    """Return the graph from PHOTOS to EMBEDDINGS."""
    graph = Graph(PHOTOS, EMBEDDINGS)
    photos = PHOTOS
    if flip:  # photos and their mirror images go through the network as one batch
        mirrored = _mirrored(graph, photos)
        photos = graph.node("Concat", [photos, mirrored], "both", axis=0)
    vectors = _embedded(graph, model.for_inference(), photos, model.architecture.input_shape)
    if flip:
        shape = graph.numbers([2, -1, model.architecture.dim], "both.shape")
        pairs = graph.node("Reshape", [vectors, shape], "both.pairs")
        total = graph.node("ReduceSum", [pairs, graph.numbers([0], "both.axis")], "sum", keepdims=0)
        vectors = emit_l2norm(graph, total, EPS, "mean")
    finish(graph, vectors)
    return graph


def finish(graph: Graph, output: str) -> None:
    """Give the graph's output its name. The node is one that every program leaves out again."""
    from onnx import helper

    graph.nodes.append(helper.make_node("Identity", [output], [EMBEDDINGS], EMBEDDINGS))


def _mirrored(graph: Graph, photos: str) -> str:
    """Read each row of pixels from its last to its first, as `photos[:, :, ::-1]` does."""
    bounds = {"starts": [-1], "ends": [np.iinfo(np.int64).min], "axes": [2], "steps": [-1]}
    inputs = [graph.numbers(values, f"mirrored.{name}") for name, values in bounds.items()]
    return graph.node("Slice", [photos, *inputs], "mirrored")


def _embedded(graph: Graph, network: Layer, photos: str, shape: tuple[int, ...]) -> str:
    """Scale pixels as `batches.to_input` does, and pass them through the network."""
    from onnx import TensorProto

    numbers = graph.node("Cast", [photos], "numbers", to=TensorProto.FLOAT)
    quotient = graph.node("Div", [numbers, graph.number(127.5, "half")], "scaled")
    scaled = graph.node("Sub", [quotient, graph.number(1, "one")], "input")
    first = graph.node("Transpose", [scaled], "channels_first", perm=[0, 3, 1, 2])
    return emit(graph, network, first, shape, "")


def as_model(graph: Graph, taken: Any, given: Any) -> Any:
    """Return an ONNX model of a graph, with what it takes and what it gives (`ValueInfoProto`).

    Raises
    ------
    ValueError
        The weights do not fit into one file.
    """
    from onnx import helper

    size = sum(len(weight.raw_data) for weight in graph.weights)
    if size > LARGEST:
        raise ValueError(
            f"the weights have {size / 2**30:.1f} GiB, and one ONNX file holds less than 2: take a "
            "network for smaller photos"
        )
    body = helper.make_graph(graph.nodes, "minifacenet", [taken], [given], graph.weights)
    return helper.make_model(
        body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
        producer_name="minifacenet", producer_version=__version__,
    )  # fmt: skip


def difference(path: str | Path, embedder: Embedder, photos: int = 3) -> float | None:
    """Return how far the vectors of onnxruntime lie from ours: the largest difference of a number.

    Both embed the same random photos. None if onnxruntime is not installed.

    Raises
    ------
    ValueError
        They differ by more than rounding.
    """
    try:
        import onnxruntime
    except ImportError:
        return None
    shape = (photos, *embedder.architecture.input_shape)
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (theirs,) = session.run([EMBEDDINGS], {PHOTOS: noise})
    worst = float(np.abs(theirs - embedder.transform(noise)).max())
    if not worst <= SAME:
        raise ValueError(
            f"{path} is written, but of no use: onnxruntime {onnxruntime.__version__} gives other "
            f"vectors than we do, their numbers differ by up to {worst:.1e}"
        )
    return worst


def _package() -> Any:
    try:
        import onnx
    except ImportError:
        raise ValueError(
            "an ONNX file needs the package onnx, which is not installed: "
            "pip install 'minifacenet[onnx]'"
        ) from None
    return onnx
