"""Similarities against a search for the minimum; crops against pixels that must come out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize

from minifacenet.preprocessing.square_crops import (
    TEMPLATES,
    aligned_crop,
    box_crop,
    similarity,
    square_box,
)

SEEDS = st.integers(0, 2**32 - 1)
MIRRORED = [1, 0, 2, 4, 3]  # who is left becomes right
BAD_POINTS = {
    r"source must be two or more points \(x, y\), got shape \(1, 2\)": [[1, 2]],
    r"source must be two or more points \(x, y\), got shape \(2, 3\)": np.zeros((2, 3)),
    r"source must be finite, got \[\[0.0, nan\], \[1.0, 2.0\]\]": [[0, np.nan], [1, 2]],
    r"source must not all be one point, got 3 x \[0.1 0.7\]": [[0.1, 0.7]] * 3,
}


def picture(height=40, width=50, channels=3, seed=7):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def matrix(angle, scale, shift):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([scale * turn, shift])


def moved(transform, points):
    return points @ transform[:, :2].T + transform[:, 2]


def residual(transform, source, target):
    return ((moved(transform, source) - target) ** 2).sum()


def umeyama(source, target):
    """The formula of the paper, in any dimension: SVD, and the sign of a determinant."""
    dx, dy = source - source.mean(0), target - target.mean(0)
    u, d, vt = np.linalg.svd(dy.T @ dx)
    sign = np.array([1, np.sign(np.linalg.det(u @ vt))])
    linear = (u * sign) @ vt * (d * sign).sum() / (dx**2).sum()
    return np.column_stack([linear, target.mean(0) - linear @ source.mean(0)])


@given(SEEDS, st.floats(-np.pi, np.pi), st.floats(0.01, 100), st.integers(2, 9))
@settings(deadline=None)
def test_a_similarity_is_recovered(seed, angle, scale, count):
    rng = np.random.default_rng(seed)
    source = rng.normal(0, 30, (count, 2))
    true = matrix(angle, scale, rng.normal(0, 100, 2))
    found = similarity(source, moved(true, source))
    assert found.shape == (2, 3)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[:, :2], true[:, :2], atol=1e-10 * scale)
    np.testing.assert_allclose(moved(found, source), moved(true, source), atol=1e-8)


@given(SEEDS, st.sampled_from([1e-6, 1e-3, 0.1, 1.0]), st.booleans())
@settings(deadline=None)
def test_no_other_transform_comes_closer(seed, reach, mirrored):
    rng = np.random.default_rng(seed)
    source = rng.normal(0, 1, (5, 2))
    target = source * (1 - 2 * mirrored, 1) + rng.normal(0, 0.5, (5, 2))
    found = similarity(source, target)
    best = residual(found, source, target)
    for turn, zoom, x, y in rng.uniform(-reach, reach, (20, 4)):
        change = matrix(turn, 1 + zoom, (x, y))
        other = np.column_stack([change[:, :2] @ found[:, :2], moved(change, found[:, 2])])
        assert best <= residual(other, source, target) * (1 + 1e-12)


@pytest.mark.parametrize("mirror", [1, -1])
def test_it_is_what_a_search_and_the_formula_of_the_paper_find(mirror):
    rng = np.random.default_rng(3)
    for _ in range(5):
        source = rng.normal(0, 1, (5, 2))
        target = 2 * source * (mirror, 1) + rng.normal(0, 0.4, (5, 2))
        found = similarity(source, target)
        assert np.linalg.det(found[:, :2]) > 0  # No reflection, though one would fit better.
        np.testing.assert_allclose(found, umeyama(source, target), atol=1e-12)
        searches = [
            minimize(
                lambda p, x=source, y=target: residual(matrix(p[0], p[1], p[2:]), x, y),
                [angle, 1, 0, 0],
                tol=1e-12,
            )
            for angle in (0, 2, 4)
        ]
        best = min(searches, key=lambda search: search.fun).x
        np.testing.assert_allclose(found, matrix(best[0], best[1], best[2:]), atol=1e-5)


@pytest.mark.parametrize("message", BAD_POINTS)
def test_degenerate_points_are_refused(message):
    points = np.array(BAD_POINTS[message])
    with pytest.raises(ValueError, match=message):
        similarity(points, np.random.default_rng(0).normal(size=points.shape))
    with pytest.raises(ValueError, match=message.replace("source", "target")):
        similarity(np.random.default_rng(0).normal(size=(len(points) + 1, 2)), points)


def test_targets_that_no_rotation_fits_are_refused():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    with pytest.raises(ValueError, match="no rotation fits better than another"):
        similarity(square, square * (-1, 1))
    with pytest.raises(ValueError, match=r"as many source as target points .* got 4 and 3"):
        similarity(square, square[:3])


def test_templates_grow_with_the_square_and_shrink_with_the_margin():
    published = [(26.628, 16.059), (67.790, 15.264), (47.241, 40.522)]
    published += [(29.483, 61.618), (66.760, 60.878)]
    np.testing.assert_allclose(TEMPLATES["openface"].scaled(96), published, atol=1e-12)
    ours = TEMPLATES["portrait"].scaled(400)
    np.testing.assert_allclose((ours[:2, 0] + 0.5) / 400, [0.35, 0.65])
    np.testing.assert_allclose(399 - ours[MIRRORED, 0], ours[:, 0])
    np.testing.assert_allclose(ours[MIRRORED, 1], ours[:, 1])
    for template in TEMPLATES.values():
        # A face of 100 pixels with a tenth all round: a square of 120 with the face in its middle.
        np.testing.assert_allclose(template.scaled(120, 0.1), template.scaled(100) + 10)
        twice = template.scaled(200, 0.3)
        np.testing.assert_allclose((twice + 0.5) / 2, template.scaled(100, 0.3) + 0.5)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("channels", [1, 3])
def test_whole_steps_copy_pixels_exactly(template, channels):
    photo = picture(40, 40, channels)
    before = photo.copy()
    points = TEMPLATES[template].scaled(40)
    crop = aligned_crop(photo, points, 40, template)
    assert crop.dtype == np.uint8
    np.testing.assert_array_equal(crop, photo)
    for x, y in [(1, 0), (0, 1), (-1, 0), (0, -1), (3, -7)]:
        crop = aligned_crop(photo, points + np.array([x, y]), 40, template)
        rows, columns = np.clip(np.arange(40) + y, 0, 39), np.clip(np.arange(40) + x, 0, 39)
        np.testing.assert_array_equal(crop, photo[rows][:, columns])  # The edge goes on.
    for turns in range(4):
        turned = (points - 19.5) @ np.rint(matrix(-np.pi / 2 * turns, 1, (0, 0))[:, :2]).T + 19.5
        crop = aligned_crop(np.rot90(photo, turns), turned, 40, template)
        np.testing.assert_array_equal(crop, photo)
    np.testing.assert_array_equal(photo, before)
    crop[:] = 0
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.5])
@pytest.mark.parametrize("scale", [0.5, 1.7, 6.3, 13.0])
@pytest.mark.parametrize("template", TEMPLATES)
def test_landmarks_land_on_the_template(template, scale, angle):
    size = 64
    wanted = TEMPLATES[template].scaled(size, 0.2)
    points = moved(matrix(angle, scale, (610.2, 570.7)), wanted - 31.5)
    for i in range(5):
        photo = np.zeros((1200, 1300, 1), np.uint8)
        y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
        radius2 = (x - points[i, 0]) ** 2 + (y - points[i, 1]) ** 2
        photo[..., 0] = 250 * np.exp(-radius2 / (2 * (2 * max(scale, 1)) ** 2))
        crop = aligned_crop(photo, points, size, template, 0.2)[..., 0].astype(float)
        y, x = np.mgrid[:size, :size]
        found = np.array([(x * crop).sum(), (y * crop).sum()]) / crop.sum()
        assert np.linalg.norm(found - wanted[i]) < 0.1


def area_average(photo, transform, size, fine=61):
    """Each pixel of the crop as the mean over the square it covers, on a grid so fine as exact."""
    at = (np.arange(size * fine) + 0.5) / fine - 0.5
    points = moved(transform, np.stack(np.meshgrid(at, at), axis=-1))
    height, width = photo.shape[:2]
    x = np.clip(np.rint(points[..., 0]), 0, width - 1).astype(int)
    y = np.clip(np.rint(points[..., 1]), 0, height - 1).astype(int)
    return photo[y, x].reshape(size, fine, size, fine, -1).mean(axis=(1, 3), dtype=np.float64)


y, x = np.mgrid[:1000, :1000]
PATTERNS = {
    "checkers of 1 pixel": 255 * ((x + y) % 2),
    "stripes of 1 pixel": 255 * (x % 2),
    "stripes of 3 pixels": 255 * (x // 3 % 2),
    "noise": np.random.default_rng(1).integers(0, 256, (1000, 1000)),
}


@pytest.mark.parametrize("angle", [0.0, 0.15])
@pytest.mark.parametrize("scale", [2.3, 3.7, 7.9, 8.2, 13.7])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_fine_pattern_fades_as_in_an_exact_average(pattern, scale, angle):
    photo = PATTERNS[pattern].astype(np.uint8)[..., None]
    to_photo = matrix(angle, scale, (0, 0))
    to_photo[:, 2] = (500.3, 500.3) - to_photo[:, :2] @ (12, 12)
    points = moved(to_photo, TEMPLATES["portrait"].scaled(24))
    crop = aligned_crop(photo, points, 24)[..., 0].astype(float)
    exact = area_average(photo, to_photo, 24)[..., 0]
    # One bilinear sample a pixel is off by 35 to 130 here. From 8 on, the photo is shrunk first.
    assert np.sqrt(((crop - exact) ** 2).mean()) < (7 if scale < 8 else 11)
    # What is coarse in the crop (moiré) is no stronger than in the exact average.
    coarse, allowed = (np.abs(gaussian_filter(it - 127.5, 3)).max() for it in (crop, exact))
    assert coarse < allowed + 2


def test_whole_factors_average_blocks_exactly():
    photo = picture(96, 96)
    blocks = photo.reshape(32, 3, 32, 3, 3).mean(axis=(1, 3))
    points = 3 * (TEMPLATES["openface"].scaled(32) + 0.5) - 0.5
    for crop in (aligned_crop(photo, points, 32, "openface"), box_crop(photo, (0, 0, 96, 96), 32)):
        np.testing.assert_array_equal(crop, np.floor(blocks + 0.5))


def test_a_margin_is_a_fraction_so_small_and_large_faces_look_alike():
    y, x = np.mgrid[:1200, :1200]
    large = np.uint8(127.5 + 60 * np.sin(x / 50) + 60 * np.cos(y / 70))[..., None]
    small = np.uint8(large.reshape(300, 4, 300, 4, 1).mean(axis=(1, 3)))
    points = TEMPLATES["portrait"].scaled(150) + 70
    crops = [
        aligned_crop(small, points, 64, margin=0.25),
        aligned_crop(large, 4 * (points + 0.5) - 0.5, 64, margin=0.25),
        box_crop(small, (70, 80, 170, 200), 64, 0.25),
        box_crop(large, (280, 320, 680, 800), 64, 0.25),
    ]
    for a, b in (crops[:2], crops[2:]):
        assert np.abs(a.astype(int) - b).max() <= 2


def test_a_photo_may_be_a_view_and_a_crop_as_vast_as_it_likes():
    photo = picture(60, 80)
    points = TEMPLATES["portrait"].scaled(50)
    view = photo[::-1, ::2]
    expected = aligned_crop(np.ascontiguousarray(view), points, 30)
    np.testing.assert_array_equal(aligned_crop(view, points, 30), expected)
    grey = np.full((7, 5, 1), 77, np.uint8)
    for margin in (1e2, 1e12):
        assert (box_crop(grey, (0, 0, 5, 7), 16, margin) == 77).all()


@pytest.mark.parametrize("step", [5, 8, 10, 17, 40])
@pytest.mark.parametrize("side", [100, 107])
def test_beyond_the_photo_comes_the_pixel_of_its_edge(step, side):
    """A photo that is shrunk first has means over blocks at its edge."""
    photo = np.full((side, side, 1), 100, np.uint8)
    photo[:, -1], photo[:, 0] = 255, 0
    half = 8 * step
    crop = box_crop(photo, (side - half, 0, side + half, 2 * half), 16)[..., 0]
    assert (crop[:, 10:] == 255).all()
    crop = box_crop(photo, (-half, 0, half, 2 * half), 16)[..., 0]
    assert (crop[:, :6] == 0).all()
    crop = box_crop(photo.transpose(1, 0, 2), (0, side - half, 2 * half, side + half), 16)[..., 0]
    assert (crop[10:] == 255).all()


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (picture().astype(np.float32), r"got float32 of shape \(40, 50, 3\)"),
        (picture()[..., 0], r"got uint8 of shape \(40, 50\)"),
        (picture(channels=4), r"got uint8 of shape \(40, 50, 4\)"),
        (picture(height=0), r"got uint8 of shape \(0, 50, 3\)"),
        (None, "expected a uint8 photo .* got NoneType"),
    ],
)
def test_what_is_no_photo_is_refused(photo, message):
    for crop in (
        lambda: aligned_crop(photo, TEMPLATES["portrait"].scaled(40), 40),
        lambda: box_crop(photo, (0, 0, 9, 9), 40),
    ):
        with pytest.raises(ValueError, match=message):
            crop()


def test_wrong_requests_are_refused():
    photo, points = picture(), TEMPLATES["portrait"].scaled(40)
    with pytest.raises(ValueError, match="one of portrait, openface, dlib, got 'arcface'"):
        aligned_crop(photo, points, 40, "arcface")
    with pytest.raises(ValueError, match=r"five landmarks are needed .* got 4"):
        aligned_crop(photo, points[:4], 40)
    with pytest.raises(ValueError, match="landmarks must be finite"):
        aligned_crop(photo, np.where(points > 20, np.nan, points), 40)
    with pytest.raises(ValueError, match=r"none of the landmarks .* photo of 50 x 40 pixels: were"):
        aligned_crop(photo, points + np.array([0, 39]), 40)
    aligned_crop(photo, points + np.array([0, 23]), 40)  # Eyes alone are in the photo: enough.
    with pytest.raises(ValueError, match="size must be at least 1 pixel, got 0"):
        aligned_crop(photo, points, 0)
    for margin in (-0.1, np.nan, np.inf):
        for crop in (
            lambda m=margin: aligned_crop(photo, points, 40, margin=m),
            lambda m=margin: box_crop(photo, (0, 0, 9, 9), 40, m),
        ):
            with pytest.raises(ValueError, match=f"fraction of the face's side.* got {margin}"):
                crop()


def test_a_box_becomes_a_square_about_its_centre():
    assert square_box((10, 20, 30, 60), 0.0, 100, 100) == (0, 20, 40, 60)
    assert square_box(np.array([10, 20, 50, 40]), 0.25, 100, 100) == (0, 0, 60, 60)
    # Beyond the photo it stays a square: no corner is clipped alone.
    assert square_box((-10, -30, 10, 10), 0.5, 100, 100) == (-40, -50, 40, 30)


@given(
    st.tuples(st.integers(-99, 49), st.integers(-99, 39)),
    st.tuples(st.integers(1, 150), st.integers(1, 150)),
    st.integers(0, 30),
)
@settings(deadline=None)
def test_a_crop_of_whole_pixels_is_a_slice_with_the_edge_going_on(corner, shape, room):
    (x, y), (width, height) = corner, shape
    box, side = (x, y, x + width, y + height), max(width, height)
    photo = picture()
    if x + width <= 0 or y + height <= 0:
        with pytest.raises(ValueError, match="outside the photo of 50 x 40 pixels"):
            box_crop(photo, box, 8)
        return
    x0, y0, x1, y1 = square_box(box, room / side, 40, 50)
    assert x1 - x0 == pytest.approx(side + 2 * room)
    assert y1 - y0 == pytest.approx(side + 2 * room)
    assert (x0 + x1, y0 + y1) == pytest.approx((2 * x + width, 2 * y + height))
    if (side - width) % 2 or (side - height) % 2:
        return  # The square begins in the middle of a pixel.
    size = side + 2 * room
    rows = np.clip(np.arange(size) + round(y0), 0, 39)
    columns = np.clip(np.arange(size) + round(x0), 0, 49)
    crop = box_crop(photo, box, size, room / side)
    np.testing.assert_array_equal(crop, photo[rows][:, columns])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((5, 5, 5, 9), r"the box \(5.0, 5.0, 5.0, 9.0\) is empty: it needs x0 < x1"),
        ((5, 9, 8, 5), r"the box \(5.0, 9.0, 8.0, 5.0\) is empty"),
        ((50, 0, 60, 9), "outside the photo of 50 x 40 pixels"),
        ((0, 40, 9, 50), "outside the photo"),
        ((-9, 0, 0, 9), "outside the photo"),
        ((0, -9, 9, 0), "outside the photo"),
        ((0, 0, np.nan, 9), r"four finite numbers \(x0, y0, x1, y1\), got \(0, 0, nan, 9\)"),
        ((0, 0, 9), r"four finite numbers .* got \(0, 0, 9\)"),
    ],
)
def test_an_empty_box_is_refused_with_the_reason(box, message):
    with pytest.raises(ValueError, match=message):
        square_box(box, 0.1, 40, 50)
    with pytest.raises(ValueError, match=message):
        box_crop(picture(), box, 16)
