"""The lessons' pictures: sharp, small, and each with a sentence for who cannot see it.

What a notebook stores of a picture has the sentence three times, as each reader looks in another
place: as `alt` in its metadata, which nbconvert reads; as its plain text, which is what a program
without pictures shows; and as 'In words', which opens below it, since JupyterLab and code hosts
give their images no alternative text.

A figure with photos becomes a JPEG, any other one a PNG of twice as many pixels as it is wide on
the page. (No SVG: JupyterLab does not draw one in a notebook that somebody else has run.)
"""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import AxesImage, BboxImage
from matplotlib.text import Text
from PIL import Image

from minifacenet.plots.style import LEAST_CONTRAST, contrast, ink

DPI = 80  # on the page
SHARP = 2  # pixels to a pixel of the page, along a side
COLOURS = 128  # of a drawing; the shades at the edge of a line among them
DRAWN = 1024  # numbers of an image that is a table rather than a photo, at most
WORDS = 6  # of a sentence, at least


def picture(drawn, what: str, dpi: int = DPI, quality: int = 85) -> None:
    """Show a figure (or one of its Axes, or an array of them) in a notebook.

    `what` is a sentence for who cannot see it: what is in the picture, and what that means. `dpi`
    says how large it is on the page, `quality` is a JPEG's.

    Outside of a notebook the figure is drawn all the same, so that a fault in it shows.
    """
    bundle = _bundle(drawn, what, dpi, quality)
    if in_a_notebook():
        _display(*bundle)
        _display(*_in_words(what))


def live(drawn, what: str, shown=None, dpi: int = DPI, quality: int = 75):
    """As `picture`, for a loop: in a notebook each figure takes the place of the one before it.

    `shown` is what the last call returned, None at first. Outside of a notebook nothing is shown.
    """
    bundle = _bundle(drawn, what, dpi, quality)
    if not in_a_notebook():
        return None
    if shown is None:
        shown = _display(*bundle, display_id=True)
        _display(*_in_words(what))
    else:
        shown.update(bundle[0], metadata=bundle[1], raw=True)
    return shown


def _bundle(drawn, what: str, dpi: int, quality: int) -> tuple[dict, dict]:
    """What a notebook takes for an output: data and metadata, by MIME type."""
    if not isinstance(what, str) or len(what.split()) < WORDS or what.strip()[-1] not in ".?!":
        raise ValueError(
            f"a picture takes a sentence of {WORDS} words or more that says what it shows, for who "
            f"cannot see it: got {what!r}"
        )
    figure = _legible(drawn)
    if _holds_photos(figure):
        kind, (data, width, height) = "image/jpeg", _jpeg(figure, dpi, quality)
    else:
        kind, (data, width, height) = "image/png", _png(figure, dpi)
    data = {kind: b64encode(data).decode("ascii"), "text/plain": what}
    # The height gives a picture its room on the page before it is decoded.
    return data, {kind: {"alt": what, "width": width, "height": height}}


def as_drawn(drawn, dpi: int = DPI) -> tuple[bytes, int, int]:
    """A figure as a sharp PNG, its width and height on the page, which no drawing in it changes."""
    figure, buffer = _legible(drawn), BytesIO()
    figure.savefig(buffer, format="png", dpi=SHARP * dpi)
    return buffer.getvalue(), *(round(dpi * side) for side in figure.get_size_inches())


def _legible(drawn) -> Figure:
    """The figure of what was drawn, with no text too pale to be read."""
    figure = _figure_of(drawn)
    for text in figure.findobj(Text):
        if 1.5 < contrast(text.get_color(), "white") < LEAST_CONTRAST:  # white is for dark grounds
            text.set_color(ink(text.get_color()))
    return figure


def _figure_of(drawn) -> Figure:
    while not isinstance(drawn, Figure) and not hasattr(drawn, "figure"):
        drawn = drawn.flat[0] if isinstance(drawn, np.ndarray) else drawn[0]
    return drawn if isinstance(drawn, Figure) else drawn.figure


def _holds_photos(figure: Figure) -> bool:
    images = [one for kind in (AxesImage, BboxImage) for one in figure.findobj(kind)]
    arrays = [one.get_array() for one in images]
    return any(array is None or np.prod(array.shape[:2]) > DRAWN for array in arrays)


def _jpeg(figure: Figure, dpi: int, quality: int) -> tuple[bytes, int, int]:
    """The figure as a JPEG, and its size on the page."""
    buffer = BytesIO()
    figure.savefig(
        buffer, format="jpeg", dpi=dpi, bbox_inches="tight", pil_kwargs={"quality": quality}
    )
    with Image.open(buffer) as image:
        return buffer.getvalue(), *image.size


def _png(figure: Figure, dpi: int) -> tuple[bytes, int, int]:
    """The figure as a sharp PNG of few colours, and its size on the page."""
    drawn, stored = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=SHARP * dpi, bbox_inches="tight")
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(stored, format="png", optimize=True)
        return stored.getvalue(), image.width // SHARP, image.height // SHARP


def _in_words(what: str) -> tuple[dict, dict]:
    html = f"<details><summary>In words</summary>{escape(what)}</details>"
    return {"text/html": html, "text/plain": what}, {}


def in_a_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None


def _display(data: dict, metadata: dict, **options):
    from IPython.display import display

    return display(data, metadata=metadata, raw=True, **options)
