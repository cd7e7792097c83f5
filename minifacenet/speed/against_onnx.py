"""ONNX Runtime and OpenVINO as yardsticks: our network, exported as ONNX, in memory.

Both get a graph with the batch that it is for, (N, C, H, W) float32, as they like it best: what is
known beforehand is planned beforehand. What each is told:

- **ONNX Runtime**: threads within an operator as ours, one operator at a time, no spinning.
- **OpenVINO**: as many threads, one stream, latency first, and float32: on processors with
  instructions for bfloat16 it would take these by itself. Its threads are not tied to cores, as
  ours are not.

Both write into memory of their own; nothing is copied to us that they would not have to write.
"""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
from onnx import TensorProto, helper

from ..embedding.architectures import FaceNet
from ..embedding.batches import to_input
from ..embedding.onnx_export import EMBEDDINGS, PHOTOS, as_model, finish
from ..embedding.onnx_layers import Graph, emit
from .engines import Engine


def as_it_is(graph: Graph) -> None:
    """Change nothing."""


def exported(model: FaceNet, batch: int, change: Callable[[Graph], None] = as_it_is) -> bytes:
    """Return the network for inference as ONNX: scaled numbers (N, C, H, W) in, vectors out.

    `change` may say some of its nodes in other words.
    """
    height, width, channels = shape = model.architecture.input_shape
    graph = Graph(PHOTOS, EMBEDDINGS)
    finish(graph, emit(graph, model.for_inference(), PHOTOS, shape, ""))
    change(graph)
    whole = as_model(
        graph,
        helper.make_tensor_value_info(PHOTOS, TensorProto.FLOAT, [batch, channels, height, width]),
        helper.make_tensor_value_info(
            EMBEDDINGS, TensorProto.FLOAT, [batch, model.architecture.dim]
        ),
    )
    return whole.SerializeToString()


def channels_first(photos: np.ndarray) -> np.ndarray:
    """Return scaled numbers as these engines take them, (N, C, H, W)."""
    return np.ascontiguousarray(to_input(photos).transpose(0, 3, 1, 2))


def onnxruntime_engine(model: FaceNet, photos: np.ndarray) -> Engine:
    import onnxruntime

    options, threads = onnxruntime.SessionOptions(), numba.get_num_threads()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        exported(model, len(photos)), options, providers=["CPUExecutionProvider"]
    )
    x = {PHOTOS: channels_first(photos)}
    return Engine(
        "onnxruntime",
        f"ONNX Runtime {onnxruntime.__version__}, CPU, float32, {_threads(threads)}, no spinning",
        {"onnxruntime": lambda: session.run([EMBEDDINGS], x)[0]},
    )


def openvino_engine(model: FaceNet, photos: np.ndarray) -> Engine:
    import openvino

    threads, core = numba.get_num_threads(), openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    }
    read = core.read_model(exported(model, len(photos)), b"")
    request = core.compile_model(read, "CPU", settings).create_infer_request()
    request.set_input_tensor(openvino.Tensor(channels_first(photos)))

    def run() -> np.ndarray:
        request.infer()
        return request.get_output_tensor().data

    version = openvino.__version__.partition("-")[0]
    about = f"OpenVINO {version}, CPU, float32, {_threads(threads)}, latency first"
    return Engine("openvino", about, {"openvino": run})


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"
