"""What the detector saw, drawn into the photo: boxes, landmarks, scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from .cutting import Face

KEPT, NOT_KEPT = (0, 114, 178), (213, 94, 0)  # blue and vermilion: told apart by all eyes
MOST_SIDE = 1024
FONT_SIZE = 11


def draw_faces(photo: np.ndarray, faces: Sequence[Face], scale: int = 1) -> Image.Image:
    """The photo with its faces, at most 1,024 pixels a side.

    Kept faces are framed in blue, twice as thick; others in vermilion. Each has its number in the
    manifest, which knows the reasons, and its score.

    Parameters
    ----------
    photo : ndarray of shape (H, W, 1) or (H, W, 3), uint8, upright
    faces : sequence of Face
    scale : int
        Pixels of the whole photo, in which the faces count, that a pixel of `photo` is wide.
    """
    height, width = photo.shape[:2]
    image = Image.fromarray(photo[..., 0] if photo.shape[2] == 1 else photo).convert("RGB")
    zoom = min(1.0, MOST_SIDE / max(height, width))
    if zoom < 1:
        size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        image = image.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for face in sorted(faces, key=lambda face: not face.reason):  # kept ones on top
        if face.box is not None:
            _draw_face(draw, face, zoom / scale)
    return image


def _draw_face(draw: ImageDraw.ImageDraw, face: Face, unit: float) -> None:
    colour = NOT_KEPT if face.reason else KEPT
    x0, y0, x1, y1 = (edge * unit for edge in face.box)
    line = max(1, round((x1 - x0) / 80))  # thin enough not to hide a small face
    draw.rectangle((x0, y0, x1, y1), outline=colour, width=line if face.reason else 2 * line)
    for x, y in face.landmarks or ():
        dot = (unit * x - line, unit * y - line, unit * x + line, unit * y + line)
        draw.ellipse(dot, fill="white", outline=colour)
    label = f"{face.number}" if face.score is None else f"{face.number}: {face.score:.2f}"
    left, top, right, bottom = draw.textbbox((0, 0), label, font_size=FONT_SIZE)
    width, height = draw.im.size
    x = max(-left, min(x0, width - right))  # within the picture, whatever the box does
    y = max(-top, min(y0 - FONT_SIZE - 2 * line - 2, height - bottom))
    draw.rectangle((x + left, y + top, x + right, y + bottom), fill="white")
    draw.text((x, y), label, fill=colour, font_size=FONT_SIZE)
