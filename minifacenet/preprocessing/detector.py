"""Where are the faces? A photo goes in; boxes, scores and five landmarks per face come out.

MTCNN's three networks (`mtcnn.py`) work as a cascade, because most of a photo is no face and can be
rejected cheaply:

    1  The photo is shrunk step by step, a *pyramid*. P-Net looks for faces of 12x12 pixels only, in
       each of these copies, and so finds small faces in the large copies and large in the small.
    2  The squares that P-Net accepts are cut out at 24x24 and shown to R-Net.
    3  Those that R-Net accepts are cut out at 48x48 and shown to O-Net, which also gives landmarks.

After each of them: drop what scores too low, keep one of many boxes on the same face
(non-maximum suppression), move the edges as the network says, and make the box square for the next.

O-Net still sees some seven boxes on one face, each cut a little differently, and each with its own
landmarks, whose errors differ as well. So a face gets the median of them, number by number: its
errors are smaller than those of the best box alone, and the work has been done already.

Memory is bounded, whatever the photo: the largest copy has at most `max_side` pixels per side, and
crops go through the networks in batches of a fixed size.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from .boxes import clipped, moved, non_maximum_suppression, shared_with, squared
from .mtcnn import (
    BOX,
    LANDMARKS,
    MTCNN,
    ONET_SIZE,
    PNET_SIZE,
    RNET_SIZE,
    STRIDE,
    face_probability,
    to_input,
)
from .resample import halvings, resample

BATCH_PIXELS = 1 << 17  # of crops in one batch: 227 of 24x24, 56 of 48x48
SAME_FACE, SAME_FACE_IN_COPY = 0.7, 0.5  # two boxes that overlap more show one face


@dataclass(frozen=True, eq=False)
class Detections:
    """The faces of one photo, the best score first. All are float32; N may be 0.

    Attributes
    ----------
    boxes : ndarray of shape (N, 4)
        x0, y0, x1, y1 in the photo's pixels, clipped to the photo; pixel i reaches from i to i + 1.
    scores : ndarray of shape (N,)
        O-Net's probability of a face.
    landmarks : ndarray of shape (N, 5, 2)
        x, y of left eye, right eye, nose, left and right corner of the mouth: left in the photo,
        so the person's right. Not clipped: an eye may lie beyond the photo's edge. Each number is
        the median over the boxes that O-Net found on the face.
    """

    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


class Detector:
    """A detector finds faces in photos.

    Parameters
    ----------
    path : str or path
        The file that `minifacenet get mtcnn` writes; it is looked for if left out.
    min_size : float
        Side of the smallest face to look for, in the photo's pixels. Twice the size is four times
        as fast.
    thresholds : three floats
        The lowest scores that P-Net, R-Net and O-Net accept, 0 to 1.
    factor : float
        The scale from one copy of the pyramid to the next, between 0 and 1.
    max_side : int
        Long side of the largest copy. In a photo of more than max_side * min_size / 12 pixels (by
        default 2,133) the smallest face is larger than `min_size` accordingly.

    Raises
    ------
    CheckpointError
        The file is missing (the message names the command that makes it) or not the right one.
    """

    def __init__(
        self,
        path: str | os.PathLike | None = None,
        min_size: float = 20,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        factor: float = 0.709,
        max_side: int = 1280,
    ):
        if min_size <= 0:
            raise ValueError(f"min_size must be above 0 pixels, got {min_size}")
        if len(thresholds) != 3 or not all(0 <= t <= 1 for t in thresholds):
            raise ValueError(f"thresholds must be three numbers from 0 to 1, got {thresholds}")
        if not 0 < factor < 1:
            raise ValueError(f"factor must lie between 0 and 1, got {factor}")
        if max_side < PNET_SIZE:
            raise ValueError(f"max_side must be at least {PNET_SIZE} pixels, got {max_side}")
        self.nets = MTCNN.load(path)
        self.min_size = min_size
        self.thresholds = tuple(thresholds)
        self.factor = factor
        self.max_side = max_side

    def detect(self, photo: np.ndarray) -> Detections:
        """Return the faces in a photo, (H, W, 3) in RGB order or (H, W, 1), uint8, upright.

        A photo without a face, or too small to show one, gives empty arrays.
        """
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] not in (1, 3):
            got = f"{photo.dtype} of shape {photo.shape}"
            raise ValueError(f"expected a uint8 photo of shape (H, W, 1) or (H, W, 3), got {got}")
        # Grey is RGB with three equal channels.
        copies = halvings(np.repeat(photo, 3, axis=2) if photo.shape[2] == 1 else photo)
        boxes = self._proposed(copies)
        boxes = self._refined(copies, boxes)
        return self._described(copies, boxes)

    def _proposed(self, copies) -> np.ndarray:
        """Return the squares (N, 4) that P-Net takes for faces, stage 1."""
        found = [tuple(np.empty(shape, np.float32) for shape in ((0, 4), (0,), (0, 4)))]
        for size in pyramid(copies[0].shape[:2], self.min_size, self.factor, self.max_side):
            boxes, scores, offsets = self._proposed_at(copies, size)
            best = non_maximum_suppression(boxes, scores, SAME_FACE_IN_COPY)
            found.append((boxes[best], scores[best], offsets[best]))
        boxes, scores, offsets = (np.concatenate(parts) for parts in zip(*found, strict=True))
        best = non_maximum_suppression(boxes, scores, SAME_FACE)
        return _squares(moved(boxes[best], offsets[best]))

    def _proposed_at(self, copies, size):
        """Return P-Net's boxes, scores and offsets in the copy of that size (height, width)."""
        height, width, _ = copies[0].shape
        whole = np.array([[0, 0, width, height]], np.float32)
        (heads,) = self.nets.pnet.forward(to_input(resample(copies, whole, *size)))
        across, heads = heads.shape[1], heads.reshape(-1, heads.shape[2])
        scores = face_probability(heads)
        (likely,) = np.nonzero(scores >= self.thresholds[0])
        boxes = np.empty((len(likely), 4), np.float32)
        boxes[:, 0], boxes[:, 1] = likely % across * STRIDE, likely // across * STRIDE
        np.add(boxes[:, :2], PNET_SIZE, out=boxes[:, 2:])
        boxes *= np.array([width / size[1], height / size[0]] * 2, np.float32)
        return boxes, scores[likely], heads[likely, BOX]

    def _refined(self, copies, boxes) -> np.ndarray:
        """Return the squares that R-Net takes for faces too, moved as it says, stage 2."""
        heads = _seen_by(self.nets.rnet, RNET_SIZE, copies, boxes)
        scores = face_probability(heads)
        likely = np.nonzero(scores > self.thresholds[1])[0]
        best = likely[non_maximum_suppression(boxes[likely], scores[likely], SAME_FACE)]
        return _squares(moved(boxes[best], heads[best, BOX]))

    def _described(self, copies, boxes) -> Detections:
        """Return the faces among the squares, as O-Net sees them, stage 3."""
        heads = _seen_by(self.nets.onet, ONET_SIZE, copies, boxes)
        scores = face_probability(heads)
        faces = clipped(moved(boxes, heads[:, BOX]), *copies[0].shape[:2])
        inside = (faces[:, 2:] > faces[:, :2]).all(axis=1)
        likely = np.nonzero((scores > self.thresholds[2]) & inside)[0]
        best = likely[non_maximum_suppression(faces[likely], scores[likely], SAME_FACE, "min")]
        points = heads[likely, LANDMARKS].reshape(-1, 2, 5).transpose(0, 2, 1)  # five x, five y
        squares = boxes[likely, None]
        points = squares[..., :2] + (squares[..., 2:] - squares[..., :2]) * points
        votes = [shared_with(faces[face], faces[likely]) > SAME_FACE for face in best]
        landmarks = np.array([np.median(points[own], axis=0) for own in votes], np.float32)
        return Detections(faces[best], scores[best], landmarks.reshape(-1, 5, 2))


def pyramid(
    size: tuple[int, int], min_size: float, factor: float, max_side: int
) -> list[tuple[int, int]]:
    """Return the sizes (height, width) of the copies in which P-Net looks, the largest first.

    In the first one a face of `min_size` measures 12 pixels, unless the copy would be larger than
    `max_side`; the last one is the smallest that P-Net can look at. A small photo gives none.
    """
    sizes, scale = [], min(PNET_SIZE / min_size, max_side / max(*size, 1))
    while min(level := (round(size[0] * scale), round(size[1] * scale))) >= PNET_SIZE:
        sizes.append(level)
        scale *= factor
    return sizes


def _squares(boxes: np.ndarray) -> np.ndarray:
    """Make boxes square, and drop those that a network has shrunk to nothing."""
    return squared(boxes[((boxes[:, 2:] - boxes[:, :2]) >= 1).all(axis=1)])


def _seen_by(net, size: int, copies, boxes: np.ndarray) -> np.ndarray:
    """Return the output of R-Net or O-Net for each box: heads (N, columns), batch by batch."""
    batch = BATCH_PIXELS // size**2
    heads = [np.empty((0, *net.output_shape((size, size, 3))), np.float32)]
    for first in range(0, len(boxes), batch):
        crops = resample(copies, boxes[first : first + batch], size, size)
        heads.append(net.forward(to_input(crops)))
    return np.concatenate(heads)
