import numpy as np
import pytest
from scipy.ndimage import rotate

from minifacenet.embedding.augmentation import LUMA, Augmentation
from minifacenet.files.stored import with_options
from minifacenet.training.settings import TrainConfig

STILL = dict(flip=False, rotation=0, scale=0, shift=0, brightness=0, contrast=0)


@pytest.fixture
def photos():
    return np.random.default_rng(0).integers(0, 256, (3, 9, 8, 2), dtype=np.uint8)


def test_without_changes_a_photo_stays_itself(photos):
    out = Augmentation(**STILL)(photos, np.random.default_rng(0))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, photos, atol=1e-3)


@pytest.mark.parametrize("part", [slice(0, 3), slice(3, 7), slice(7, 7)])
def test_a_part_is_changed_as_within_the_whole(part):
    photos = np.random.default_rng(0).integers(0, 256, (7, 9, 8, 3), dtype=np.uint8)
    change = Augmentation(colour=0.3, grey=0.5, erase=0.6)
    whole, own = np.random.default_rng(1), np.random.default_rng(1)
    np.testing.assert_array_equal(change(photos, own, part), change(photos, whole)[part])
    assert own.random() == whole.random()


def test_a_mirror_is_exact(photos):
    out = Augmentation(**{**STILL, "flip": True})(photos, np.random.default_rng(0))
    mirrored = [np.allclose(o, p[:, ::-1], atol=1e-3) for o, p in zip(out, photos, strict=True)]
    same = [np.allclose(o, p, atol=1e-3) for o, p in zip(out, photos, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
    assert any(mirrored)


def test_a_rotation_is_scipys():
    smooth = np.add.outer(np.arange(21.0) * 7, np.arange(21.0) * 4).astype(np.uint8)[
        None, ..., None
    ]
    rng = np.random.default_rng(0)
    out = Augmentation(**{**STILL, "rotation": 20})(smooth, rng)
    angle = np.random.default_rng(0).uniform(-20, 20, 1)[0]
    expected = [
        rotate(smooth[0, ..., 0].astype(float), sign * angle, reshape=False, order=1)
        for sign in (1, -1)
    ]
    inner = slice(5, 16)  # away from the edges, where the two fill differently
    errors = [np.abs(out[0, inner, inner, 0] - e[inner, inner]).max() for e in expected]
    assert min(errors) < 0.5
    assert max(errors) > 5  # the other direction is something else


def centroid(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(image * y).sum(), (image * x).sum()]) / image.sum()


def test_a_shift_moves_to_all_sides_as_far_as_it_says():
    photos = np.zeros((200, 41, 41, 1), np.uint8)
    photos[:, 18:23, 18:23] = 200
    out = Augmentation(**{**STILL, "shift": 0.1})(photos, np.random.default_rng(0))
    moved = np.array([centroid(image[..., 0]) - 20 for image in out])
    assert 3.9 < moved.max() <= 4.11  # 0.1 of 41 pixels
    assert -4.11 <= moved.min() < -3.9
    assert np.abs(moved.mean(axis=0)).max() < 0.6


def test_a_scale_grows_and_shrinks_about_the_centre():
    photos = np.zeros((200, 41, 41, 1), np.uint8)
    photos[:, 10:31, 10:31] = 200
    out = Augmentation(**{**STILL, "scale": 0.2})(photos, np.random.default_rng(0))
    factors = np.sqrt(out.sum(axis=(1, 2, 3)) / photos[0].sum())
    assert 0.79 < factors.min() < 0.82
    assert 1.18 < factors.max() < 1.21
    assert max(np.abs(centroid(image[..., 0]) - 20).max() for image in out) < 0.1


def test_a_fraction_beyond_its_range_is_refused():
    with pytest.raises(ValueError, match=r"scale is a fraction from 0 to 1, got 1\.5"):
        Augmentation(scale=1.5)


def test_contrast_and_brightness_act_about_the_middle_grey():
    grey = np.full((50, 2, 2, 1), 128, np.uint8)
    rng = np.random.default_rng(0)
    bright = Augmentation(**{**STILL, "brightness": 0.1})(grey, rng)
    assert 128 - 25.6 <= bright.min() < 110
    assert 146 < bright.max() <= 128 + 25.6
    flat = Augmentation(**{**STILL, "contrast": 0.5})(grey, rng)
    np.testing.assert_allclose(flat, 128, atol=0.3)


def test_pixels_stay_in_range_and_the_seed_decides(photos):
    strong = Augmentation(contrast=0.9, brightness=0.5)
    a, b, c = (strong(photos, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert a.min() >= 0
    assert a.max() <= 255
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


@pytest.mark.parametrize("reach", [0, 0.0, -0.0])
def test_no_reach_is_no_change_whatever_its_sign(reach):
    photos = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    still = Augmentation(False, *[reach] * 5)
    np.testing.assert_array_equal(still(photos, np.random.default_rng(1)), photos)


@pytest.mark.parametrize("rotation", [-1, 181, float("nan"), float("inf"), 1e308, True, "1"])
def test_a_rotation_that_is_no_angle_is_refused(rotation):
    with pytest.raises(ValueError, match=r"rotation (must be a finite|is an angle)"):
        Augmentation(rotation=rotation)


def test_colours_change_one_by_one_and_grey_takes_them_all():
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (3, 9, 8, 3), dtype=np.uint8)
    grey = Augmentation(**STILL, grey=1)(photos, rng)
    assert np.allclose(grey, (photos @ LUMA)[..., None], atol=1e-3)
    dark = np.full((50, 4, 4, 3), 100, np.uint8)
    gains = Augmentation(**STILL, colour=0.2)(dark, rng)[:, 0, 0] / 100
    assert gains.min() < 0.83
    assert gains.max() > 1.17
    assert np.abs(gains[:, 0] - gains[:, 1]).max() > 0.2
    assert Augmentation(**STILL, colour=0.9)(np.full_like(dark, 250), rng).max() == 255


def test_one_colour_has_none_to_lose(photos):
    single = photos[..., :1]
    changed = Augmentation(**STILL, colour=0.5, grey=1)(single, np.random.default_rng(0))
    np.testing.assert_allclose(changed, single, atol=1e-3)


def test_erased_is_one_rectangle_of_one_colour_in_its_share_of_the_photos():
    white = np.full((400, 40, 80, 3), 255, np.uint8)
    erased = Augmentation(**STILL, erase=0.25)(white, np.random.default_rng(0))
    gone = (erased != 255).any(axis=3)
    touched = np.flatnonzero(gone.any(axis=(1, 2)))
    assert 70 < len(touched) < 130
    for i in touched:
        rows, columns = np.flatnonzero(gone[i].any(axis=1)), np.flatnonzero(gone[i].any(axis=0))
        inside = erased[i, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert (inside == inside[0, 0]).all()
        assert 5 <= len(rows) <= 16
        assert 10 <= len(columns) <= 32
    assert gone[touched].any(axis=0).mean() > 0.9  # all but the corners had their turn


def test_what_is_off_draws_nothing(photos):
    ours, twin = np.random.default_rng(0), np.random.default_rng(0)
    Augmentation()(photos, ours)
    Augmentation(colour=0, grey=0, erase=0)(photos, twin)
    twin_of_old = np.random.default_rng(0)
    for _ in range(7):  # angle, scale, shift twice, mirror, contrast, brightness
        twin_of_old.random(len(photos))
    assert ours.random() == twin.random() == twin_of_old.random()


def test_options_reach_it_where_it_is_on():
    config = with_options(TrainConfig(), {"augment": True, "grey": 0.5, "erase": 0.1})
    assert config.augmentation == Augmentation(grey=0.5, erase=0.1)
    assert with_options(config, {"colour": 0.2}).augmentation.grey == 0.5
    assert with_options(TrainConfig(), {"augment": False, "grey": 0.0}).augmentation is None
    with pytest.raises(ValueError, match=r"grey is 0\.5, but augment is off"):
        with_options(TrainConfig(), {"augment": False, "grey": 0.5})
    with pytest.raises(ValueError, match="erase must be at most 1, got 2"):
        with_options(TrainConfig(), {"erase": 2.0})
