"""Tables of faces in photos: the manifest, and the names that a user has given by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minifacenet.classification.known_faces import person_of
from minifacenet.classification.renames import (
    ASKED,
    FILE,
    STORED,
    load_renames,
    names_by_hand,
    read_wishes,
    with_wishes,
)
from minifacenet.preprocessing.choose_and_cut import Face
from minifacenet.preprocessing.crop_places import crop_names, is_below_faces, is_crop_of
from minifacenet.preprocessing.manifest import Entry, load_manifest, save_manifest

from .damaged_tables import bundled, mutated_bundle, mutated_table, unbundled
from .fuzz_small import is_text, naming, seeds_by, write
from .fuzzing import Reader, fuzzed

FAR = 2**24  # pixels: no photo is as wide


# -- The manifest ---------------------------------------------------------------------------------

POINTS = ((0.0, 0.5),) * 5
ENTRIES = (
    Entry("Ada/1.jpg", "largest", "0f" * 8, (
        Face(1, (0.0, 1.0, 30.5, 40.0), 0.99, POINTS), Face(2, (5.0, 1.0, 9.0, 4.0), 0.9, POINTS,
                                                            reason="smaller"),
    ), ("faces/Ada/1.png", "")),
    Entry("b.png", "all", "ab" * 8, (Face(0, reason="no face"),), ("",)),
    Entry("ü.png", "already cropped", "cd" * 8, (Face(1),), ("faces/ü.png",)),
)  # fmt: skip


def manifests(place: Path) -> list[bytes]:
    save_manifest(place / "manifest.csv", ENTRIES)
    return [(place / "manifest.csv").read_bytes()]


def read_manifest(data: bytes) -> None:
    write(manifest__csv=data)
    with naming("manifest.csv"):
        entries = load_manifest(Path("manifest.csv"))
    for photo, entry in entries.items():
        assert photo == entry.photo != ""
        assert len(entry.faces) == len(entry.crops) > 0
        assert is_text(person_of(photo))
        assert all(map(is_text, (entry.rule, entry.content, entry.reason, *entry.crops)))
        for face, crop in zip(entry.faces, entry.crops, strict=True):
            assert 0 <= face.number < 2**31
            assert face.score is None or 0 <= face.score <= 1
            edges = [*(face.box or ()), *(v for point in face.landmarks or () for v in point)]
            assert all(abs(edge) < FAR for edge in edges), edges
            assert not crop or is_below_faces(crop) in (True, False)
            assert not crop or is_crop_of(Path(crop), photo) is False
    crop_names(entries)
    names_by_hand([], entries.values())


fuzzed(
    Reader(
        name="fuzz-manifest",
        what="manifest.csv with damaged cells, rows and signs: faces with boxes inside of photos, "
        "or one line",
        read=read_manifest,
        seeds=seeds_by(manifests),
        errors=(ValueError,),
        guided_by=("minifacenet.preprocessing.manifest",),
        mutate=mutated_table,
    )
)


# -- Names given by hand ---------------------------------------------------------------------------


def read_names(data: bytes) -> None:
    stored, asked = unbundled(data, 2)
    write(renamed__csv=stored, wishes__csv=asked)
    with naming(FILE, "wishes.csv"):
        renames, wishes = load_renames(Path()), read_wishes(Path("wishes.csv"))
    for one in (*renames, *wishes):
        assert one.name.isprintable() or not one.name.isascii()
        assert len(one.name) < 300
        assert 0 < one.face < 2**31
    with np.errstate(all="raise"):
        kept, missed = with_wishes(renames, wishes, ENTRIES)
        names = names_by_hand(kept, ENTRIES)
    assert len(missed) <= len(wishes)
    assert all(map(is_text, names.values()))


def renamed() -> list[bytes]:
    stored = f"{','.join(STORED)}\nAda/1.jpg,1,Ada,0,1,30.5,40,{'0f' * 8}\n,2,Zoë,5,1,9,4,\n"
    asked = f"{','.join(ASKED)}\nAda/1.jpg,2,Grace\nü.png,1,\nAda/1.jpg,1,Unknown\n"
    return [bundled([stored.encode(), asked.encode()])]


fuzzed(
    Reader(
        name="fuzz-names",
        what="names given by hand, in a damaged renamed.csv or a user's file: names of faces, or "
        "one line",
        read=read_names,
        seeds=renamed,
        errors=(ValueError,),
        guided_by=("minifacenet.classification.renames",),
        mutate=mutated_bundle((mutated_table, mutated_table)),
    )
)
