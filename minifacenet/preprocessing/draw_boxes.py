"""Draw into a photo what the detector saw, boxes, landmarks, scores; or whom it shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from ..files.words import printable
from ..plots.sheets import shrunk
from .choose_and_cut import Face

KEPT, NOT_KEPT = (0, 114, 178), (213, 94, 0)  # blue and vermilion, which all eyes can tell apart
MOST_SIDE = 1024
AROUND, VIEW = 2.2, 480  # sides of a face that a view shows, and pixels of the view
FONT_SIZE, GAP = 11, 2  # a label's; between label and frame


def draw_faces(photo: np.ndarray, faces: Sequence[Face], scale: int = 1) -> Image.Image:
    """Return the photo with its faces drawn in, at most 1,024 pixels per side.

    Kept faces are framed in blue, twice as thick; others in vermilion. Each has its number in the
    manifest, which knows the reasons, and its score: above its frame, or where that would hide
    another label or face, below or inside.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 1) or (H, W, 3), uint8, upright
    faces : sequence of Face
    scale : int
        How many pixels of the whole photo, the unit of the faces, one pixel of `photo` is wide.
    """
    image, unit = _to_look_at(photo, scale, MOST_SIDE)
    draw = ImageDraw.Draw(image)
    boxes = [(face, face.box) for face in faces if face.box is not None]
    boxes.sort(key=lambda pair: not pair[0].reason)  # kept ones on top
    shown = [face for face, _ in boxes]
    frames = [tuple(edge * unit for edge in box) for _, box in boxes]
    for face, frame in zip(shown, frames, strict=True):
        _draw_frame(draw, face, frame, unit)
    labels: list[tuple[float, ...]] = []
    for face, frame in zip(shown, frames, strict=True):
        text = f"{face.number}" if face.score is None else f"{face.number}: {face.score:.2f}"
        font = ImageFont.load_default(FONT_SIZE)
        labels.append(_draw_label(draw, (text, _colour(face), font), frame, frames, labels))
    return image


def draw_around(
    photo: np.ndarray, faces: Sequence[Face], chosen: Face, scale: int = 1
) -> np.ndarray:
    """Return the part of a photo about one of its faces, with the faces drawn in.

    `chosen` is drawn as kept, the other `faces` that have a crop as not kept, and their numbers go
    from left to right. The rest is as in `draw_faces`; the longer side has `VIEW` pixels.
    """
    own = np.array(chosen.box) / scale
    side = max(1, round(AROUND * max(own[2:] - own[:2])))
    room = np.maximum(0, np.array(photo.shape[1::-1]) - side)  # the view stays within the photo
    left, top = np.clip((own[:2] + own[2:] - side) / 2, 0, room).astype(int)
    part = photo[top : top + side, left : left + side]
    zoom = VIEW / max(part.shape[:2])
    size = (max(1, round(zoom * part.shape[1])), max(1, round(zoom * part.shape[0])))
    image = Image.fromarray(part[..., 0] if part.shape[2] == 1 else part).convert("RGB")
    pixels = np.array(image.resize(size, Image.Resampling.BICUBIC))

    def moved(point: Sequence[float]) -> tuple[float, float]:
        return zoom * (point[0] / scale - left), zoom * (point[1] / scale - top)

    shown = []
    kept = [(face.box, face) for face in faces if face.box is not None and not face.reason]
    kept.sort(key=lambda pair: pair[0][0] + pair[0][2])
    for number, (box, face) in enumerate(kept, start=1):
        (x0, y0), (x1, y1) = moved(box[:2]), moved(box[2:])
        if x1 > 0 and y1 > 0 and x0 < size[0] and y0 < size[1]:
            points = tuple(map(moved, face.landmarks or ()))
            reason = "" if face == chosen else "another one"
            shown.append(Face(number, (x0, y0, x1, y1), face.score, points, reason=reason))
    return np.array(draw_faces(pixels, shown))


def draw_names(
    photo: np.ndarray,
    boxes: Sequence[tuple[float, ...]],
    names: Sequence[str],
    scale: int = 1,
    most_side: int = 1600,
) -> Image.Image:
    """Return the photo with a box and a name about each face; a face without a name, '', has a
    box in vermilion.

    `photo` and `scale` are as in `draw_faces`, and so are the boxes and where labels stand.
    """
    image, unit = _to_look_at(photo, scale, most_side)
    draw = ImageDraw.Draw(image)
    labels: list[tuple[float, ...]] = []
    frames = [tuple(edge * unit for edge in box) for box in boxes]
    size = max(FONT_SIZE, round(max(image.size) / 70))
    font = ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)
    for frame, name in zip(frames, names, strict=True):
        colour = KEPT if name else NOT_KEPT
        draw.rectangle(frame, outline=colour, width=max(2, _line(frame)))
    for frame, name in zip(frames, names, strict=True):
        if name:
            text = (printable(name), KEPT, font)
            labels.append(_draw_label(draw, text, frame, frames, labels))
    return image


def _to_look_at(photo: np.ndarray, scale: int, most_side: int) -> tuple[Image.Image, float]:
    """Return a photo with no side above `most_side`, and the pixels that one of the whole gets."""
    photo, factor = shrunk(photo, most_side)
    height, width = photo.shape[:2]
    image = Image.fromarray(photo[..., 0] if photo.shape[2] == 1 else photo).convert("RGB")
    zoom = min(1.0, most_side / max(height, width))
    if zoom < 1:
        size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        image = image.resize(size, Image.Resampling.BICUBIC)
    return image, zoom / (scale * factor)


def _colour(face: Face) -> tuple[int, int, int]:
    return NOT_KEPT if face.reason else KEPT


def _line(frame: tuple) -> int:
    return max(1, round((frame[2] - frame[0]) / 80))  # thin enough not to hide a small face


def _draw_frame(draw: ImageDraw.ImageDraw, face: Face, frame: tuple, unit: float) -> None:
    line = _line(frame)
    draw.rectangle(frame, outline=_colour(face), width=line if face.reason else 2 * line)
    for x, y in face.landmarks or ():
        dot = (unit * x - line, unit * y - line, unit * x + line, unit * y + line)
        draw.ellipse(dot, fill="white", outline=_colour(face))


def _draw_label(draw: ImageDraw.ImageDraw, label: tuple, frame: tuple, frames, labels) -> tuple:
    """Draw a text where it covers least of other labels, then of faces; return where."""
    text, colour, font = label
    left, top, right, bottom = draw.textbbox((0, 0), text, font)
    width, height = right - left, bottom - top
    most_x, most_y = draw.im.size[0] - width, draw.im.size[1] - height
    x = max(0, min(frame[0], most_x))  # within the picture, whatever the box does
    places = []
    for y in (frame[1] - GAP - height, frame[3] + GAP, frame[1] + 2 * _line(frame) + GAP):
        y = max(0, min(y, most_y))
        places.append((x, y, x + width, y + height))
    place = min(places, key=lambda place: (_covered(place, labels), _covered(place, frames)))
    draw.rectangle(place, fill="white")
    draw.text((x - left, place[1] - top), text, fill=colour, font=font)
    return place


def _covered(place: tuple, others: Sequence[tuple]) -> float:
    """Return the area that a rectangle shares with others."""
    return sum(
        max(0, min(place[2], x1) - max(place[0], x0))
        * max(0, min(place[3], y1) - max(place[1], y0))
        for x0, y0, x1, y1 in others
    )
