"""Faces that stay on the disk: the same bits as in memory, and gone when nobody holds them."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.cache import EmbeddingCache
from minifacenet.embedding.embedder import Embedder
from minifacenet.preprocessing import whole_photos
from minifacenet.preprocessing.lazy_images import LazyImages, in_parts, subset
from minifacenet.preprocessing.photo import PhotoError
from minifacenet.preprocessing.read_folder import read_faces, read_listed, read_photos
from minifacenet.preprocessing.whole_photos import FaceFinder

from .stub_detector import stub_detector

SIZE = 32
INDICES = [
    3, -1, slice(2, 5), slice(None), slice(None, None, -2), slice(4, 4), np.array([5, 0, 5]), [1],
    np.arange(9) % 2 == 0, np.array([], np.int64),
]  # fmt: skip


@pytest.fixture
def people(tmp_path):
    """Nine photos of three people, grey and in colour, of several sizes; one file is damaged."""
    rng = np.random.default_rng(0)
    for i in range(9):
        place = tmp_path / "people" / "ABC"[i // 3] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        shape = (40 + i, 30, 3) if i % 2 else (30, 40 + i)
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(place)
    (tmp_path / "people" / "A" / "damaged.jpg").write_bytes(b"no photo")
    return tmp_path / "people"


def lazily(people, reader=read_faces, channels=None, memory=0):
    return reader(people, SIZE, channels, reader=partial(read_listed, memory=memory))


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_they_are_the_same_bits_as_in_memory(people, channels):
    held, lazy = read_faces(people, SIZE, channels), lazily(people, channels=channels)
    assert isinstance(held.images, np.ndarray)
    assert isinstance(lazy.images, LazyImages)
    assert (lazy.images.shape, lazy.images.nbytes) == (held.images.shape, held.images.nbytes)
    for index in INDICES:
        np.testing.assert_array_equal(lazy.images[index], held.images[index])
        if not isinstance(index, int):
            fewer = subset(lazy.images, index)
            np.testing.assert_array_equal(np.asarray(fewer), held.images[index])
    np.testing.assert_array_equal(np.stack(list(lazy.images)), held.images)
    np.testing.assert_array_equal(np.concatenate([*in_parts(lazy.images, 4)]), held.images)
    assert lazy.content == held.content
    assert (lazy.paths, lazy.skipped, lazy.people) == (held.paths, held.skipped, held.people)


def test_they_are_an_array_only_as_a_copy(people):
    images = lazily(people).images
    assert np.array(images, copy=True).shape == images.shape
    with pytest.raises(ValueError, match="always a copy"):
        np.array(images, copy=False)


def test_subsets_are_read_when_they_are_asked_for(people):
    held, lazy = read_faces(people, SIZE), lazily(people)
    (people / "A" / "0.png").unlink()
    fewer = lazy.subset(np.array([8, 4])).subset(slice(1, None))
    assert fewer.paths == held.paths[4:5]
    np.testing.assert_array_equal(fewer.pixels, held.images[4:5])
    with pytest.raises(PhotoError, match=r"0\.png.*cannot be opened"):
        lazy.images[0]


@pytest.mark.parametrize(("photos", "lazy"), [(9, False), (8, True)])
def test_pixels_stay_in_memory_as_far_as_it_goes(people, photos, lazy):
    """Twice the pixels: as they come, and as one array."""
    memory = 2 * photos * SIZE * SIZE * 3
    images = lazily(people, read_photos, channels=3, memory=memory).images
    assert isinstance(images, LazyImages) == lazy


def test_embeddings_are_the_same_bits_with_a_cache_and_without(people, tmp_path):
    held, lazy = read_faces(people, SIZE), lazily(people)
    model = FaceNet.new(Architecture(size=SIZE, channels=3, dim=8))
    embedder = Embedder(model, batch_size=4, flip=True)
    vectors = embedder.transform(held.images)
    np.testing.assert_array_equal(embedder.transform(lazy.images), vectors)
    cache = EmbeddingCache(tmp_path / "cache", embedder)
    for _ in ("empty", "full"):
        np.testing.assert_array_equal(cache.transform(lazy.images), vectors)


def test_faces_of_whole_photos_live_as_long_as_somebody_holds_them(people, monkeypatch):
    stub_detector(monkeypatch)
    folders, usual = [], whole_photos.mkdtemp
    monkeypatch.setattr(
        whole_photos, "mkdtemp", lambda **options: folders.append(usual(**options)) or folders[-1]
    )
    cut = "aligned to openface, margin 0"
    held = read_photos(people, SIZE, 3, reader=FaceFinder(cut, every=True))
    assert not Path(folders[-1]).exists()
    lazy = read_photos(people, SIZE, 3, reader=FaceFinder(cut, every=True, memory=0))
    one = lazy.subset([1])
    np.testing.assert_array_equal(lazy.pixels, held.images)
    del lazy
    np.testing.assert_array_equal(one.pixels, held.images[1:2])
    assert Path(folders[-1]).exists()
    del one
    assert not Path(folders[-1]).exists()
