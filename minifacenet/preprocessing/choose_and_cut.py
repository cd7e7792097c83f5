"""From one photo to the crops of its faces: find, choose, cut out.

A photo may show one face, none or thirty, and a crop must show one. So each face that the detector
finds gets a line in the record, a `Face`, with the reason if it is not kept. A photo that gives no
face at all gets one line, too: nothing is passed over in silence.

Boxes and landmarks count the pixels of the whole photo, upright, from the edge of the first pixel,
however the photo was reduced or turned on the way. Sizes are in the same pixels: "at least 40"
means what a viewer of the photo would measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .centre_square import square_crop
from .detector import Detections
from .square_crops import TEMPLATES, aligned_crop, box_crop

CROPS = ("aligned", "box", "centre")
RULES = ("largest", "center", "all")
TURNED_SCORE = 0.98
"""What a face found in a turned photo has to score. A photo without a face is looked at three times
more, by nets that learned on upright faces: a coffee spoon came to 0.956, true faces to 0.998."""
UPSIDE = {0: 0, 90: -1, 180: 2, 270: 1}  # degrees clockwise -> quarter turns of np.rot90


@dataclass(frozen=True)
class CropSettings:
    """The settings of a crop: how it is cut, and which faces get one.

    Parameters
    ----------
    size : int
        Side of a crop in pixels.
    crop : {'aligned', 'box', 'centre'}
        'aligned': landmarks brought to a template. 'box': the paper's plain square about the
        detector's box. 'centre': the photo's centre square, for photos that are cropped already;
        it needs no detector.
    template : str
        For 'aligned', a name in `square_crops.TEMPLATES`.
    margin : float
        More room all round, as a fraction of the face's square.
    select : {'largest', 'center', 'all'}
        Which face of a photo is kept, by its area or by its distance from the photo's centre.
    min_size : float
        Faces whose square is smaller, in pixels of the whole photo, are not kept.
    min_score : float
        The lowest score of the detector, 0 to 1, at which something is a face.
    try_rotations : bool
        Where there is no face, turn the photo by 90, 180 and 270 degrees and look again, for faces
        with at least `TURNED_SCORE`.

    Raises
    ------
    ValueError
        A name is unknown, or a number out of range.
    """

    size: int = 96
    crop: str = "aligned"
    template: str = "portrait"
    margin: float = 0.0
    select: str = "largest"
    min_size: float = 20
    min_score: float = 0.9
    try_rotations: bool = False

    def __post_init__(self) -> None:
        for name, known in (("crop", CROPS), ("select", RULES), ("template", tuple(TEMPLATES))):
            if getattr(self, name) not in known:
                got = getattr(self, name)
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {got!r}")
        for name, low, high in (
            ("size", 1, 4096),
            ("margin", 0, 10),
            ("min_size", 12, 1e5),  # P-Net sees nothing smaller
            ("min_score", 0, 1),
        ):
            if not low <= getattr(self, name) <= high:
                got = getattr(self, name)
                raise ValueError(f"{name} must be from {low:g} to {high:g}, got {got}")


@dataclass(frozen=True)
class Face:
    """The record of one face of a photo, or of a photo without one.

    Attributes
    ----------
    number : int
        From 1 in the order of the scores; 0 if the photo gave no face.
    box : (x0, y0, x1, y1), or None
    score : float, or None
    landmarks : five (x, y), or None
        Left and right eye, nose tip, left and right corner of the mouth, as seen in the picture.
    turned : int
        Degrees, clockwise, by which the photo had to be turned to find the face.
    reason : str
        Why it is not kept; '' if it is.
    """

    number: int
    box: tuple[float, ...] | None = None
    score: float | None = None
    landmarks: tuple[tuple[float, float], ...] | None = None
    turned: int = 0
    reason: str = ""


def cut(
    photo: np.ndarray,
    settings: CropSettings,
    detect: Callable[[np.ndarray], Detections] | None,
    scale: int = 1,
) -> list[tuple[Face, np.ndarray | None]]:
    """Return all faces of a photo; those that are kept come with a crop (size, size, C), uint8.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 1) or (H, W, 3), uint8, upright
    detect : callable
        `Detector.detect`; not needed for the crop 'centre'.
    scale : int
        How many pixels of the whole photo one pixel of `photo` is wide, if it was reduced.
    """
    height, width = photo.shape[:2]
    if settings.crop == "centre":
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        box = tuple(float(scale * edge) for edge in (left, top, left + side, top + side))
        return [(Face(1, box), square_crop(photo, settings.size))]
    turned, upright, found = _found(photo, detect, settings.try_rotations)
    if not len(found):
        also = ", also turned by 90, 180 and 270 degrees" * settings.try_rotations
        seen = f"{scale * width} x {scale * height} pixels"
        return [(Face(0, reason=f"no face{_sought(settings)} found in {seen}{also}"), None)]
    sides = scale * (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1)
    reasons = choose(found.boxes, sides, upright.shape[:2], settings)
    faces = []
    for i, reason in enumerate(reasons):
        face = _described(i, found, turned, upright.shape[:2], scale)
        try:
            crop = None if reason else _crop(upright, found, i, settings)
        except ValueError as error:  # no face has such landmarks: a false detection
            crop, reason = None, f"it cannot be cut out: {error}"
        faces.append((replace(face, reason=reason), crop))
    return faces


def choose(
    boxes: np.ndarray, sides: np.ndarray, shape: tuple[int, int], settings: CropSettings
) -> list[str]:
    """Return for each box (N, 4) in a photo of `shape` (H, W) '' if its face is kept, or why not.

    `sides` (N,) are those of the faces in pixels of the whole photo.
    """
    reasons = [
        f"smaller than {settings.min_size:g} pixels" if side < settings.min_size else ""
        for side in sides
    ]
    large = [i for i, reason in enumerate(reasons) if not reason]
    if settings.select == "all" or len(large) < 2:
        return reasons
    if settings.select == "largest":
        worth, why = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), "not the largest"
    else:
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        worth = -np.linalg.norm(centres - np.array(shape)[::-1] / 2, axis=1)
        why = "not the one nearest the centre"
    best = max(large, key=lambda i: worth[i])
    for i in large:
        reasons[i] = "" if i == best else why
    return reasons


def _sought(settings: CropSettings) -> str:
    """Return what was required of a face, if it is more than usual."""
    size, score = settings.min_size, settings.min_score
    return f" of {size:g} pixels or more" * (
        size > CropSettings.min_size
    ) + f" with a score of {score:g} or more" * (score > CropSettings.min_score)


def _found(photo, detect, try_rotations) -> tuple[int, np.ndarray, Detections]:
    """Return the turn that shows the most certain face, the turned photo, and its faces."""
    found = detect(photo)
    if len(found) or not try_rotations:
        return 0, photo, found
    turns = []
    for degrees in (90, 180, 270):
        upright = np.ascontiguousarray(np.rot90(photo, UPSIDE[degrees]))
        turns.append((degrees, upright, _certain(detect(upright))))
    return max(turns, key=lambda turn: turn[2].scores.max(initial=-1))


def _certain(found: Detections) -> Detections:
    sure = found.scores >= TURNED_SCORE
    return Detections(found.boxes[sure], found.scores[sure], found.landmarks[sure])


def _crop(photo, found: Detections, i: int, settings: CropSettings) -> np.ndarray:
    if settings.crop == "box":
        return box_crop(photo, found.boxes[i], settings.size, settings.margin)
    points = found.landmarks[i] - 0.5  # from edges to the centres of pixels
    return aligned_crop(photo, points, settings.size, settings.template, settings.margin)


def _described(i, found, turned, shape, scale) -> Face:
    """Return a detection in the coordinates of the whole photo, before it was turned."""
    x0, y0, x1, y1 = found.boxes[i].tolist()
    (ax, ay), (bx, by) = turn_back([(x0, y0), (x1, y1)], turned, shape)
    box = (min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
    points = turn_back(found.landmarks[i].tolist(), turned, shape)
    return Face(
        number=i + 1,
        box=tuple(round(scale * edge, 2) for edge in box),
        score=round(float(found.scores[i]), 4),
        landmarks=tuple((round(scale * x, 2), round(scale * y, 2)) for x, y in points),
        turned=turned,
    )


def turn_back(
    points: Iterable[Sequence[float]], turned: int, shape: tuple[int, int]
) -> list[tuple[float, float]]:
    """Return points (x, y) as they were before a photo of `shape` (H, W) was turned clockwise."""
    height, width = shape
    return [
        {0: (x, y), 90: (y, width - x), 180: (width - x, height - y), 270: (height - y, x)}[turned]
        for x, y in points
    ]
