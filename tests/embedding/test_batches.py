import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import rotate

from minifacenet.embedding.batches import Augmentation, check_batch, sample_batch, to_input

STILL = dict(flip=False, rotation=0, scale=0, shift=0, brightness=0, contrast=0)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(1, 8), st.integers(1, 5))
def test_a_batch_holds_k_photos_of_p_people(labels, people, photos):
    labels = np.array(labels)
    batch = sample_batch(labels, people, photos, np.random.default_rng(0))
    chosen, counts = np.unique(labels[batch], return_counts=True)
    assert len(np.unique(batch)) == len(batch)  # no photo twice
    assert len(chosen) == min(people, len(np.unique(labels)))
    for person, count in zip(chosen, counts, strict=True):
        assert count == min(photos, (labels == person).sum())


def test_extra_negatives_are_other_people_one_photo_each():
    labels = np.repeat(np.arange(6), 4)
    batch = sample_batch(labels, 2, 3, np.random.default_rng(0), extra_negatives=3)
    people, counts = np.unique(labels[batch], return_counts=True)
    assert sorted(counts) == [1, 1, 1, 3, 3]
    assert len(people) == 5
    more = sample_batch(labels, 5, 3, np.random.default_rng(0), extra_negatives=9)
    assert len(more) == 16  # one person was left


def test_people_with_one_photo_are_drawn_only_where_others_are_missing():
    labels = np.repeat(np.arange(40), [1] * 30 + [2] * 10)
    for people, singles in ((6, 0), (10, 0), (14, 4)):
        drawn = labels[sample_batch(labels, people, 3, np.random.default_rng(0))]
        _, counts = np.unique(drawn, return_counts=True)
        assert len(counts) == people
        assert (counts == 1).sum() == singles
    extra = sample_batch(labels, 6, 3, np.random.default_rng(0), extra_negatives=25)
    assert len(extra) == 6 * 2 + 25


def test_without_extra_negatives_the_draws_stay_the_same():
    labels = np.repeat(np.arange(6), 4)
    rng = np.random.default_rng(0)
    sample_batch(labels, 2, 3, rng)
    twin = np.random.default_rng(0)
    people = twin.choice(np.arange(6), 2, replace=False)
    for person in people:
        twin.choice(np.flatnonzero(labels == person), 3, replace=False)
    assert rng.random() == twin.random()


def test_everybody_and_every_photo_has_its_turn():
    labels = np.repeat(np.arange(5), 3)
    rng = np.random.default_rng(0)
    seen = np.concatenate([sample_batch(labels, 2, 2, rng) for _ in range(60)])
    assert set(seen) == set(range(15))


def test_a_batch_that_cannot_be_names_those_that_can():
    labels = np.repeat([0, 1, 2], [5, 2, 5])
    check_batch(labels, 3, 5)
    check_batch(labels)
    check_batch([0, 0], 9, 9)  # one person: not a matter of the batch
    with pytest.raises(ValueError, match=r"4 people in a batch, but there are 3 .*take up to 3"):
        check_batch(labels, people=4)
    with pytest.raises(ValueError, match=r"6 photos .*more than 5.*take up to 5 \(2 people have 5"):
        check_batch(labels, photos=6)
    with pytest.raises(ValueError, match=r"4 people.*; 6 photos"):
        check_batch(labels, 4, 6)


@pytest.fixture
def photos():
    return np.random.default_rng(0).integers(0, 256, (3, 9, 8, 2), dtype=np.uint8)


def test_without_changes_a_photo_stays_itself(photos):
    out = Augmentation(**STILL)(photos, np.random.default_rng(0))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, photos, atol=1e-3)


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


def test_the_networks_input_is_float32_in_minus_one_to_one():
    x = to_input(np.array([0, 255], np.uint8))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, [-1, 1])


@pytest.mark.parametrize("reach", [0, 0.0, -0.0])
def test_no_reach_is_no_change_whatever_its_sign(reach):
    photos = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    still = Augmentation(False, *[reach] * 5)
    np.testing.assert_array_equal(still(photos, np.random.default_rng(1)), photos)


@pytest.mark.parametrize("rotation", [-1, 181, float("nan"), float("inf"), 1e308, True, "1"])
def test_a_rotation_that_is_no_angle_is_refused(rotation):
    with pytest.raises(ValueError, match=r"rotation (must be a finite|is an angle)"):
        Augmentation(rotation=rotation)
