"""Two photos side by side."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from minifacenet.plots.pairs import pair_sheet
from minifacenet.plots.style import DIFFERENT, SAME


@pytest.mark.parametrize(("same", "colour"), [(True, SAME), (False, DIFFERENT), (None, "0.6")])
def test_photos_faces_names_and_the_verdict(same, colour):
    views = [np.full((30, 40, 3), 9, np.uint8), np.full((40, 20, 1), 9, np.uint8)]
    faces = np.zeros((2, 8, 8, 1), np.uint8)
    ax = pair_sheet(views, faces, ("a $x$.jpg", "b.jpg"), "the verdict", same)
    assert ax.get_title(loc="left") == "the verdict"
    assert len(ax.images) == 4
    texts = [text.get_text() for text in ax.texts]
    assert texts == [
        "a $x$.jpg", "what the network sees", "b.jpg", "what the network sees",
    ]  # fmt: skip
    frames = {patch.get_edgecolor() for patch in ax.patches} - {to_rgba("white")}
    assert frames == {to_rgba(colour)}
    ax.figure.canvas.draw()
