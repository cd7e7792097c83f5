"""Pixels, eigenfaces and Fisherfaces: unit vectors by the classical definitions."""

import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from minifacenet.classification.baselines import Eigenfaces, Fisherfaces, pixels
from minifacenet.classification.classifier import FaceClassifier
from tests.conftest import need


def photos(count=12, height=48, width=40, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(count, height, width, channels), dtype=np.uint8)


def normalised(rows):
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


# --- pixels ---


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_unit_vectors_of_mean_zero(channels):
    features = pixels(photos(channels=channels))
    assert features.shape == (12, 1024)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(features.mean(axis=1), 0, atol=1e-7)


def test_a_multiple_of_32_averages_whole_blocks():
    images = photos(height=96, width=64)
    blocks = images.reshape(12, 32, 3, 32, 2).mean(axis=(2, 4)).reshape(12, -1)
    np.testing.assert_allclose(pixels(images), normalised(blocks), atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(50, 77), (32, 32), (33, 125), (20, 7)])
def test_any_other_size_shares_the_pixels_on_a_border(height, width):
    images = photos(3, height, width)
    # Cut every pixel into 32 x 32 crumbs: then any size is a multiple of 32.
    crumbs = images.repeat(32, axis=1).repeat(32, axis=2)
    blocks = crumbs.reshape(3, 32, height, 32, width).mean(axis=(2, 4)).reshape(3, -1)
    np.testing.assert_allclose(pixels(images), normalised(blocks), atol=1e-6)


def test_brightness_and_contrast_do_not_matter():
    dark = photos(height=32, width=32) // 4
    np.testing.assert_allclose(pixels(dark * 3 + 40), pixels(dark), atol=1e-6)


def test_grey_is_the_weighted_sum_of_red_green_and_blue():
    images = photos(height=32, width=32, channels=3)
    grey = 0.299 * images[..., 0] + 0.587 * images[..., 1] + 0.114 * images[..., 2]
    np.testing.assert_allclose(pixels(images), normalised(grey.reshape(12, -1)), atol=1e-6)


def test_three_equal_channels_are_the_grey_photo():
    grey = photos()
    np.testing.assert_allclose(pixels(np.repeat(grey, 3, axis=3)), pixels(grey), atol=1e-6)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 32, 32), np.uint8), r"got uint8 of shape \(2, 32, 32\)"),
        (np.zeros((2, 32, 32, 4), np.uint8), r"shape \(2, 32, 32, 4\)"),
        (np.zeros((2, 32, 32, 1)), "got float64"),
    ],
)
def test_other_arrays_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        pixels(images)


@pytest.mark.parametrize("value", [0, 7, 255])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_blank_image_has_no_direction(value, channels):
    images = photos(height=100, width=77, channels=channels)
    images[5] = value
    features = pixels(images)
    assert not features[5].any()
    np.testing.assert_allclose(np.linalg.norm(np.delete(features, 5, 0), axis=1), 1, rtol=1e-5)


# --- eigenfaces ---


def test_eigenfaces_equal_pca():
    train, test = photos(30), photos(8, seed=1)
    pca = PCA(10, svd_solver="full").fit(pixels(train))
    coordinates = pca.transform(pixels(test))
    expected = coordinates / np.linalg.norm(coordinates, axis=1, keepdims=True)
    got = Eigenfaces(10).fit(train).transform(test)
    assert got.dtype == np.float32
    # The sign of a component is free, so compare what distances see.
    np.testing.assert_allclose(got @ got.T, expected @ expected.T, atol=1e-5)


def test_eigenfaces_are_orthonormal_and_vectors_have_length_one():
    eigenfaces = Eigenfaces(8).fit(photos(20))
    gram = eigenfaces.components_ @ eigenfaces.components_.T
    np.testing.assert_allclose(gram, np.eye(8), atol=1e-5)
    lengths = np.linalg.norm(eigenfaces.transform(photos(5, seed=1)), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_no_more_components_than_the_photos_span():
    eigenfaces = Eigenfaces().fit(photos(12))
    assert eigenfaces.n_components_ == 11
    assert eigenfaces.transform(photos(3)).shape == (3, 11)
    twice = np.concatenate([photos(12), photos(12)])
    assert Eigenfaces().fit(twice).n_components_ == 11


def test_fit_does_not_learn_from_what_it_transforms():
    eigenfaces = Eigenfaces(5).fit(photos(20))
    mean, components = eigenfaces.mean_.copy(), eigenfaces.components_.copy()
    alone = eigenfaces.transform(photos(4, seed=1)[:1])
    together = eigenfaces.transform(photos(4, seed=1))
    np.testing.assert_allclose(alone, together[:1], atol=1e-6)
    np.testing.assert_array_equal(eigenfaces.mean_, mean)
    np.testing.assert_array_equal(eigenfaces.components_, components)


def test_scikit_learn_can_clone_and_chain_it():
    assert clone(Eigenfaces(7)).get_params() == {"n_components": 7}
    train = photos(12)
    names = np.repeat(["a", "b", "c"], 4)
    assert make_pipeline(Eigenfaces(), FaceClassifier()).fit(train, names).score(train, names) == 1


def test_transform_before_fit_is_refused():
    with pytest.raises(NotFittedError):
        Eigenfaces().transform(photos())


def test_fit_refuses_what_has_no_eigenfaces():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Eigenfaces(0).fit(photos())
    for value in (np.nan, 2.5, "3"):
        with pytest.raises(ValueError, match="n_components must be a whole number"):
            Eigenfaces(value).fit(photos())
    with pytest.raises(ValueError, match="two photos that differ, got 1 "):
        Eigenfaces().fit(photos(1))
    with pytest.raises(ValueError, match="two photos that differ, got 3 "):
        Eigenfaces().fit(np.repeat(photos(1), 3, axis=0))


def test_the_mean_face_has_no_direction():
    face = photos(1, height=32, width=32)
    eigenfaces = Eigenfaces().fit(np.concatenate([face, 255 - face]))  # their mean is flat
    eigenfaces.mean_ = pixels(face)[0]
    assert not eigenfaces.transform(face).any()


# --- Fisherfaces ---


def people(photos_each=6, count=5, seed=0):
    """A faint pattern a person, under a strong light that has nothing to do with who it is."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(99).normal(0, 9, (count, 1, 32, 32))
    light = np.linspace(-1, 1, 32) * rng.normal(0, 50, (count, photos_each, 1, 1))
    noise = rng.normal(0, 6, (count, photos_each, 32, 32))
    images = np.clip(128 + patterns + light + noise, 0, 255).astype(np.uint8)
    return images.reshape(-1, 32, 32, 1), np.repeat(np.arange(count), photos_each)


def test_fisherfaces_see_people_where_eigenfaces_see_light():
    train, labels = people()
    test, asked = people(seed=1)

    def nearest(model):
        distances = ((model.transform(test)[:, None] - model.transform(train)[None]) ** 2).sum(2)
        return np.mean(labels[distances.argmin(axis=1)] == asked)

    assert nearest(Fisherfaces().fit(train, labels)) == 1
    assert nearest(Eigenfaces(4).fit(train)) < 0.9


def test_fisherfaces_are_the_directions_of_the_definition():
    """Against the eigenvectors of inv(S_w) S_b, in the space of the photos."""
    train, labels = people(12)
    test, _ = people(2, seed=1)
    shrinkage = 0.3
    pca = PCA(svd_solver="full").fit(pixels(train))
    x, asked = (pca.transform(pixels(images)).astype(np.float64) for images in (train, test))
    means = np.stack([x[labels == person].mean(axis=0) for person in range(5)])
    within = (x - means[labels]).T @ (x - means[labels]) / len(x)
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / len(within) * np.eye(
        len(within)
    )
    between = means.T @ means / 5
    values, vectors = np.linalg.eig(np.linalg.solve(within, between))
    directions = vectors[:, np.argsort(-values.real)[:4]].real
    directions /= np.sqrt(np.einsum("ik,ij,jk->k", directions, within, directions))
    expected = asked @ directions
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    got = Fisherfaces(shrinkage).fit(train, labels).transform(test)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got @ got.T, expected @ expected.T, atol=0.02)


def test_a_person_with_one_photo_is_no_matter_for_a_warning():
    images, labels = people()
    fisherfaces = Fisherfaces().fit(images[:-5], labels[:-5])  # warnings are errors here
    assert fisherfaces.transform(images).shape == (30, 4)


def test_nor_are_many_people_with_one_photo():
    """scikit-learn 1.7 warns where people are more than half as many as 21 photos or more."""
    images, labels = people(2, count=14)
    most = np.r_[:28:2, 1:15:2]  # everybody's first photo, and the second one of half of them
    fisherfaces = Fisherfaces().fit(images[most], labels[most])
    assert fisherfaces.transform(images).shape == (28, 13)


def test_no_other_warning_is_silenced_and_none_later(monkeypatch):
    images, labels = people()
    fit, filters = LinearDiscriminantAnalysis.fit, warnings.filters.copy()

    def warned(lda, x, y):
        warnings.warn("something else", UserWarning, stacklevel=2)
        return fit(lda, x, y)

    with monkeypatch.context() as patch:
        patch.setattr(LinearDiscriminantAnalysis, "fit", warned)
        with pytest.warns(UserWarning, match="something else"):
            Fisherfaces().fit(images, labels)
    Fisherfaces().fit(images, labels)
    assert warnings.filters == filters


def test_fisherfaces_refuse_what_has_no_directions():
    images, labels = people(1)
    with pytest.raises(ValueError, match="got 5 photos of 5"):
        Fisherfaces().fit(images, labels)
    with pytest.raises(ValueError, match="got 3 photos of 1"):
        Fisherfaces().fit(images[:3], [0, 0, 0])
    with pytest.raises(NotFittedError):
        Fisherfaces().transform(images)
    for value in (0, 1.5, np.nan, None, "auto"):
        with pytest.raises(ValueError, match="shrinkage must be above 0 and at most 1, got"):
            Fisherfaces(value).fit(*people())


def test_fisherfaces_refuse_photos_that_are_too_much_alike():
    copies, labels = people()
    copies = copies[labels * 6]  # everybody has one photo, six times
    with pytest.raises(ValueError, match=r"two photos of one of them that differ: these 30 photos"):
        Fisherfaces().fit(copies, labels)
    with pytest.raises(ValueError, match="two people who differ"):
        Fisherfaces().fit(np.tile(copies[:6], (5, 1, 1, 1)), labels)
    copies[0] = copies[7]
    Fisherfaces().fit(copies, labels)


# --- tables ---


@pytest.mark.parametrize(
    ("method", "names"),
    [(Eigenfaces(3), "eigenfaces0 eigenfaces1 eigenfaces2"), (Fisherfaces(), "fisherfaces0")],
)
def test_columns_have_names(method, names):
    method = clone(method)
    with pytest.raises(NotFittedError):
        method.get_feature_names_out()
    images, labels = people(count=2)
    method.set_output(transform="default").fit(images, labels)
    assert " ".join(method.get_feature_names_out()) == names
    assert method.transform(images).shape == (12, len(names.split()))


@pytest.mark.extra
@pytest.mark.parametrize("method", [Eigenfaces, Fisherfaces])
def test_tables_hold_what_arrays_hold(method):
    need(find_spec("pandas"), "pandas is not installed")
    import pandas

    images, labels = people()
    expected = method().fit(images, labels).transform(images)
    with config_context(transform_output="pandas"):
        table = method().fit(images, labels).transform(images)
    assert isinstance(table, pandas.DataFrame)
    np.testing.assert_array_equal(table, expected)
