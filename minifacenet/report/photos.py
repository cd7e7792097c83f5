"""The photos of a page are each stored once, however often they are shown.

A photo is a small JPEG inside an SVG symbol. Where it is shown, `<use>` points at the symbol: that
needs no script, can be printed, and scales.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from ..preprocessing.faces import Faces
from .html import Html, join, tag

SIDE = 112  # pixels of a photo at most; the page shows none much larger
QUALITY = 80  # of the JPEGs


class Album:
    """Collects the photos that are shown."""

    def __init__(self) -> None:
        self._ids: dict[bytes, str] = {}
        self._symbols: list[Html] = []

    def add(self, image: np.ndarray) -> str:
        """Give the id of a photo's symbol; equal photos (uint8, (S, S, C)) have one id."""
        key = image.tobytes()
        if key not in self._ids:
            self._ids[key] = f"photo-{len(self._ids)}"
            href = f"data:image/jpeg;base64,{base64.b64encode(_jpeg(image)).decode('ascii')}"
            picture = tag("image", href=href, width=1, height=1)
            self._symbols.append(tag("symbol", picture, id=self._ids[key], viewBox="0 0 1 1"))
        return self._ids[key]

    def face(self, faces: Faces, index: int, kind: str = "") -> Html:
        """Show a photo with its alternative text; `kind` is a class for the frame."""
        return tag(
            "svg",
            tag("title", describe(faces, index)),
            tag("use", href=f"#{self.add(faces.images[index])}", width=1, height=1),
            class_=f"face {kind}".rstrip(),
            viewBox="0 0 1 1",
            role="img",
            aria_label=describe(faces, index),
        )

    def symbols(self) -> Html:
        """Define all photos that were added so far: this goes into the page once."""
        return tag(
            "svg",
            tag("defs", join(self._symbols)),
            class_="symbols",
            width=0,
            height=0,
            aria_hidden="true",
        )


def person(faces: Faces, index: int) -> str:
    """Give the name of the person on a photo."""
    return faces.people[faces.labels[index]]


def describe(faces: Faces, index: int) -> str:
    """Say what stands for a photo where it cannot be seen: the name and the path."""
    return f"{person(faces, index)}, {faces.paths[index]}"


def _jpeg(image: np.ndarray) -> bytes:
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    picture.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=QUALITY, optimize=True)
    return data.getvalue()
