"""LBP histograms against a loop over pixels, word by word."""

import numpy as np
import pytest

from minifacenet.classification.lbp import lbp


def by_hand(grey, radius=2, grid=7):
    """The histograms of one grey photo, pixel by pixel; SciPy interpolates."""
    from scipy.ndimage import map_coordinates

    height, width = grey.shape
    inner = (height - 2 * radius, width - 2 * radius)
    uniform = []  # codes with at most two changes around the circle, in rising order
    for code in range(256):
        bits = [code >> i & 1 for i in range(8)]
        if sum(bits[i] != bits[i - 1] for i in range(8)) <= 2:
            uniform.append(code)
    histograms = np.zeros((grid, grid, 59))
    for y in range(inner[0]):
        for x in range(inner[1]):
            code = 0
            for bit in range(8):
                angle = 2 * np.pi * bit / 8
                at = [[y + radius - radius * np.sin(angle)], [x + radius + radius * np.cos(angle)]]
                value = map_coordinates(grey.astype(np.float64), at, order=1)[0]
                code |= int(value >= grey[y + radius, x + radius] - 1e-3) << bit
            kind = uniform.index(code) if code in uniform else 58
            histograms[y * grid // inner[0], x * grid // inner[1], kind] += 1
    root = np.sqrt(histograms.ravel())
    return root / np.linalg.norm(root)


@pytest.mark.parametrize("shape", [(12, 12), (25, 18), (32, 40)])
def test_it_equals_the_loop(shape):
    images = np.random.default_rng(0).integers(0, 256, (2, *shape, 1), dtype=np.uint8)
    got = lbp(images)
    assert got.shape == (2, 7 * 7 * 59)
    assert got.dtype == np.float32
    for vector, image in zip(got, images, strict=True):
        np.testing.assert_allclose(vector, by_hand(image[..., 0]), atol=1e-6)


def test_brighter_light_and_more_contrast_change_nothing():
    dark = np.random.default_rng(0).integers(0, 60, (2, 30, 30, 1), dtype=np.uint8)
    np.testing.assert_array_equal(lbp(dark * 4 + 10), lbp(dark))


def test_a_flat_photo_is_flat():
    flat = lbp(np.full((1, 20, 20, 1), 93, np.uint8)).reshape(49, 59)
    assert (flat[:, 57] > 0).all()  # 255, all at least as bright, is the last uniform code
    assert not flat[:, :57].any()


def test_three_equal_channels_are_the_grey_photo():
    grey = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 1), dtype=np.uint8)
    np.testing.assert_allclose(lbp(np.repeat(grey, 3, axis=3)), lbp(grey), atol=1e-2)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 11, 40, 1), np.uint8), "needs 12 pixels a side, got 11x40"),
        (np.zeros((2, 40, 40, 1)), "got float64"),
    ],
)
def test_other_arrays_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        lbp(images)
