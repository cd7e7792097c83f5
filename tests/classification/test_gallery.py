"""Galleries of templates: exact, appended to, and whole on disk."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minifacenet.classification.gallery import Gallery
from minifacenet.classification.gallery_growth import add_to, joined
from minifacenet.classification.nearest import nearest_reference
from minifacenet.embedding.quantise import quantise
from minifacenet.embedding.store import Embeddings
from minifacenet.files import atomic
from minifacenet.files.arrays import CheckpointError, load_arrays, save_arrays


def unit(count, seed=0, dim=16):
    vectors = np.random.default_rng(seed).standard_normal((count, dim), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def some(count=6, seed=0, dim=16, model="93f0"):
    people, paths = ([f"{word} {seed} {i}" for i in range(count)] for word in ("Zoë", "photo"))
    return Gallery(unit(count, seed, dim), people, paths, model, "centre square")


def assert_same(one, other):
    np.testing.assert_array_equal(one.vectors, other.vectors)
    for name in ("people", "paths"):
        assert list(getattr(one, name)) == list(getattr(other, name))
    for name in ("model", "preprocessing", "scale"):
        assert getattr(one, name) == getattr(other, name)


def test_the_nearest_by_the_definition():
    gallery, queries = some(40), unit(7, seed=1)
    rows, distances = gallery.nearest(queries, 5)
    expected, theirs = nearest_reference(gallery.vectors, queries, 5)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(distances, theirs)
    assert gallery.people[expected[0, 0]] == f"Zoë 0 {expected[0, 0]}"


def test_bytes_are_compared_as_codes():
    gallery, queries = some(40).quantised(), unit(7, seed=1) / 2
    codes = np.rint(queries * gallery.scale).astype(np.int8)
    rows, distances = gallery.nearest(queries, 5)
    expected, theirs = nearest_reference(gallery.vectors, codes, 5)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(distances, theirs / gallery.scale**2)
    assert gallery.quantised() is gallery
    small = quantise(some(40).vectors, "global")
    np.testing.assert_array_equal(gallery.vectors, small.codes)
    far = np.zeros((1, 16), np.float32)
    far[0, 0] = 9
    whole = np.square(gallery.vectors - 127.0 * (far > 0)).sum(axis=1).min()
    assert gallery.nearest(far)[1] == whole / gallery.scale**2
    with pytest.raises(ValueError, match="queries hold NaN"):
        gallery.nearest(far * np.nan)


@pytest.mark.parametrize("small", [False, True])
def test_a_file_holds_it_all(tmp_path, small):
    gallery = some().quantised() if small else some()
    gallery.save(tmp_path / "g.safetensors")
    assert_same(Gallery.load(tmp_path / "g.safetensors"), gallery)


def test_of_embeddings_and_without_names(tmp_path):
    it = Embeddings(unit(2), ("a", "b"), ("", ""), "93f0", "centre square")
    gallery = Gallery.of(it)
    gallery.save(tmp_path / "g.safetensors")
    assert list(Gallery.load(tmp_path / "g.safetensors").people) == ["", ""]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.booleans())
def test_appending_is_enrolling_all_at_once(sizes, small):
    parts = [some(size, seed) for seed, size in enumerate(sizes)]
    whole = parts[0].quantised() if small else parts[0]
    for part in parts[1:]:
        whole, added = joined(whole, part)
        assert added == len(part)
        assert joined(whole, part) == (whole, 0)
    vectors = np.concatenate([part.vectors for part in parts])
    if not small:
        np.testing.assert_array_equal(whole.vectors, vectors)
    else:  # rounded once when it came, and once for each coarser scale
        assert whole.scale == pytest.approx(127 / np.abs(vectors).max(), rel=1e-6)
        assert np.abs(whole.floats(slice(None)) - vectors).max() <= len(sizes) * 0.51 / whole.scale
        assert whole.vectors.dtype == np.int8
    assert list(whole.paths) == [path for part in parts for path in part.paths]
    assert list(whole.people) == [name for part in parts for name in part.people]


def test_a_photo_that_rounds_otherwise_is_known_and_a_new_one_is_not():
    gallery = some()
    again = dataclasses.replace(gallery, vectors=gallery.vectors + np.float32(1e-4))
    assert joined(gallery, again)[1] == 0
    vectors = gallery.vectors.copy()
    vectors[3] = unit(1, seed=8)[0]  # another photo in its place
    whole, added = joined(gallery, dataclasses.replace(gallery, vectors=vectors))
    assert (added, whole.paths[-1]) == (1, gallery.paths[3])


def test_faces_as_bytes_are_known_again_whatever_the_scale():
    """A folder grows: half of its photos are there, rounded by another largest entry."""
    whole = some(count=200, dim=128)
    half = Gallery(
        whole.vectors[:100], tuple(whole.people)[:100], tuple(whole.paths)[:100], whole.model,
        whole.preprocessing,
    )  # fmt: skip
    for gallery, new, added in (
        (half.quantised(), whole.quantised(), 100),
        (whole.quantised(), half.quantised(), 0),
        (whole.quantised(), whole, 0),
    ):
        assert joined(gallery, new)[1] == added


def test_what_does_not_belong_together_is_refused(tmp_path):
    path = tmp_path / "g.safetensors"
    assert add_to(path, some())[1] == 6
    before = path.read_bytes()
    for new, says in (
        (some(seed=1, model="77aa"), "templates of two models do not compare, '93f0' and '77aa'"),
        (dataclasses.replace(some(seed=1), preprocessing="box"), "two preprocessings"),
        (some(seed=1, dim=9), "of 16 and of 9 dimensions"),
        (some(seed=1).quantised(), "holds float32, and not bytes"),
    ):
        with pytest.raises(ValueError, match=says):
            add_to(path, new)
    assert path.read_bytes() == before
    whole, added = add_to(path, some(seed=1))
    assert (len(whole), added) == (12, 6)
    assert_same(Gallery.load(path), whole)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "g.safetensors"
    add_to(path, some())
    before = path.read_bytes()

    def fails(*names):
        raise OSError("the disk is full")

    monkeypatch.setattr(atomic.os, "replace", fails)
    with pytest.raises(OSError, match="full"):
        add_to(path, some(seed=1))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (dict(vectors=np.eye(3)), "vectors are float32 of shape .*got float64"),
        (dict(vectors=np.eye(3, dtype=np.float32)[0]), r"got float32 \(3,\)"),
        (dict(scale=2.0), "vectors are int8"),
        (dict(people=["Ada"]), "3 vectors need as many people .* got 1 and 3"),
        (dict(vectors=np.full((3, 3), np.nan, np.float32)), "vectors hold NaN"),
        (dict(vectors=np.eye(3, dtype=np.int8), scale=-1.0), "a scale is a number from 1e-30"),
        (dict(vectors=np.zeros((0, 3), np.float32), people=[], paths=[]), "nobody to search"),
    ],
)
def test_what_is_no_gallery(arguments, says):
    good = dict(
        vectors=np.eye(3, dtype=np.float32), people=["a"] * 3, paths=["b"] * 3, model="",
        preprocessing="",
    )  # fmt: skip
    with pytest.raises(ValueError, match=says):
        Gallery(**good | arguments)


def test_damage_is_one_line_with_the_files_name(tmp_path):
    path = tmp_path / "g.safetensors"
    with pytest.raises(CheckpointError, match="no such gallery: minifacenet gallery add"):
        Gallery.load(path)
    some().save(path)
    arrays, metadata = load_arrays(path)
    for changed, others, says in (
        ({}, {"gallery_format": 2}, "format 2 of a gallery, but .* reads 1"),
        ({"people_ends": arrays["people_ends"][:-1]}, {}, "damaged .the ends of texts"),
        ({"vectors": arrays["vectors"][1:]}, {}, "damaged .5 vectors need as many"),
        ({"vectors": arrays["vectors"].astype(np.int8)}, {}, "damaged .vectors are float32"),
        ({}, {"scale": "2"}, "damaged .vectors are int8"),
    ):
        save_arrays(path, arrays | changed, metadata | others)
        with pytest.raises(CheckpointError, match=says) as error:
            Gallery.load(path)
        assert str(error.value).startswith(str(path))
    save_arrays(path, {k: a for k, a in arrays.items() if k != "paths"}, metadata)
    with pytest.raises(CheckpointError, match=r"damaged .'paths'"):
        Gallery.load(path)
    save_arrays(path, arrays, {})
    with pytest.raises(CheckpointError, match="holds no gallery"):
        Gallery.load(path)
    some().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        Gallery.load(path)
    path.write_bytes(whole[:-9] + b"damaged!!")
    with pytest.raises(CheckpointError, match="damaged, its arrays are not what was written"):
        Gallery.load(path)


def test_dead_embeddings_are_kept_as_bytes(tmp_path):
    """The scale of zeros was refused: 'finite and positive, got 1.27e+32'."""
    dead = Gallery(np.zeros((2, 4), np.float32), ["a", "b"], ["1", "2"], "93f0", "square")
    dead.quantised().save(tmp_path / "dead.safetensors")
    rows, distances = Gallery.load(tmp_path / "dead.safetensors").nearest(dead.vectors, 2)
    np.testing.assert_array_equal(rows, [[0, 1]] * 2)
    np.testing.assert_array_equal(distances, 0)
