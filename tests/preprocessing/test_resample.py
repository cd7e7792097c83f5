"""Area means against sums over exact overlaps, in float64."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.preprocessing.resample import halvings, resample


def some_photo(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def shares(start, end, new, old):
    """(new, old): how much of each old pixel lies under each new one, in units of the new one."""
    edges = np.linspace(start, end, new + 1)
    pixels = np.arange(old)
    low, high = np.maximum(edges[:-1, None], pixels), np.minimum(edges[1:, None], pixels + 1)
    return (high - low).clip(0) * new / (end - start)


def exact(photo, box, height, width):
    x0, y0, x1, y1 = box
    rows, columns = shares(y0, y1, height, len(photo)), shares(x0, x1, width, photo.shape[1])
    return np.einsum("ry,cx,yxk->rck", rows, columns, photo.astype(float))


sides = st.floats(0.5, 60, width=32)
corners = st.floats(-40, 50, width=32)


@given(corners, corners, sides, sides, st.integers(1, 9), st.integers(1, 9))
def test_a_box_is_the_mean_over_what_each_pixel_covers(x, y, width, height, rows, columns):
    photo = some_photo(23, 31)
    box = np.array([[x, y, x + width, y + height]], np.float32)
    new = resample([photo], box, rows, columns)
    assert new.dtype == np.float32
    np.testing.assert_allclose(new[0], exact(photo, box[0].astype(float), rows, columns), atol=0.05)


def in_order(photo, box, height, width):
    """The formula in float32, rows first and then columns, each sum from the first pixel on."""

    def covered(pixel, start, end):
        edge = np.float32(pixel)
        return max(np.float32(0), min(edge + np.float32(1), end) - max(edge, start))

    x0, y0, x1, y1 = box
    step_x, step_y = (x1 - x0) / np.float32(width), (y1 - y0) / np.float32(height)
    bottom, edge = map(np.float32, photo.shape[:2])
    out = np.empty((height, width, 3), np.float32)
    for row, column in np.ndindex(height, width):
        top, left = y0 + np.float32(row) * step_y, x0 + np.float32(column) * step_x
        low, right = y0 + np.float32(row + 1) * step_y, x0 + np.float32(column + 1) * step_x
        total = np.zeros(3, np.float32)
        for x in range(max(0, math.floor(left)), min(photo.shape[1], math.ceil(right))):
            line = np.zeros(3, np.float32)
            for y in range(max(0, math.floor(top)), min(photo.shape[0], math.ceil(low))):
                line += covered(y, top, min(low, bottom)) * photo[y, x].astype(np.float32)
            total += covered(x, left, min(right, edge)) * line
        out[row, column] = total * (np.float32(1) / (step_x * step_y))
    return out


@pytest.mark.parametrize("box", [(2.3, 1.7, 17.9, 12.2), (-3.4, -2, 5.5, 30.1), (20, 9, 23.3, 11)])
def test_the_order_of_the_sums_is_kept_to_the_last_bit(box):
    photo, box = some_photo(15, 22), np.array([box], np.float32)
    expected = in_order(photo, box[0], 4, 6)
    np.testing.assert_array_equal(resample([photo], box, 4, 6)[0], expected)


def test_boxes_do_not_disturb_each_other():
    photo = some_photo(50, 40)
    boxes = np.random.default_rng(1).uniform(-10, 20, (30, 4))
    boxes[:, 2:] = boxes[:, :2] + np.random.default_rng(2).uniform(1, 300, (30, 2))
    copies = halvings(photo, 4)
    together = resample(copies, boxes, 5, 7)
    for box, new in zip(boxes, together, strict=True):
        np.testing.assert_array_equal(resample(copies, box[None], 5, 7)[0], new)


def test_a_whole_photo_at_its_own_size_is_itself():
    photo = some_photo(5, 8)
    np.testing.assert_array_equal(resample([photo], np.array([[0, 0, 8, 5]]), 5, 8)[0], photo)


def test_no_boxes_give_no_crops():
    assert resample([some_photo(5, 5)], np.empty((0, 4)), 24, 24).shape == (0, 24, 24, 3)


def test_what_lies_outside_is_black():
    white = np.full((10, 10, 3), 255, np.uint8)
    crop = resample([white], np.array([[-10, 5, 10, 15]]), 2, 2)[0]
    np.testing.assert_array_equal(crop[..., 0], [[0, 255], [0, 0]])
    assert not resample([white], np.array([[40, 40, 60, 60]]), 4, 4).any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (8, 8), (7, 10)])
def test_a_half_is_the_mean_of_four(height, width):
    photo = some_photo(height, width)
    _, half, *_ = halvings(photo, smallest=1) if height * width > 1 else (photo, photo)
    padded = np.pad(photo, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(float)
    blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, 3)
    expected = np.floor(blocks.mean(axis=(1, 3)) + 0.5)
    np.testing.assert_array_equal(half, expected)


def test_halvings_end_at_the_size_asked_for():
    sizes = [copy.shape[:2] for copy in halvings(some_photo(100, 30), 20)]
    assert sizes == [(100, 30), (50, 15), (25, 8), (13, 4)]


def test_copies_change_the_result_by_rounding_only():
    photo = some_photo(333, 500)
    for box in ([[0, 0, 500, 333]], [[101.3, 50.7, 420.1, 300]]):
        box = np.array(box)
        small = resample(halvings(photo), box, 24, 24)
        # noise from 0 to 255: the means of some hundred pixels, wherever their edges are put
        assert np.abs(small - resample([photo], box, 24, 24)).max() < 12
        smooth = np.broadcast_to(np.linspace(0, 255, 500)[None, :, None], (333, 500, 3))
        smooth = smooth.astype(np.uint8, order="C")
        close = resample(halvings(smooth), box, 24, 24) - resample([smooth], box, 24, 24)
        assert np.abs(close).max() < 1.5


def test_copies_of_any_view_are_of_one_kind():
    photo = some_photo(9, 16)
    photo.flags.writeable = False
    for view in (photo, photo[::-1, ::2]):
        for copy in halvings(view, 4):
            assert copy.flags.c_contiguous
            assert copy.flags.writeable


@pytest.mark.parametrize("side", [131, 129, 127, 128, 97])
def test_a_box_over_the_right_or_lower_edge_ends_with_the_photo(side):
    """Halved copies reach beyond it, by half a pixel, three quarters, ..."""
    white = np.full((side, side, 3), 255, np.uint8)
    copies = halvings(white, 4)
    for box in ([side - 64, 0, side + 64, side], [side - 103, 0, side + 25, side]):
        x0, y0, x1, y1 = box
        expected = exact(white, box, 1, 5)[0]
        np.testing.assert_allclose(
            resample(copies, np.array([box]), 1, 5)[0, 0], expected, atol=0.1
        )
        turned = resample(copies, np.array([[y0, x0, y1, x1]]), 5, 1)[0, :, 0]
        np.testing.assert_allclose(turned, expected, atol=0.1)


@pytest.mark.parametrize("side", [131, 130, 129, 101])
def test_the_last_column_and_row_weigh_what_they_cover(side):
    photo = np.zeros((side, side, 3), np.uint8)
    photo[:, -1] = photo[-1] = 255
    box = np.array([[side - 35, side - 35, side, side]])
    for copies in (halvings(photo, 8), [photo]):
        new = resample(copies, box, 5, 5)[0]
        np.testing.assert_allclose(new, exact(photo, box[0], 5, 5), atol=1.5)


def test_a_photo_of_another_kind_is_refused():
    for photo in (some_photo(5, 5)[..., :1], some_photo(5, 5)[0], some_photo(5, 5) / 255):
        with pytest.raises(ValueError, match=r"a photo is uint8 \(H, W, 3\), got"):
            halvings(photo)
    with pytest.raises(ValueError, match=r"\(N, 4\), got \(4,\)"):
        resample([some_photo(5, 5)], np.ones(4), 2, 2)
