import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minifacenet.embedding import store
from minifacenet.embedding.quantise import quantise
from minifacenet.embedding.store import HEADER, Embeddings, StoreError, join
from minifacenet.files import npy
from minifacenet.files.atomic import digest, write_csv

NAMES = ("Ada, Countess", 'the "Amazing" Grace', "two\nlines\r\nand\r", "Émilie 光", "", " x ")
KINDS = (None, "global", "vector")


def some(count=6, seed=0, dim=8, names=NAMES, **changes):
    vectors = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    paths = tuple(f"{name}/{i}.jpg" for i, name in enumerate(names[:count]))
    return replace(Embeddings(vectors, paths, names[:count], "0123", "square; alone"), **changes)


def texts(embeddings):
    return embeddings.paths, embeddings.names, embeddings.model, embeddings.preprocessing


@pytest.mark.parametrize("ending", ["", ".npy", ".csv"])
@pytest.mark.parametrize("name", ["all", "v1.5"])
def test_all_comes_back_with_any_ending_and_two_files_are_there(tmp_path, name, ending):
    before = some()
    before.save(tmp_path / "new" / f"{name}{ending}")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [f"{name}.csv", f"{name}.npy"]
    for end in ("", ".npy", ".csv"):
        after = Embeddings.load(tmp_path / "new" / f"{name}{end}")
        np.testing.assert_array_equal(after.vectors, before.vectors)
        assert after.vectors.dtype == np.float32
        assert texts(after) == texts(before)
        assert len(after) == 6


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4), st.text(), st.text())
def test_any_text_comes_back(tmp_path, rows, model, preprocessing):
    paths, names = zip(*rows, strict=True)
    before = Embeddings(np.eye(len(rows), 4, dtype=np.float32), paths, names, model, preprocessing)
    before.save(tmp_path / "e")
    assert texts(Embeddings.load(tmp_path / "e")) == texts(before)


def test_other_programs_read_the_files(tmp_path):
    before = some()
    before.save(tmp_path / "e")
    np.testing.assert_array_equal(np.load(tmp_path / "e.npy"), before.vectors)
    with (tmp_path / "e.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0])[:5] == ("index", "path", "label", "model", "preprocessing")
    assert [row["index"] for row in rows] == list("012345")
    assert [row["label"] for row in rows] == list(NAMES)
    assert {(row["model"], row["scale"]) for row in rows} == {("0123", "")}


@pytest.mark.parametrize("kind", KINDS[1:])
def test_bytes_come_back_as_the_rounded_vectors(tmp_path, kind):
    before = some()
    small = quantise(before.vectors, kind)
    before.save(tmp_path / "e", quantised=kind)
    array = np.load(tmp_path / "e.npy")
    assert array.dtype == np.int8
    np.testing.assert_array_equal(array, small.codes)
    after = Embeddings.load(tmp_path / "e")
    np.testing.assert_array_equal(after.vectors, small.vectors)  # bit for bit, scales included
    assert texts(after) == texts(before)
    after.save(tmp_path / "again", quantised=kind)
    np.testing.assert_array_equal(np.load(tmp_path / "again.npy"), array)


def test_bytes_take_a_quarter_of_the_space(tmp_path):
    before = some(dim=128)
    sizes = []
    for kind in KINDS:
        before.save(tmp_path / "e", quantised=kind)
        sizes.append((tmp_path / "e.npy").stat().st_size - 128)  # the header of the array
    assert sizes == [6 * 512, 6 * 128, 6 * 128]


@pytest.mark.parametrize("view", [np.asfortranarray, lambda v: v[:, ::-1][:, ::-1]])
def test_equal_arrays_in_any_memory_order_give_equal_files(tmp_path, view):
    before = some()
    before.save(tmp_path / "a")
    replace(before, vectors=view(before.vectors)).save(tmp_path / "b")
    for end in ("npy", "csv"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()


# -- Kills, and files that do not belong together ------------------------------------------------


class Killed(BaseException):
    pass


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [some(seed=1), some(3), None], ids=["as many", "fewer", "none"])
def test_a_kill_between_the_two_files_is_noticed(tmp_path, monkeypatch, kind, before):
    path = tmp_path / "e"
    if before is not None:
        before.save(path, kind)

    def killed(*arguments):
        raise Killed

    monkeypatch.setattr(store, "write_csv", killed)
    with pytest.raises(Killed):
        some().save(path, kind)
    message = "holds 6 vectors, but .* 3 rows" if before is not None else "no such file"
    if before is not None and len(before) == 6:
        message = "e.npy is not the array that .*e.csv was written for.*interrupted.*Save again"
    with pytest.raises(StoreError, match=message):
        Embeddings.load(path)


def test_a_kill_before_the_first_file_leaves_the_old_pair(tmp_path, monkeypatch):
    some(seed=1).save(tmp_path / "e")

    def killed(*arguments, **options):
        raise Killed

    monkeypatch.setattr(npy.npy_format, "write_array", killed)
    with pytest.raises(Killed):
        some().save(tmp_path / "e")
    np.testing.assert_array_equal(Embeddings.load(tmp_path / "e").vectors, some(seed=1).vectors)


@pytest.mark.parametrize(
    ("embeddings", "kind", "message"),
    [
        (some(0), None, "e.npy: not saved, there are no embeddings"),
        (some(paths=("a\udce9", *"bcdef")), None, r"e.csv: not saved, 'a\\udce9' is no valid"),
        (some(), "half", "got 'half'"),
    ],
)
def test_what_cannot_be_saved_leaves_the_old_pair(tmp_path, embeddings, kind, message):
    some(seed=1).save(tmp_path / "e")
    with pytest.raises(ValueError, match=message):
        embeddings.save(tmp_path / "e", kind)
    np.testing.assert_array_equal(Embeddings.load(tmp_path / "e").vectors, some(seed=1).vectors)


def test_a_missing_half_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"e\.npy: no such file$"):
        Embeddings.load(tmp_path / "e")
    for lost, there in ((".npy", ".csv"), (".csv", ".npy")):
        some().save(tmp_path / "e")
        (tmp_path / f"e{lost}").unlink()
        with pytest.raises(StoreError, match=rf"e\{lost}: no such file although e\{there} is ther"):
            Embeddings.load(tmp_path / "e")


def put(path, array, kind=None, **cells):
    """A pair on disk with another array, its digest right, and other cells in row 1."""
    some().save(path, kind)
    table, npy = path.with_suffix(".csv"), path.with_suffix(".npy")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if array is not None:
        np.save(npy, array, allow_pickle=True)
        rows = [row | {"npy": digest(array)} for row in rows]
    rows[1] |= cells
    write_csv(table, HEADER, [row.values() for row in rows])


V = some().vectors
PLACE = (np.arange(6) == 3)[:, None] & (np.arange(8) == 3)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (V.astype(np.float64), r"float32 or int8 of shape \(N, D\), got float64 \(6, 8\)"),
        (V.astype(">f4"), r"got >f4 \(6, 8\)"),
        (V[0], r"got float32 \(8,\)"),
        (V[..., None], r"got float32 \(6, 8, 1\)"),
        (V[:5], "e.npy holds 5 vectors, but .*e.csv has 6 rows"),
        (np.where(PLACE, np.float32("nan"), V), "e.csv, e.npy: NaN .*1 vectors.* row 3"),
        (np.where(PLACE, np.float32("inf"), V), "NaN or infinity .* row 3"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(tmp_path, array, message):
    put(tmp_path / "e", array)
    with pytest.raises(StoreError, match=message):
        Embeddings.load(tmp_path / "e")


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize(
    "content", [np.array([[Evil()]] * 6, object), b"", b"\x80\x04K\x01.", b"\x93NUMPY\x01\x00"]
)
def test_pickles_and_what_is_no_array_are_refused(tmp_path, content):
    some().save(tmp_path / "e")
    if isinstance(content, bytes):
        (tmp_path / "e.npy").write_bytes(content)
    else:
        np.save(tmp_path / "e.npy", content, allow_pickle=True)
    with pytest.raises(StoreError, match=r"e\.npy: not a whole \.npy file of numbers"):
        Embeddings.load(tmp_path / "e")


def test_a_header_that_claims_a_huge_array_takes_no_memory(tmp_path):
    some().save(tmp_path / "e")
    data = (tmp_path / "e.npy").read_bytes()
    (tmp_path / "e.npy").write_bytes(data.replace(b"(6, 8), ", b"(60000000000, 8), "))
    with pytest.raises(StoreError, match=r"bytes, not \d+ as its header means"):
        Embeddings.load(tmp_path / "e")


def test_zip_archives_are_refused(tmp_path):
    some().save(tmp_path / "e")
    np.savez(tmp_path / "e.npz", V)
    (tmp_path / "e.npz").replace(tmp_path / "e.npy")
    with pytest.raises(StoreError, match=r"e\.npy: not a whole \.npy file"):
        Embeddings.load(tmp_path / "e")


@pytest.mark.parametrize("name", ["e.npy", "e.csv"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_file_is_refused_at_any_length(tmp_path, kind, name):
    some().save(tmp_path / "e", kind)
    whole = (tmp_path / name).read_bytes()
    end = len(whole) - (2 if name == "e.csv" else 0)  # without its last line break it is whole
    for length in range(end):
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(StoreError, match=name.replace(".", r"\.")):
            Embeddings.load(tmp_path / "e")


@pytest.mark.parametrize("kind", KINDS)
def test_any_wrong_byte_of_the_array_is_refused_or_changes_nothing(tmp_path, kind):
    some().save(tmp_path / "e", kind)
    before = Embeddings.load(tmp_path / "e").vectors
    whole = (tmp_path / "e.npy").read_bytes()
    for position in range(len(whole)):
        for flip in (1, 4, 0x80):
            damaged = bytearray(whole)
            damaged[position] ^= flip
            (tmp_path / "e.npy").write_bytes(damaged)
            try:
                after = Embeddings.load(tmp_path / "e").vectors
            except StoreError:
                continue
            assert position < 128  # white space of the header
            np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(
    ("kind", "cells", "message"),
    [
        (None, dict(model="4567"), "model must be the same in all rows, got '0123' and '4567'"),
        (None, dict(preprocessing="flip"), "preprocessing must .* 'square; alone' and 'flip'"),
        (None, dict(npy="f" * 16), "npy must be the same in all rows"),
        (None, dict(index="2"), "e.csv: row 1 has index '2': keep their order"),
        (None, dict(scale="1.5"), "float32 has no scale, got '1.5'"),
        ("vector", dict(scale=""), "e.csv, e.npy: a scale is finite and positive, got ''"),
        ("vector", dict(scale="0"), "positive, got '0'"),
        ("global", dict(scale="nan"), "positive, got 'nan'"),
        ("global", dict(scale="1e300"), "positive, got '1e300'"),
        ("vector", dict(scale="x" * 900), "positive, got 'x{190,200} ...$"),
    ],
)
def test_cells_that_do_not_fit_are_refused(tmp_path, kind, cells, message):
    put(tmp_path / "e", None, kind, **cells)
    with pytest.raises(StoreError, match=message):
        Embeddings.load(tmp_path / "e")


def test_a_corrected_name_is_no_damage(tmp_path):
    put(tmp_path / "e", None, label="Hopper")
    assert Embeddings.load(tmp_path / "e").names[1] == "Hopper"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "needs the columns index, path, .*, has $"),
        (b"index,path,label,model,preprocessing\r\n0,a,b,c,d\r\n", "needs .* scale, npy, has inde"),
        (",".join(HEADER).encode(), "no rows below the header"),
        (",".join(HEADER).encode() + b"\r\n0,a,b\r\n", "row 0 has 3 columns, not 7.*'a', 'b'"),
        ("index,path,é".encode("latin-1"), "not a UTF-8 table"),
        (b'index,"path', "not a UTF-8 table"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, content, message):
    some().save(tmp_path / "e")
    (tmp_path / "e.csv").write_bytes(content)
    with pytest.raises(StoreError, match=message) as error:
        Embeddings.load(tmp_path / "e")
    assert str(tmp_path / "e.csv") in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(vectors=V.astype(np.float64)), r"float32 .* got float64 \(6, 8\)"),
        (dict(vectors=V[0]), r"got float32 \(8,\)"),
        (dict(vectors=V * np.float32("nan")), "in 6 vectors, first in row 0"),
        (dict(paths=("a",)), "6 vectors need .* got 1 and 6"),
        (dict(names=()), "got 6 and 0"),
    ],
)
def test_embeddings_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(StoreError, match=message):
        replace(some(), **changes)


def test_join_keeps_the_order():
    a, b = some(2), some(3, seed=1)
    joined = join(a, b, a)
    np.testing.assert_array_equal(joined.vectors, np.concatenate([a.vectors, b.vectors, a.vectors]))
    assert joined.paths == a.paths + b.paths + a.paths
    assert joined.names == a.names + b.names + a.names
    assert (joined.model, joined.preprocessing) == ("0123", "square; alone")
    assert texts(join(a)) == texts(a)


def test_join_refuses_two_models_and_two_preprocessings_by_name():
    with pytest.raises(StoreError, match=r"two models .*'0123' and '4567'"):
        join(some(), some(), some(model="4567"))
    with pytest.raises(StoreError, match=r"two preprocessings .*'square; alone' and 'flip'"):
        join(some(), some(preprocessing="flip"))
    with pytest.raises(StoreError, match="nothing to join"):
        join()
