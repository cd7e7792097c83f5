"""Tables, alone and beside the arrays that they describe."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from random import Random

import numpy as np
from numpy.lib import format as npy_format

from minifacenet.classification.pair_lists import PairsError, read_pairs
from minifacenet.embedding.store import Embeddings, StoreError, join
from minifacenet.files.atomic import digest
from minifacenet.preprocessing.listing import FolderError
from minifacenet.preprocessing.packed import read_pack, table_digest
from minifacenet.preprocessing.packing import pack_faces

from .damaged_tables import bundled, mutated_bundle, mutated_table, unbundled
from .fuzz_small import is_text, naming, seeds_by, write
from .fuzzing import Inner, Reader, fuzzed
from .mutations import EDGES, json_text, mutated_json


def mutated_npy(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage the header of an array, a Python dictionary in text; or what follows it."""
    start, size = 10, int.from_bytes(data[8:10], "little")
    text, body = data[start : start + size], data[start + size :]
    kind = rng.randrange(4)
    if kind == 0:
        return data[: start + size] + inner(body)
    if kind == 1:
        numbers = [b"%d" % rng.choice((*EDGES, 1, 2, 10**9)) for _ in range(rng.randrange(6))]
        shape = b"(" + b", ".join(numbers) + b",)"
        head, _, tail = text.partition(b"'shape': ")
        text = head + b"'shape': " + shape + tail[tail.find(b")") + 1 :]
    elif kind == 2:
        types = (b"<f4", b"|i1", b">f4", b"<f8", b"|O", b"|u1", b"<U9", b"|V8", b"<c8", b"<M8[s]")
        head, _, tail = text.partition(b"'descr': ")
        text = head + b"'descr': '" + rng.choice(types) + b"'" + tail[tail.find(b",") :]
    else:
        text = inner(text)
    return data[:8] + (len(text) % 2**16).to_bytes(2, "little") + text + body


# -- Embeddings -----------------------------------------------------------------------------------


def embeddings(place: Path) -> list[bytes]:
    vectors = np.eye(3, 4, dtype=np.float32)
    whole = Embeddings(vectors, ("a/1.png", "b.png", "ü.png"), ("a", "", "Zoë"), "ab12", "words")
    found = []
    for quantised in (None, "vector", "global"):
        whole.save(place / "v", quantised)
        found.append(bundled([(place / f"v.{end}").read_bytes() for end in ("npy", "csv")]))
    return found


def with_digest(files: list[bytes], rng: Random) -> list[bytes]:
    """Put the digest of the array into the table, mostly: or none of its damage is met."""
    npy, table = files
    try:
        array = npy_format.read_array(io.BytesIO(npy), allow_pickle=False)
        old, new = next(csv.DictReader(io.StringIO(table.decode())))["npy"], digest(array)
    except Exception:  # whatever it is that does not fit
        return files
    if not old or rng.random() < 0.1:
        return files
    return [npy, table.replace(old.encode(), new.encode())]


def read_embeddings(data: bytes) -> None:
    npy, table = unbundled(data, 2)
    write(v__npy=npy, v__csv=table)
    with naming("v.npy", "v.csv"):
        found = Embeddings.load("v")
    assert found.vectors.dtype == np.float32
    assert np.isfinite(found.vectors).all()
    assert found.vectors.nbytes <= 4 * len(npy)
    assert len(found.vectors) == len(found.paths) == len(found.names) > 0
    assert all(map(is_text, (*found.paths, *found.names, found.model, found.preprocessing)))
    assert len(join(found, found)) == 2 * len(found)


fuzzed(
    Reader(
        name="fuzz-embeddings",
        what="embeddings, of float32 and of bytes, whose array or table is damaged: finite vectors "
        "with names, or one line",
        read=read_embeddings,
        seeds=seeds_by(embeddings),
        errors=(StoreError,),
        guided_by=("minifacenet.embedding.store", "minifacenet.embedding.quantise"),
        mutate=mutated_bundle((mutated_npy, mutated_table), with_digest),
    )
)


# -- Packed faces ---------------------------------------------------------------------------------


def packs(place: Path) -> list[bytes]:
    from PIL import Image

    for number, (name, colour) in enumerate(
        (("Ada/1", "red"), ("Ada/2", "blue"), ("Zoë/1", "tan"))
    ):
        path = place / "photos" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9 + number, 9), colour).save(path)
    (place / "photos" / "Ada" / "note.txt").write_text("words", encoding="utf-8")
    pack_faces(place / "photos", place / "pack", size=3)
    names = ("faces.npy", "faces.csv", "pack.json")
    return [bundled([(place / "pack" / name).read_bytes() for name in names])]


def mutated_about(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    import json

    try:
        return json_text(mutated_json(json.loads(data), rng), rng)
    except (ValueError, RecursionError):
        return None


def with_table_digest(files: list[bytes], rng: Random) -> list[bytes]:
    npy, table, about = files
    at = about.find(b'"table": "')
    if at < 0 or rng.random() < 0.1:
        return files
    start = at + len(b'"table": "')
    return [npy, table, about[:start] + table_digest(table).encode() + about[start + 16 :]]


def read_packed(data: bytes) -> None:
    files = unbundled(data, 3)
    Path("pack").mkdir(exist_ok=True)
    for name, file in zip(("faces.npy", "faces.csv", "pack.json"), files, strict=True):
        Path("pack", name).write_bytes(file)
    with naming("pack"):
        faces = read_pack("pack")
    assert len(faces.images) == len(faces.labels) == len(faces.paths) == len(faces.origins) > 0
    assert len(set(faces.people)) == len(faces.people)
    texts = (*faces.people, *faces.paths, *faces.origins, *faces.ignored, *faces.dropped, faces.cut)
    assert all(map(is_text, texts))
    assert faces.labels.min() >= 0
    assert faces.labels.max() < len(faces.people)
    assert faces.cut.isprintable()
    assert 0 < len(faces.cut) < 300
    assert faces.images[[0, -1]].shape[1:] == faces.images.shape[1:]
    assert len("".join(name.encode().decode() for name in faces.people)) < len(data)


fuzzed(
    Reader(
        name="fuzz-pack",
        what="packed faces whose array, table or index is damaged: faces with their people, or one "
        "line",
        read=read_packed,
        seeds=seeds_by(packs),
        errors=(FolderError,),
        guided_by=("minifacenet.preprocessing.packed", "minifacenet.files.stored"),
        mutate=mutated_bundle((mutated_npy, mutated_table, mutated_about), with_table_digest),
    )
)


# -- Lists of pairs -------------------------------------------------------------------------------


def mutated_list(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    return mutated_table(data, rng, inner, "\t")


def read_list(data: bytes) -> None:
    write(pairs__txt=data)
    with naming("pairs.txt"):
        pairs = read_pairs("pairs.txt")
    assert len(pairs.first) == len(pairs.second) == len(pairs.same) == len(pairs.fold) > 0
    for first, second, same, fold in zip(
        pairs.first, pairs.second, pairs.same, pairs.fold, strict=True
    ):
        assert first != second
        assert not any(Path(name).is_absolute() or ".." in Path(name).parts
                       for name in (first, second))  # fmt: skip
        assert same in (True, False)
        assert 0 <= fold < 2**31


LISTS = (
    "1\t2\nAda\t1\t2\nZoë\t3\t1\nAda\t1\tZoë\t2\nAda\t4\tZoë\t1\n",
    "1\nAda\t1\t2\nAda\t1\tZoë\t2\n",
    "2\t1\r\nAda 1 2\r\nAda 1 Zoe 2\r\nZoe 1 2\r\nAda 3 Zoe 2\r\n",
    "Ada/1.jpg\tAda/2.jpg\t1\t3\nAda/1.jpg\tZoë/1.jpg\t0\t1\n",
    "\ufeffAda/1 a.jpg\tAda/2.jpg\t1\nAda/1 a.jpg\tb.jpg\t0\n\n",
)
fuzzed(
    Reader(
        name="fuzz-pairs",
        what="lists of pairs, LFW's and those of paths, with damaged lines and signs: pairs of two "
        "photos inside the folder, or one line",
        read=read_list,
        seeds=lambda: [text.encode() for text in LISTS],
        errors=(PairsError,),
        guided_by=("minifacenet.classification.pair_lists",),
        mutate=mutated_list,
    )
)
