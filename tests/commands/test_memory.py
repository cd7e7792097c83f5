import pytest

from minifacenet import cli
from minifacenet.commands.memory import or_chunk, smaller
from minifacenet.embedding.architectures import Architecture, FaceNet, NetworkTooLarge
from minifacenet.embedding.checkpoint import save_model
from minifacenet.preprocessing import read_folder as folder
from minifacenet.training.settings import TrainConfig
from tests.conftest import text


def fail(*_, **__):
    raise MemoryError


def test_a_memory_error_says_what_and_how_to_make_it_smaller():
    for given, said in ((MemoryError(), ""), (MemoryError("no 9 GiB"), " (no 9 GiB)")):
        with pytest.raises(MemoryError) as raised, smaller("9 photos", "give fewer"):
            raise given
        assert str(raised.value) == f"out of memory for 9 photos{said}: give fewer"


@pytest.mark.parametrize(
    ("dim", "chunk", "message"),
    [
        (
            128,
            None,
            r"^out of memory: take --chunk 80, fewer photos at once for the same gradient$",
        ),
        (10**6, None, r"take --chunk 80, .*, or a smaller --dim than 1000000$"),
        (128, 1, r"^out of memory: take a smaller --size, one photo at a time is too much$"),
    ],
)
def test_a_training_names_what_helps(dim, chunk, message):
    with pytest.raises(MemoryError, match=message):
        or_chunk(fail, Architecture(dim=dim), TrainConfig(chunk=chunk), "cpu")


def test_a_network_too_large_by_itself_is_not_helped_by_chunks():
    with pytest.raises(NetworkTooLarge, match="take a smaller --dim or --size"):
        or_chunk(lambda: FaceNet.new(Architecture(dim=10**13)), None, TrainConfig(), "cpu")


@pytest.mark.parametrize("command", ["run", "train", "benchmark"])
def test_photos_too_large_to_read_name_the_size(run, people, tmp_path, monkeypatch, command):
    monkeypatch.setattr(folder, "read_listed", fail)
    options = ("--size", 4096, "--out", tmp_path / "out")
    error = text(run(command, people, *options)[2])
    assert error == "error: out of memory for photos of 4096x4096 pixels: take a smaller --size"


@pytest.mark.parametrize("command", ["run", "train", "benchmark", "summary", "bench", "align"])
def test_a_size_beyond_all_photos_is_refused_by_its_name(run, people, tmp_path, command):
    places = {"summary": (), "bench": (), "align": (people, tmp_path / "out")}
    place = places.get(command, (people, "--out", tmp_path / "out"))
    status, _, error = run(command, *place, "--size", 100_000)
    assert status == 2
    assert "--size" in error
    assert "8192" in error


def test_embedding_names_fewer_photos_and_threads(run, people, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "read_listed", fail)
    save_model(tmp_path / "m.safetensors", FaceNet.new(Architecture(size=32)), {})
    options = ("--model", tmp_path / "m.safetensors", "--out", tmp_path / "v")
    error = text(run("embed", people, *options)[2])
    assert error.endswith(f"photos in {people}: give fewer photos at a time, or fewer --threads")


def test_many_folds_are_refused_before_anything_is_made_for_each(run, people, tmp_path):
    options = ("--folds", 10**9, "--out", tmp_path / "pairs.txt")
    error = text(run("make-pairs", people, *options)[2])
    assert "ask for fewer --folds, at most 2" in error


@pytest.mark.parametrize(
    ("error", "said"), [(MemoryError(), "out of memory"), (OSError(), "OSError")]
)
def test_no_error_is_empty(run, people, tmp_path, monkeypatch, error, said):
    def raise_it(*_, **__):
        raise error

    monkeypatch.setattr(cli, "app", raise_it)
    assert text(run("doctor")[2]) == f"error: {said}"
