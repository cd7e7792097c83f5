"""Where commands write: what is wrong with a place is found before the work, nothing is lost."""

import re

import pytest

from minifacenet.files import atomic as files
from minifacenet.files.locks import locked, locked_name
from minifacenet.preprocessing import photo
from minifacenet.preprocessing import read_folder as folder
from tests.conftest import text

MODEL = ("--model", "none.safetensors")  # a place is looked at before the model


def commands(people, out):
    """Every command that writes, with `out` as its place."""
    return {
        "run": ("run", people, "--out", out),
        "train": ("train", people, "--out", out),
        "benchmark": ("benchmark", people, "--out", out),
        "fit": ("classify", "fit", people, *MODEL, "--out", out),
        "verify": ("verify", people, *MODEL, "--out", out),
        "study": ("study", "jpeg", people, *MODEL, "--out", out),
        "study dim": ("study", "dim", people, "--out", out),
        "bench": ("bench", "--out", out),
        "step": ("bench", "step", "--out", out),
        "embed": ("embed", people, *MODEL, "--out", out),
        "cluster": ("cluster", people, *MODEL, "--out", out),
        "make-pairs": ("make-pairs", people, "--out", out),
        "predict": ("classify", "predict", people, "--people", "none", "--out", out),
    }


FOLDERS = (
    "run", "train", "benchmark", "fit", "verify", "study", "study dim", "bench", "step",
)  # fmt: skip
ALL = tuple(commands("", ""))


@pytest.fixture
def refused(run, monkeypatch):
    """Runs a command that ends with one line, which it returns, and has read no photo."""
    for module, name in ((folder, "read_listed"), (photo, "decode_photo")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("it has begun"))

    def refused(*arguments):
        status, printed, error = run(*arguments)
        assert (status, printed, error.count("error:")) == (1, "", 1)
        assert len(error.splitlines()) == 1
        return text(error)

    return refused


@pytest.mark.parametrize("name", [n for n in FOLDERS if n not in ("bench", "step")] + ["cluster"])
def test_results_do_not_go_among_the_photos(refused, people, name):
    before = sorted(people.rglob("*"))
    for place in (people, people / "results", people / "Ada" / "results"):
        if name == "cluster" and place == people:
            continue  # "is not empty"
        error = refused(*commands(people, place)[name])
        assert f"{place} lies among the photos: choose a folder outside of {people}" in error
    assert sorted(people.rglob("*")) == before


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_in_which_another_is_at_work_is_refused(refused, people, tmp_path, name):
    from threading import Event, Thread

    inside, done = Event(), Event()

    def other():
        with locked(tmp_path / "out"):
            inside.set()
            done.wait(60)

    thread = Thread(target=other)
    thread.start()
    inside.wait(60)
    try:
        error = refused(*commands(people, tmp_path / "out")[name])
    finally:
        done.set()
        thread.join()
    assert "out: another minifacenet is at work in it: wait" in error


@pytest.mark.parametrize("name", ALL)
def test_a_place_that_cannot_be_written_to_is_found_first(
    refused, people, tmp_path, monkeypatch, name
):
    def refuse(parent):
        raise PermissionError(13, "Permission denied", str(parent / ".minifacenet-01234567.tmp"))

    monkeypatch.setattr(files, "_hidden_folder", refuse)
    error = refused(*commands(people, tmp_path / "new" / "out")[name])
    assert re.search(r"/new/out(\.npy)?: cannot be written( to)? \(Permission denied\)", error)
    assert not list(tmp_path.iterdir())  # not even an empty folder


@pytest.mark.parametrize("name", ALL)
def test_a_file_among_the_folders_of_a_place_is_named(refused, people, tmp_path, name):
    (tmp_path / "file").touch()
    assert f"{tmp_path / 'file'} is no folder" in refused(
        *commands(people, tmp_path / "file" / "x")[name]
    )


@pytest.mark.parametrize("name", [*FOLDERS, "cluster"])
def test_a_file_where_a_folder_is_to_be_is_named(refused, people, tmp_path, name):
    (tmp_path / "file").touch()
    error = refused(*commands(people, tmp_path / "file")[name])
    assert str(tmp_path / "file") in error
    assert "is no folder" in error or "is not empty" in error


@pytest.mark.parametrize("name", ["make-pairs", "predict"])
def test_a_folder_where_a_file_is_to_be_is_named(refused, people, tmp_path, name):
    error = refused(*commands(people, tmp_path)[name], "--force")
    assert f"{tmp_path} is a folder: choose the name of a file" in error


LOST = [
    *((name, "model.safetensors") for name in ("run", "train", "fit")),
    *((name, "report.html") for name in ("run", "train")),
    *((name, "config.json") for name in ("run", "train")),
    *((name, "people.safetensors") for name in ("fit",)),
    ("run", "open/model.safetensors"),
    ("run", "names.csv"),
    ("train", "training.png"),
    ("verify", "roc.png"),
    ("bench", "bench.csv"),
    ("step", "bench_share.png"),
    ("benchmark", "benchmark.csv"),
    ("benchmark", "seed-0/model.safetensors"),
]


@pytest.mark.parametrize(("name", "file"), LOST)
def test_nothing_is_replaced_or_removed_without_force(run, people, tmp_path, name, file):
    path = tmp_path / "out" / file
    path.parent.mkdir(parents=True)
    path.write_text("somebody's")
    model = tmp_path / "model.safetensors"
    model.write_text("another")
    arguments = [
        model if a == MODEL[1] else a for a in commands(people, path.parents[file.count("/")])[name]
    ]
    size = ("--size", 32) if name in ("run", "train", "benchmark") else ()
    status, _, error = run(*arguments, *size)
    assert status == 1
    assert re.search("holds .*(choose another --out|--force)", text(error))
    assert path.read_text() == "somebody's"
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]


@pytest.mark.parametrize("name", ALL)
def test_leftovers_of_killed_commands_go(run, people, tmp_path, name):
    """A command that then fails, for want of a model or of a size, has swept before."""
    out = tmp_path / "out"
    within = name in FOLDERS
    left = (out if within else tmp_path) / ".minifacenet-0a1b2c3d.tmp"
    old = (out if within else tmp_path) / ".out-0a1b2c3d.tmp"
    for path in (left, old):
        path.mkdir(parents=True)
        (path / "half").touch()
    end = {"bench": ("--channels", 5), "step": ("--device", "none"), "make-pairs": ("--folds", 99)}
    broken = {**end, **dict.fromkeys(("run", "train"), ("--photos", 99, "--size", 32))}
    broken["study dim"] = ("--values", 0)
    if name == "benchmark":
        people = tmp_path / "missing"
    status, *_ = run(*commands(people, out)[name], *broken.get(name, ()))
    assert status == 1
    assert not left.exists()
    assert not old.exists()


@pytest.mark.parametrize("name", ["embed", "cluster", "make-pairs", "predict"])
def test_what_a_killed_command_left_goes_though_its_results_are_there(
    refused, people, tmp_path, name
):
    out, left = tmp_path / "out", tmp_path / ".minifacenet-0123abcd.tmp"
    if name == "cluster":
        out.mkdir()
        (out / "groups.csv").touch()
    for made in (out, out.with_suffix(".npy")):
        made.exists() or made.touch()
    left.mkdir()
    (left / "half").touch()
    assert str(out) in refused(*commands(people, out)[name])
    assert not left.exists()


@pytest.mark.parametrize("name", ["embed", "cluster", "make-pairs", "predict"])
def test_files_that_another_writes_are_refused(refused, people, tmp_path, name):
    out = tmp_path / "out"
    path = out.with_suffix(".npy") if name == "embed" else out
    with locked_name(path):
        error = refused(*commands(people, out)[name])
    assert f"{path}: another minifacenet writes it: wait for its end" in error
    assert not list(tmp_path.iterdir())
