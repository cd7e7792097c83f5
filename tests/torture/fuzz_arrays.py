"""Arrays in safetensors files: any, those of a gallery, of a cache, and of the detector."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np

from minifacenet.classification.gallery import Gallery
from minifacenet.embedding.cache import EmbeddingCache
from minifacenet.files.arrays import CheckpointError, load_arrays, load_metadata, save_arrays
from minifacenet.files.words import shortened
from minifacenet.preprocessing.mtcnn import FORMAT, MTCNN
from minifacenet.preprocessing.results import is_ours

from .damaged_arrays import mutated_arrays
from .fuzz_small import is_text, naming, seeds_by, write
from .fuzzing import Reader, fuzzed

FILES_ROOM = ("minifacenet.files",)
MOST_BODY = 2**23  # bytes of the detector's arrays


# -- Any arrays -----------------------------------------------------------------------------------


def any_arrays(place: Path) -> list[bytes]:
    path, rng = place / "a.safetensors", np.random.default_rng(0)
    some = {
        "a": rng.random((2, 3), np.float32), "b": np.arange(4), "c": np.array(True),
        "d": np.zeros((0, 3)), "e": np.float16([1.5]),
    }  # fmt: skip
    found = []
    for metadata in ({}, {"step": 3, "of": {"deep": [1, None, "x"]}}):
        save_arrays(path, some, metadata)
        found.append(path.read_bytes())
    return found


def read_any(data: bytes) -> None:
    write(model__safetensors=data)
    path = Path("model.safetensors")
    assert is_ours(path) in (True, False)
    with naming(path.name):
        metadata = load_metadata(path)
        arrays, again = load_arrays(path)
    assert isinstance(metadata, dict)
    assert repr(metadata) == repr(again)  # NaN is not equal to itself
    json.dumps(metadata)
    for array in arrays.values():
        assert np.isfinite(array).all()
        assert array.nbytes <= len(data)


fuzzed(
    Reader(
        name="fuzz-safetensors",
        what="safetensors files with damaged headers, offsets, shapes, metadata and bytes: whole, "
        "finite arrays, or one line",
        read=read_any,
        seeds=seeds_by(any_arrays),
        errors=(CheckpointError,),
        guided_by=FILES_ROOM,
        mutate=mutated_arrays,
    )
)


# -- A gallery of templates -----------------------------------------------------------------------


def galleries(place: Path) -> list[bytes]:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((3, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery = Gallery(vectors, ("Ada", "", "Zoë"), ("a.png", "b.png", "ü/c.png"), "ab12", "words")
    found = []
    for one in (gallery, gallery.quantised()):
        one.save(place / "g.safetensors")
        ask(Gallery.load(place / "g.safetensors"))  # compiles, before cases are timed
        found.append((place / "g.safetensors").read_bytes())
    return found


def ask(gallery: Gallery) -> tuple[np.ndarray, np.ndarray]:
    return gallery.nearest(np.full((1, gallery.vectors.shape[1]), 0.5))


def read_gallery(data: bytes) -> None:
    write(g__safetensors=data)
    with naming("g.safetensors"):
        gallery = Gallery.load("g.safetensors")
    assert len(gallery.vectors) == len(gallery.people) == len(gallery.paths) > 0
    assert all(map(is_text, (gallery.model, gallery.preprocessing)))
    assert len(gallery.model) + len(gallery.preprocessing) < 1000
    assert all(map(is_text, (*gallery.people, *gallery.paths)))
    assert np.isfinite(gallery.floats(range(len(gallery)))).all()
    rows, distances = ask(gallery)
    assert 0 <= rows[0, 0] < len(gallery)
    assert 0 <= distances[0, 0] < np.inf


fuzzed(
    Reader(
        name="fuzz-gallery",
        what="galleries, of float32 and of bytes, with damaged arrays, texts and scales: one that "
        "answers, or one line",
        read=read_gallery,
        seeds=seeds_by(galleries),
        errors=(CheckpointError,),
        guided_by=(*FILES_ROOM, "minifacenet.classification.gallery"),
        mutate=mutated_arrays,
    )
)


# -- A cache of embeddings ------------------------------------------------------------------------

PHOTOS = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2, 1)


class Sums:
    """Embeds a photo as a few numbers that are known."""

    digest, preprocessing = "ab12", "words"

    def transform(self, photos: np.ndarray) -> np.ndarray:
        return photos.reshape(len(photos), -1).astype(np.float32) / 16


def cache_file(folder: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        EmbeddingCache(folder, Sums()).transform(PHOTOS)
    return next(folder.glob("embeddings-*.safetensors"))


def read_cached(data: bytes) -> None:
    folder = Path("cache")
    if not folder.exists():
        cache_file(folder)
    path = next(folder.glob("embeddings-*.safetensors"))
    path.write_bytes(data)
    told: list[str] = []
    cache = EmbeddingCache(folder, Sums(), warn=told.append)
    cache._keep = lambda *what: None  # a write to the disk, which waits for it
    cache._can_keep = lambda *what: True
    assert (cache.transform(PHOTOS) == Sums().transform(PHOTOS)).all()
    assert all(path.name in text and len(text) < 600 for text in told), shortened(told)


fuzzed(
    Reader(
        name="fuzz-cache",
        what="a damaged cache of embeddings: the vectors that the network gives, whatever it holds",
        read=read_cached,
        seeds=seeds_by(lambda place: [cache_file(place).read_bytes()]),
        errors=(),
        guided_by=(*FILES_ROOM, "minifacenet.embedding.cache"),
        mutate=mutated_arrays,
    )
)


# -- The detector's weights -----------------------------------------------------------------------


def detectors(place: Path) -> list[bytes]:
    """The header alone: `read_detector` puts the weights behind it."""
    arrays = {name: p.data for name, p in MTCNN.new(None).parameters().items()}
    save_arrays(place / "d.safetensors", arrays, {"format": FORMAT})
    data = (place / "d.safetensors").read_bytes()
    return [data[: 8 + int.from_bytes(data[:8], "little") + 64]]


def read_detector(data: bytes) -> None:
    header = 8 + int.from_bytes(data[:8], "little")
    try:
        ends = [about["data_offsets"][1] for name, about in json.loads(data[8:header]).items()
                if name != "__metadata__"]  # fmt: skip
        whole = max(ends)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        whole = 0
    with open("d.safetensors", "wb") as file:
        file.write(data)
        if type(whole) is int and 0 < whole <= MOST_BODY:
            file.truncate(header + whole)
    with naming("d.safetensors"):
        MTCNN.load("d.safetensors")
    raise AssertionError("these are not the published weights")


fuzzed(
    Reader(
        name="fuzz-detector",
        what="a detector's file with a damaged header, or other weights than the published: one "
        "line",
        read=read_detector,
        seeds=seeds_by(detectors),
        errors=(CheckpointError,),
        guided_by=(*FILES_ROOM, "minifacenet.preprocessing.mtcnn"),
        mutate=mutated_arrays,
    )
)
