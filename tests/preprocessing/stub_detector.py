"""A detector for tests of what comes after it: what it sees, the size of a photo decides."""

from types import SimpleNamespace

import numpy as np

from minifacenet.preprocessing import crop_files
from minifacenet.preprocessing.detector import Detections
from minifacenet.preprocessing.mtcnn import MTCNN

POINTS = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)
LEFT, RIGHT = (2.0, 3.0, 32.0, 39.0), (40.0, 2.0, 78.0, 39.0)


def stub_detector(monkeypatch):
    """Let the detector see two faces in wide photos, `LEFT` and `RIGHT`, which is larger and less
    certain, `LEFT` alone in others, and nothing in small ones. Returns what counts the photos."""
    seen = SimpleNamespace(photos=0)

    class Stub:
        def __init__(self, weights, min_size, thresholds):
            pass

        def detect(self, photo):
            seen.photos += 1
            height, width = photo.shape[:2]
            count = 0 if width < 30 else 2 if width > height else 1
            boxes = np.array((LEFT, RIGHT), np.float32)[:count].reshape(-1, 4)
            sides = boxes[:, None, 2:] - boxes[:, None, :2]
            scores = np.array([0.99, 0.95], np.float32)[:count]
            return Detections(boxes, scores, boxes[:, None, :2] + POINTS * sides)

    monkeypatch.setattr(crop_files, "Detector", Stub)
    monkeypatch.setattr(MTCNN, "load", lambda path=None: None)
    return seen
