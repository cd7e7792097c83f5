"""A library without real faces: a photo is a row of coloured tiles, and a colour is a person.

The detector that stands in sees a face in each tile that is not black, and the network that stands
in gives colours that are nearly equal vectors that lie close together.
"""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from minifacenet.classification.thresholds import GalleryGate, Thresholds
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import save_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.preprocessing import align_folder
from minifacenet.preprocessing import crop_files as cropper
from minifacenet.preprocessing.detector import Detections

SIDE = 60
POINTS = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)
BLACK = (0, 0, 0)
RED, GREEN, BLUE = (240, 20, 20), (20, 240, 20), (20, 20, 240)
CYAN, PINK, GOLD = (20, 240, 240), (240, 20, 240), (240, 240, 20)


class TileDetector:
    """Sees a face in each tile that is not black; upright photos only are as high as a tile."""

    def __init__(self, weights, min_size, thresholds):
        pass

    def detect(self, photo):
        height, width = photo.shape[:2]
        lefts = range(0, width - SIDE + 1, SIDE) if height == SIDE else ()
        seen = [x for x in lefts if photo[height // 2, x + SIDE // 2].max() > 60]
        boxes = np.array([(x + 4, 4, x + SIDE - 4, SIDE - 4) for x in seen], np.float32)
        boxes = boxes.reshape(-1, 4)
        sides = boxes[:, None, 2:] - boxes[:, None, :2]
        scores = np.linspace(0.999, 0.99, len(seen), dtype=np.float32)
        return Detections(boxes, scores, boxes[:, None, :2] + POINTS * sides)


def embedded(self, X):
    """Unit vectors of the mean colours, and one more number to tell apart what is grey."""
    means = np.asarray(X, np.float64).mean(axis=(1, 2)) - 128
    vectors = np.concatenate([means, np.full((len(X), 5), 5.0)], axis=1)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def stand_in(monkeypatch):
    """Put the detector and the network of tiles in the places of ours."""
    monkeypatch.setattr(cropper, "Detector", TileDetector)
    monkeypatch.setattr(align_folder.MTCNN, "load", lambda path: None)
    monkeypatch.setattr(Embedder, "transform", embedded)


def make_model(path, galleries=True, **more):
    """A file of an untrained network for aligned faces, with thresholds that fit tiles."""
    model = FaceNet.new(Architecture("nn1_mini", 32, 3, 8), cut="aligned to portrait, margin 0")
    rates = {0.1: 0.3, 0.05: 0.25, 0.01: 0.2}
    sizes = (GalleryGate(2, 1, rates), GalleryGate(50, 1, {far: 0.1 for far in rates}))
    thresholds = Thresholds(
        "tiles", 10, 10, 0.2, {0.01: 0.2}, 0.2, 10, 3, rates, sizes if galleries else ()
    )
    save_model(path, model, **{"thresholds": thresholds.as_dict(), **more})
    return path


def tiles(path, *colours, seed=None, **options):
    """Write a photo of tiles, no two with the same bytes unless they have one seed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(f"{path.parent.name}/{path.name}".encode()) if seed is None else seed
    noise = np.random.default_rng(seed).integers(-8, 9, (SIDE, SIDE * len(colours), 3))
    pixels = np.repeat(np.array(colours, np.int64), SIDE, axis=0)[None] + noise
    pixels *= np.repeat(np.array(colours).max(axis=1) > 0, SIDE)[None, :, None]
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, **options)
    return path


def make_library(root):
    """Ada is red and Grace green; two strangers come twice, one once. Returns PHOTOS and KNOWN."""
    photos, known = root / "photos", root / "known"
    tiles(known / "Ada Lovelace.png", RED)
    tiles(known / "Grace" / "1.png", GREEN)
    tiles(known / "Grace" / "2.png", GREEN)
    tiles(photos / "2001" / "party.png", RED, GREEN, BLUE)
    tiles(photos / "2001" / "beach.png", BLUE, CYAN)
    tiles(photos / "ada.png", RED)
    tiles(photos / "cyan.png", CYAN)
    tiles(photos / "pink.png", PINK)
    tiles(photos / "blue.png", BLUE)
    tiles(photos / "none.png", BLACK)
    return photos, known
