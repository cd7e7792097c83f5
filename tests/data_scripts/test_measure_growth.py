"""measure_growth.py: the networks that it measures, and its picture."""

import pytest

from minifacenet.data_scripts.measure_growth import (
    COMPILED,
    FIRST,
    LARGEST,
    PHOTO,
    PROCESSOR_TIME,
    SECOND,
    SYSTEM,
    architecture,
    picture,
)
from minifacenet.embedding.published import PUBLISHED


def test_every_published_network_is_measured():
    assert set(PUBLISHED) < set(LARGEST)
    assert architecture("inception_resnet_v1").dim == 512


def test_the_picture_shows_seconds_and_what_a_photo_costs_beside_the_smallest_batch():
    values = [
        (FIRST, 1, 20, PROCESSOR_TIME), (SECOND, 1, 2, PROCESSOR_TIME),
        (COMPILED, 1, 27, "kernels"), (PHOTO, 8, 4, "ms"), (SYSTEM, 8, 1, "ms"),
        (PHOTO, 32, 3, "ms"), (SYSTEM, 32, 2, "ms"),
    ]  # fmt: skip
    rows = [
        {
            "network": "net",
            "measured": which,
            "batch": str(batch),
            "value": str(value),
            "unit": unit,
        }
        for which, batch, value, unit in values
    ]
    first, growth = picture(rows)[0]
    assert sorted(bar.get_width() for bar in first.patches) == pytest.approx([2, 20])
    assert "20.0 s, 27 kernels" in {text.get_text() for text in first.texts}
    assert growth.lines[0].get_ydata() == pytest.approx([1, 0.75])
    assert growth.lines[1].get_ydata() == pytest.approx([0.75, 0.25])
