"""Write tests/data/published_reference.safetensors: what dlib and OpenCV give for two photos each.

    python data_scripts/make_published_fixtures.py DLIB_WHEEL OPENFACE_WHEEL

The wheels are those of get_dlib_resnet.py and get_nn4_small2.py, or the .dat and the .t7 in them.
It needs the packages dlib-bin (20.0.1 made the file) and opencv-python-headless (4.11.0.86; 5 does
not read Torch7 files any more); the tests need neither.

The photos come from a formula, `photos` below, which the tests compute again: coarse noise of
their own colours. The file holds 'NAME', float64 (2, 128), the vectors as the original
implementation gives them: dlib's of any length, OpenFace's of length 1.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from minifacenet.data_scripts import get_dlib_resnet, get_nn4_small2
from minifacenet.data_scripts.make_torch_fixtures import values
from minifacenet.embedding.published import PUBLISHED

OUT = Path(__file__).parent.parent / "tests" / "data" / "published_reference.safetensors"
PHOTOS = 2
SQUARES = (5, 15)  # into so many a side each photo is divided


def photos(name: str) -> np.ndarray:
    """Two photos for the network `name`, uint8 (2, H, W, 3), the same everywhere.

    Squares of random colours, coarse and fine ones added up, and noise on top: so there are even
    places and edges, and each pixel has its own value.
    """
    size = PUBLISHED[name].architecture.size
    total = 127.5 + values((PHOTOS, size, size, 3), 4000, 12.0)
    for stream, count in enumerate(SQUARES):
        squares = values((PHOTOS, count, count, 3), 4001 + stream, 57.0)
        places = np.arange(size) * count // size
        total += squares[:, places][:, :, places]
    return np.rint(total).astype(np.uint8)


def of_dlib(weights: Path) -> np.ndarray:
    """The vectors of dlib's own code, which takes chips of 150 pixels, RGB."""
    import dlib

    network = dlib.face_recognition_model_v1(str(weights))
    return np.array([network.compute_face_descriptor(photo) for photo in photos("dlib_resnet")])


def of_opencv(weights: Path) -> np.ndarray:
    """The vectors of OpenCV's dnn module, which runs the file of Torch7."""
    import cv2

    network = cv2.dnn.readNetFromTorch(str(weights))
    pixels = photos("nn4_small2").transpose(0, 3, 1, 2) / np.float32(255)
    network.setInput(np.ascontiguousarray(pixels, np.float32))
    return network.forward().astype(np.float64)


def main() -> None:
    results = {}
    sources = ((get_dlib_resnet, of_dlib), (get_nn4_small2, of_opencv))
    with tempfile.TemporaryDirectory() as folder:
        for (script, run), source in zip(sources, sys.argv[1:], strict=True):
            weights = Path(folder) / script.SOURCE.file
            weights.write_bytes(script.SOURCE.read(Path(source)))
            results[script.NAME] = run(weights)
    save_file(results, OUT, {"origin": "data_scripts/make_published_fixtures.py"})
    for name, vectors in results.items():
        lengths = np.linalg.norm(vectors, axis=1)
        cosine = vectors[0] @ vectors[1] / lengths.prod()
        print(name, vectors.shape, "lengths", lengths, "cosine of the two photos", cosine)


if __name__ == "__main__":
    main()
