"""Packed faces: the bits of the folder, whatever interrupts their making."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minifacenet.preprocessing import packing
from minifacenet.preprocessing.listing import FolderError
from minifacenet.preprocessing.packed import is_pack, read_pack
from minifacenet.preprocessing.packing import pack_faces
from minifacenet.preprocessing.read_folder import read_faces
from minifacenet.preprocessing.results import result_in

from .made_files import decode_some, save_crop

SIZE = 16
FIELDS = (
    "people", "paths", "skipped", "ignored", "dropped", "duplicates", "cut", "origins", "anonymous",
    "boxes", "content",
)  # fmt: skip


def make_people(root, colours="ggcgcg"):
    """Photos of three people, grey or in colour; one damaged, a note, a copy, an empty folder."""
    rng = np.random.default_rng(0)
    for i, colour in enumerate(colours):
        place = root / "ABC"[i % 3] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        shape = (20 + i, 18, 3) if colour == "c" else (20, 18 + i)
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(place)
    shutil.copy(root / "A" / "0.png", root / "B" / "copy.png")
    (root / "B" / "damaged.jpg").write_bytes(b"no photo")
    (root / "A" / 'note\u2028, "x".txt').write_text("a note")
    (root / "D").mkdir()
    return root


@pytest.fixture
def people(tmp_path):
    return make_people(tmp_path / "people")


def check_same(faces, other):
    for name in FIELDS:
        assert getattr(faces, name) == getattr(other, name), name
    np.testing.assert_array_equal(faces.pixels, other.pixels)
    np.testing.assert_array_equal(faces.labels, other.labels)
    assert faces.labels.dtype == other.labels.dtype


@pytest.mark.parametrize("channels", [None, 1, 3])
@pytest.mark.parametrize("colours", ["ggcgcg", "gggggg", "cccccc"])
def test_a_pack_is_what_the_folder_gives(tmp_path, channels, colours):
    people = make_people(tmp_path / "people", colours)
    packed = pack_faces(people, tmp_path / "pack", SIZE, channels)
    check_same(packed, read_faces(people, SIZE, channels))
    for asked in (None, 1, 3):
        if channels is None or asked == channels:
            check_same(read_pack(tmp_path / "pack", SIZE, asked), read_faces(people, SIZE, asked))
    assert {path.name for path in (tmp_path / "pack").iterdir()} == {
        "faces.npy", "faces.csv", "pack.json",
    }  # fmt: skip
    array = np.load(tmp_path / "pack" / "faces.npy", mmap_mode="r")
    np.testing.assert_array_equal(array, packed.pixels)


def test_cut_and_origin_go_along_and_names_of_any_kind(tmp_path):
    for name in ("Ada\u2028\x0b", 'Bob, "b"', "Zoë"):
        save_crop(tmp_path / "people" / name / "1.png", f"{name}/one.jpg")
        save_crop(tmp_path / "people" / name / "2.png", f"{name}/two.jpg")
    packed = pack_faces(tmp_path / "people", tmp_path / "pack", SIZE)
    check_same(packed, read_faces(tmp_path / "people", SIZE))
    assert packed.cut != "centre square"


class Stopped(BaseException):
    """As Ctrl-C: no handler for errors catches it."""


@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_interruptions_do_not_change_a_byte(tmp_path_factory, data):
    """Stopped at any photo, several times, with rows or keys cut off, and photos that change."""
    root = tmp_path_factory.mktemp("interrupted")
    people = make_people(
        root / "people", data.draw(st.sampled_from(["ggcgcg", "cggggg", "gggggc"]))
    )
    channels, rows = data.draw(st.sampled_from([None, None, 1, 3])), data.draw(st.integers(1, 4))
    out = root / "pack"
    for _ in range(data.draw(st.integers(1, 3))):
        with pytest.MonkeyPatch.context() as patch:
            decode_some(patch, packing, data.draw(st.integers(0, 7)), Stopped)
            patch.setattr(packing, "ROWS", rows)
            try:
                pack_faces(people, out, SIZE, channels)
                break
            except Stopped:
                pass
        for name in ("unfinished.npy", "unfinished.keys"):
            if data.draw(st.booleans()):  # the power failed before all was on the disk
                whole = (out / name).read_bytes()
                cut = data.draw(st.integers(0, len(whole)))
                (out / name).write_bytes(whole[:cut])
        if data.draw(st.booleans()):
            (people / "A" / "0.png").unlink(missing_ok=True)
        if data.draw(st.booleans()):
            Image.new("L", (9, 9), 7).save(people / "B" / "1.png")
        if data.draw(st.booleans()):
            (people / "C" / "2.png").unlink(missing_ok=True)  # in colour, perhaps the only one
    if not is_pack(out):
        pack_faces(people, out, SIZE, channels)
        check_same(read_pack(out), read_faces(people, SIZE, channels))
        pack_faces(people, root / "whole", SIZE, channels)
        for path in (root / "whole").iterdir():
            assert (out / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("last", ["faces.npy", "faces.csv", "pack.json"])
def test_a_kill_at_the_end_costs_nothing(people, tmp_path, monkeypatch, last):
    """Files appear one by one; what is there already is not decoded again."""

    usual_json, usual_unlink = packing.write_json, packing.Path.unlink

    def stop(*arguments):
        raise Stopped

    def write_json(path, value):
        return stop() if path.name == "pack.json" else usual_json(path, value)

    def unlink(path, missing_ok=False):
        return usual_unlink(path, missing_ok) if missing_ok else stop()

    with monkeypatch.context() as patch:
        if last == "faces.npy":
            patch.setattr(packing, "write_csv", stop)
        elif last == "faces.csv":
            patch.setattr(packing, "write_json", write_json)
        else:
            patch.setattr(packing.Path, "unlink", unlink)
        with pytest.raises(Stopped):
            pack_faces(people, tmp_path / "pack", SIZE)
    assert is_pack(tmp_path / "pack") == (last == "pack.json")
    if last == "pack.json":
        with pytest.raises(ValueError, match="holds packed faces already"):
            pack_faces(people, tmp_path / "pack", SIZE)
        assert len(list((tmp_path / "pack").iterdir())) == 3
    else:
        monkeypatch.setattr(packing, "square_crop", stop)
        pack_faces(people, tmp_path / "pack", SIZE)
    check_same(read_pack(tmp_path / "pack"), read_faces(people, SIZE))


def test_an_unfinished_pack_is_gone_on_with_only_as_it_began(people, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(packing, "_finish", lambda *rest: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pack_faces(people, tmp_path / "pack", SIZE)
    with pytest.raises(ValueError, match=r"unfinished pack of '.*people' at 16 pixels: choose"):
        pack_faces(people, tmp_path / "pack", SIZE + 1)
    (tmp_path / "pack" / "unfinished.json").write_text("{")
    with pytest.raises(ValueError, match="unfinished pack of who knows what"):
        pack_faces(people, tmp_path / "pack", SIZE)
    check_same(pack_faces(people, tmp_path / "pack", SIZE, force=True), read_faces(people, SIZE))


def test_a_forced_pack_leaves_the_older_one_until_it_is_whole(people, tmp_path, monkeypatch):
    pack_faces(people, tmp_path / "pack", SIZE)
    before = read_faces(people, SIZE)
    with pytest.raises(FolderError, match="does not exist"):
        pack_faces(tmp_path / "nowhere", tmp_path / "pack", SIZE, force=True)
    check_same(read_pack(tmp_path / "pack"), before)
    (people / "A" / "0.png").unlink()
    with monkeypatch.context() as patch:
        decode_some(patch, packing, 3, Stopped)
        with pytest.raises(Stopped):
            pack_faces(people, tmp_path / "pack", SIZE, force=True)
    check_same(read_pack(tmp_path / "pack"), before)
    told = []
    pack_faces(people, tmp_path / "pack", SIZE, began=told.append)  # goes on, without force
    assert told == [3]
    check_same(read_pack(tmp_path / "pack"), read_faces(people, SIZE))
    assert len(list((tmp_path / "pack").iterdir())) == 3


def test_a_pack_of_nobody_leaves_nothing_in_the_way(people, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FolderError):
        pack_faces(tmp_path / "empty", tmp_path / "pack", SIZE)
    check_same(pack_faces(people, tmp_path / "pack", SIZE), read_faces(people, SIZE))


def test_no_key_outlives_its_pixels(people, tmp_path, monkeypatch):
    """A photo goes, comes back, and in between the power fails between pixels and keys."""
    with monkeypatch.context() as patch:
        patch.setattr(packing, "_finish", lambda *rest: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pack_faces(people, tmp_path / "pack", SIZE)
    (people / "A" / "0.png").rename(tmp_path / "away.png")
    usual = packing._append

    def append(path, length, parts):
        if path.name == "unfinished.keys" and parts:
            raise Stopped
        usual(path, length, parts)

    with monkeypatch.context() as patch:
        patch.setattr(packing, "_append", append)
        with pytest.raises(Stopped):
            pack_faces(people, tmp_path / "pack", SIZE)
    (tmp_path / "away.png").rename(people / "A" / "0.png")
    check_same(pack_faces(people, tmp_path / "pack", SIZE), read_faces(people, SIZE))


def test_colours_that_were_left_out_are_missed(people, tmp_path):
    pack_faces(people, tmp_path / "pack", SIZE, channels=1)
    with pytest.raises(FolderError, match=r"as --channels 1 made them, and colours are wanted"):
        read_pack(tmp_path / "pack", channels=3)


def test_a_pack_among_people_is_no_person_and_none_lies_among_its_photos(people, tmp_path):
    with pytest.raises(ValueError, match="lies among the photos"):
        pack_faces(people, people / "pack", SIZE)
    pack_faces(people, tmp_path / "pack", SIZE)
    assert result_in(tmp_path / "pack") == "pack.json"


def test_another_size_is_refused_with_words_for_it(people, tmp_path):
    pack_faces(people, tmp_path / "pack", SIZE)
    with pytest.raises(FolderError, match=r"faces of 16 pixels, .* pack the photos with --size 24"):
        read_pack(tmp_path / "pack", 24)


def edited(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGES = {
    "faces.npy": [
        (lambda path: path.unlink(), "faces.npy: not a whole .npy file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, not .*: pack the faces"),
        (lambda path: path.write_bytes(b"x" * 500), "not a whole .npy file"),
        (lambda path: np.save(path, np.zeros((7, SIZE, SIZE, 3), np.float32)), "got float32"),
        (lambda path: np.save(path, np.zeros((7, SIZE, SIZE + 1, 3), np.uint8)), "got uint8"),
        (lambda path: np.save(path, np.zeros((3, SIZE, SIZE, 3), np.uint8)), "holds 3 faces of 16"),
        (lambda path: np.save(path, np.zeros((7, 8, 8, 3), np.uint8)), "faces of 8 pixels"),
    ],
    "faces.csv": [
        (lambda path: path.unlink(), "faces.csv: cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-3]), "damaged, its digest is"),
    ],
    "pack.json": [
        (lambda path: path.unlink(), "pack.json: cannot be read"),
        (lambda path: path.write_text("[" * 9), "damaged, it is no JSON"),
        (lambda path: edited(path, format="packed faces 9"), "its format is 'packed faces 9'"),
        (lambda path: edited(path, people=["A", 1]), "'people' is .* not names"),
        (lambda path: edited(path, people=["A"]), "nobody in pack.json is called 'B'"),
        (lambda path: edited(path, skipped=[["a"]]), "'skipped' is .* not pairs of texts"),
        (lambda path: edited(path, size=True), "'size' is True and not a number"),
        (lambda path: edited(path, size=17), "say 7 of 17"),
        (lambda path: edited(path, size=10**400), "'size' is 10+ ... and not a number of pixels"),
        (lambda path: edited(path, people=["A", "B", "A"]), "'people' is .* and not names"),
        (lambda path: edited(path, people=["A", "B", "\ud800"]), "'people' is .* and not names"),
        (lambda path: edited(path, cut="box\n"), "'cut' is .* and not a way to cut faces"),
        (lambda path: edited(path, cut="b" * 999), "'cut' is .* and not a way to cut faces"),
        (lambda path: edited(path, channels=2), "'channels' is 2 and not 1 or 3"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [(name, *case) for name, cases in DAMAGES.items() for case in cases],
)
def test_damage_is_one_line(people, tmp_path, name, damage, message):
    pack_faces(people, tmp_path / "pack", SIZE)
    damage(tmp_path / "pack" / name)
    with pytest.raises(FolderError, match=message):
        read_pack(tmp_path / "pack")


def test_a_full_disk_is_named(people, tmp_path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing, "_to_disk", full)
    with pytest.raises(OSError, match=r"unfinished\.npy: cannot be written \(No space left"):
        pack_faces(people, tmp_path / "pack", SIZE)


@pytest.mark.parametrize("name", [packing.PIXELS, packing.KEYS])
def test_a_disk_that_is_full_at_the_beginning_is_named(name, people, tmp_path, monkeypatch):
    write_bytes = Path.write_bytes

    def full(path, data):
        if path.name == name:
            raise OSError(28, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=rf"{re.escape(name)}: cannot be written \(No space left"):
        pack_faces(people, tmp_path / "pack", SIZE)
