"""One photo of an album, whole, with boxes and names: it opens where a face is clicked.

Each is hidden until it is the target of the address, so no script is needed to open it or to close
it. Boxes are shares of the picture, and stay in their places at any size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..files.words import printable
from ..report.html import Html, tag
from .people import Shown, nearest_in_words
from .pictures import Shot


def photo_view(
    number: int, photos: int, faces: Sequence[Shown], homes: Mapping[int, str], source: str
) -> Html:
    """Show photo `number` of `photos` with its faces; `homes` are the sections of the faces."""
    shot = faces[0].shot
    assert shot is not None
    frame = tag(
        "div",
        tag("img", src=source, alt="", loading="lazy"),
        (_box(face, homes[face.index], shot) for face in faces),
        class_="frame",
        style=f"--ratio:{shot.facts.width / shot.facts.height:.4f};--most:{shot.facts.width}px",
    )
    steps = [("‹", "previous photo", number - 1, "back"), ("›", "next photo", number + 1, "on")]
    links = (
        tag("a", sign, href=f"#photo-{to}", aria_label=words, title=words, class_=f"step {way}")
        for sign, words, to, way in steps
        if 0 <= to < photos
    )
    taken = shot.facts.taken
    date = f"{taken:%Y-%m-%d}" if taken.year > 1 else ""
    words = tag(
        "figcaption",
        tag("p", tag("strong", printable(shot.photo), dir="auto"), f" {date}", class_="path"),
        tag("ol", (_line(face, homes[face.index]) for face in faces), class_="who"),
    )
    bar = tag("nav", links, tag("a", "Close", href="#closed", class_="close"), aria_label="Photo")
    label = f"Photo {printable(shot.photo)}"
    return tag(
        "figure", bar, frame, words,
        id=f"photo-{number}", class_="photo", tabindex=-1, aria_label=label,
    )  # fmt: skip


def _box(face: Shown, home: str, shot: Shot) -> Html:
    x0, y0, x1, y1 = face.row.box
    width, height = shot.facts.width, shot.facts.height
    place = {
        "left": x0 / width, "top": y0 / height,
        "width": (x1 - x0) / width, "height": (y1 - y0) / height,
    }  # fmt: skip
    style = ";".join(f"{edge}:{100 * value:.3f}%" for edge, value in place.items())
    name = face.row.name if face.row.known else str(face.row.face)
    return tag(
        "a",
        tag("span", printable(name), dir="auto"),
        href=f"#{home}",
        class_="box known" if face.row.known else "box",
        style=style,
        data_box=face.index,
    )


def _line(face: Shown, home: str) -> Html:
    name = printable(face.row.name)
    return tag(
        "li",
        tag("a", name, href=f"#{home}", dir="auto"),
        tag("small", nearest_in_words(face.row)),
        value=face.row.face,
        data_line=face.index,
        data_known="yes" if face.row.known else None,
    )
