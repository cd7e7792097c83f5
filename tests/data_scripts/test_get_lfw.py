"""get_lfw.py on made-up photos: from a folder, from archives, and from hostile ones."""

import io
import tarfile

import pytest
from PIL import Image

from minifacenet.data_scripts import get_lfw
from minifacenet.data_scripts.fetching import DataError, fetch, script

NAMES = ["Ada_King/Ada_King_0001.jpg", "Ada_King/Ada_King_0002.jpg", "Jo-Lo/Jo-Lo_0001.jpg"]
PAIRS = b"1\nAda_King\t1\t2\nAda_King\t1\tJo-Lo\t1\n"


def jpeg(level=0):
    buffer = io.BytesIO()
    Image.new("L", (9, 9), level).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "there" / "lfw"
    for level, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(50 * level))
    (folder / "README.txt").write_text("about")
    (folder / "Ada_King" / "notes.jpg").write_bytes(b"no photo of LFW's form")
    (folder.parent / "pairs.txt").write_bytes(PAIRS)
    return folder


def archive(path, *members, mode="w:gz"):
    """A tar of photos in the folder lfw_funneled, and of further `members`: (TarInfo, bytes)."""
    with tarfile.open(path, mode) as tar:
        for level, name in enumerate(NAMES):
            add(tar, f"lfw_funneled/{name}", jpeg(50 * level))
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return path


def add(tar, name, content):
    tar.addfile(member(name, size=len(content)), io.BytesIO(content))


def member(name, **settings):
    info = tarfile.TarInfo(name)
    for key, value in settings.items():
        setattr(info, key, value)
    return info


def get(source, out, *options):
    return script(get_lfw.ITEM, [str(out), "--from", str(source), *options])


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_folder_is_copied_with_the_lists_beside_it(source, tmp_path, capsys):
    out = tmp_path / "data" / "lfw"
    assert get(source, out) == 0
    printed = capsys.readouterr().out
    assert files(out) == [*NAMES, "pairs.txt"]
    assert [path.name for path in out.parent.iterdir()] == ["lfw"]
    for name in NAMES:
        assert (out / name).read_bytes() == (source / name).read_bytes()
    assert "3 photos of 2 people: not the whole LFW, which has 13,233 of 5,749." in printed
    assert "not to vet commercial systems" in printed
    assert get(source, out) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_all_of_lfw_is_called_so(source, tmp_path, monkeypatch):
    monkeypatch.setattr(get_lfw, "PHOTOS", 3)
    monkeypatch.setattr(get_lfw, "PEOPLE", 2)
    assert get_lfw.counted(source) == "3 photos of 2 people: all of LFW."


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_an_archive_gives_the_same_as_a_folder(source, tmp_path, mode):
    lists = [(member("lfw_funneled/pairs.txt", size=len(PAIRS)), PAIRS)]
    file = archive(tmp_path / "lfw-funneled.tgz", *lists, mode=mode)
    assert get(source, tmp_path / "a") == get(file, tmp_path / "b") == 0
    assert files(tmp_path / "a") == files(tmp_path / "b")
    for name in files(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


PHOTO = jpeg()
LONG = jpeg() + bytes(get_lfw.LARGEST)
HOSTILE = {
    "absolute": (member("/Evil/Evil_0001.jpg", size=len(PHOTO)), PHOTO),
    "above": (member("../Evil/Evil_0001.jpg", size=len(PHOTO)), PHOTO),
    "above by its name": (member("lfw/../.._0001.jpg", size=len(PHOTO)), PHOTO),
    "above twice": (member("lfw/../../Evil/Evil_0001.jpg", size=len(PHOTO)), PHOTO),
    "deep": (member("a/b/Evil/Evil_0001.jpg", size=len(PHOTO)), PHOTO),
    "of another person": (member("lfw/Evil/Good_0001.jpg", size=len(PHOTO)), PHOTO),
    "program": (member("lfw/Evil/Evil_0001.jpg.exe", size=len(PHOTO)), PHOTO),
    "link": (member("lfw/Evil/Evil_0001.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b""),
    "hard link": (
        member("lfw/Evil/Evil_0001.jpg", type=tarfile.LNKTYPE, linkname=f"lfw_funneled/{NAMES[0]}"),
        b"",
    ),
    "device": (member("lfw/Evil/Evil_0001.jpg", type=tarfile.CHRTYPE), b""),
    "pipe": (member("lfw/Evil/Evil_0001.jpg", type=tarfile.FIFOTYPE), b""),
    "long": (member("lfw/Evil/Evil_0001.jpg", size=len(LONG)), LONG),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_else_of_an_archive_is_written(tmp_path, kind):
    out = tmp_path / "deep" / "data" / "lfw"
    assert get(archive(tmp_path / "lfw.tgz", HOSTILE[kind]), out) == 0
    assert files(tmp_path) == sorted(["lfw.tgz", *(f"deep/data/lfw/{name}" for name in NAMES)])


def test_an_archive_without_end_is_given_up(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(get_lfw, "UNPACKED", 2**20)
    bomb = archive(tmp_path / "lfw.tgz", (member("zeros", size=2**22), bytes(2**22)))
    assert bomb.stat().st_size < 2**14
    assert get(bomb, tmp_path / "out") == 1
    assert f"{bomb} claims more than 1,048,576 bytes" in capsys.readouterr().err
    assert files(tmp_path) == ["lfw.tgz"]


def test_a_size_that_is_only_claimed_is_a_broken_archive(tmp_path, capsys):
    file = archive(tmp_path / "lfw.tgz")
    with tarfile.open(tmp_path / "short.tar", "w") as tar:
        add(tar, f"lfw/{NAMES[0]}", jpeg())
        tar.fileobj.write(member("lfw/Evil/Evil_0001.jpg", size=2**19).tobuf())
        tar.fileobj.write(jpeg())
    data = (tmp_path / "short.tar").read_bytes()
    (tmp_path / "short.tar").write_bytes(data[:3000])
    (tmp_path / "cut.tgz").write_bytes(file.read_bytes()[:-100])
    (tmp_path / "text.tgz").write_bytes(b"no archive" * 100)
    (tmp_path / "packed.tgz").write_bytes(b"\x1f\x8b and then no archive" * 100)
    for name in ("short.tar", "cut.tgz", "text.tgz", "packed.tgz"):
        assert get(tmp_path / name, tmp_path / "out") == 1
        error = capsys.readouterr().err
        assert f"{tmp_path / name} is no whole tar file" in error
        assert error.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_a_name_like_a_list_is_none(tmp_path):
    other = member("lfw/pairs*txt", size=1), b"1"
    assert get(archive(tmp_path / "lfw.tgz", other), tmp_path / "out") == 0
    assert not [name for name in files(tmp_path / "out") if "pairs" in name]


def test_an_index_error_of_tarfile_is_a_broken_archive(tmp_path, monkeypatch, capsys):
    def opened(*arguments, **keywords):
        raise IndexError("index out of range")  # as of an old GNU header for holes

    monkeypatch.setattr(tarfile, "open", opened)
    (tmp_path / "lfw.tar").write_bytes(b"?")
    assert get(tmp_path / "lfw.tar", tmp_path / "out") == 1
    assert f"{tmp_path / 'lfw.tar'} is no whole tar file" in capsys.readouterr().err


LIES = {
    "size": {"size": 2**33},  # the rest of the file would be passed over in steps, for minutes
    "larger than any file": {"size": 2**80},
    "long name": {"type": tarfile.GNUTYPE_LONGNAME, "size": 2**21},  # read whole
    "note of POSIX": {"type": tarfile.XHDTYPE, "size": 2**21},
    "note that never ends": {"type": tarfile.XGLTYPE, "size": 2**40},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_size_beyond_any_archive_is_not_waited_for(tmp_path, monkeypatch, capsys, lie):
    """Nor is a note longer than any name read into memory."""
    head = member("lfw/x", **LIES[lie]).tobuf(tarfile.GNU_FORMAT)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add(tar, f"lfw/{NAMES[0]}", jpeg())
        tar.fileobj.write(head)
    reads = []
    monkeypatch.setattr(get_lfw._Bounded, "read", counting(get_lfw._Bounded.read, reads))
    assert get(tmp_path / "a.tar", tmp_path / "out") == 1
    assert len(reads) < 20
    error = capsys.readouterr().err
    assert str(tmp_path / "a.tar") in error
    assert error.count("\n") == 1


def counting(read, reads):
    def counted(self, size):
        reads.append(size)
        return read(self, size)

    return counted


def test_a_sparse_member_is_passed_over(tmp_path):
    """Its table says where its parts lie, and tarfile would go there, however far that is."""
    head = bytearray(member("lfw/Evil/Evil_0001.jpg", type=tarfile.GNUTYPE_SPARSE).tobuf())
    head[386:410] = b"%011o\0%011o\0" % (8**10, 8**10)
    head[483:495] = b"%011o\0" % 100
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add(tar, f"lfw/{NAMES[0]}", jpeg())
        tar.fileobj.write(bytes(head))
    assert get(tmp_path / "a.tar", tmp_path / "out") == 0
    assert files(tmp_path / "out") == [NAMES[0]]


def test_what_is_no_jpeg_or_comes_twice_is_refused(source, tmp_path, capsys):
    page = b"<html>"
    html = (member("lfw/Evil/Evil_0001.jpg", size=len(page)), page)
    assert get(archive(tmp_path / "a.tgz", html), tmp_path / "out") == 1
    assert "Evil/Evil_0001.jpg is no JPEG" in capsys.readouterr().err
    twice = (member(f"lfw/{NAMES[0]}", size=len(PHOTO)), PHOTO)
    assert get(archive(tmp_path / "b.tgz", twice), tmp_path / "out") == 1
    assert f"holds {NAMES[0]} twice: give one version" in capsys.readouterr().err
    (source / NAMES[1]).write_bytes(b"")
    assert get(source, tmp_path / "out") == 1
    assert f"{NAMES[1]} is no JPEG" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_source_without_photos_is_one_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for path, words in (
        (tmp_path / "empty", "holds no photo such as Aaron_Eckhart"),
        (tmp_path / "none.tgz", "cannot be read (No such file or directory)"),
    ):
        assert get(path, tmp_path / "out") == 1
        assert f"{path} {words}" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def test_a_damaged_copy_is_mended_and_other_files_are_in_the_way(source, tmp_path, capsys):
    out = tmp_path / "lfw"
    assert get(source, out) == 0
    (out / NAMES[0]).write_bytes(b"")
    assert get(source, out) == 0
    assert f"{out / NAMES[0]} is damaged: it is written anew" in capsys.readouterr().out
    get_lfw.check(out)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("keep")
    assert get(source, other) == 1
    assert "It is in the way" in capsys.readouterr().err
    assert get(source, other, "--force") == 0
    assert files(other) == sorted([*NAMES, "mine.txt", "pairs.txt"])


@pytest.mark.parametrize("name", ["lfw", "lfw_funneled"])
def test_what_scikit_learn_has_downloaded_is_found(source, tmp_path, monkeypatch, name):
    home = tmp_path / "sklearn"
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(home))
    with pytest.raises(DataError, match=r"fetch_lfw_pairs\(funneled=False\).*or pass what you"):
        fetch(get_lfw.ITEM, tmp_path / "out", tell=lambda line: None)
    assert not home.exists()  # scikit-learn's own function would make it
    (home / "lfw_home").mkdir(parents=True)
    source.rename(home / "lfw_home" / name)
    (home / "lfw_home" / "pairs.txt").write_bytes(PAIRS)
    fetch(get_lfw.ITEM, tmp_path / "out", tell=lambda line: None)
    assert files(tmp_path / "out") == [*NAMES, "pairs.txt"]


def test_it_is_where_scikit_learn_looks_itself(tmp_path, monkeypatch):
    from sklearn.datasets import get_data_home

    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
    folder = tmp_path / "home" / "lfw_home" / "lfw" / "Ada_King"
    folder.mkdir(parents=True)
    (folder / "Ada_King_0001.jpg").write_bytes(jpeg())
    assert get_lfw.downloaded().parents[1] == type(tmp_path)(get_data_home())
