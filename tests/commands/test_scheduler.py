"""`--scheduler`: photos on the workers of a Dask cluster, byte for byte as on this machine."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minifacenet.embedding.distributed import on_workers
from minifacenet.embedding.embedder import Embedder
from minifacenet.machine.cluster import Cluster
from minifacenet.machine.workers import in_processes
from minifacenet.preprocessing.align_folder import align_folder
from minifacenet.preprocessing.choose_and_cut import CropSettings
from minifacenet.preprocessing.mtcnn import FILE

from ..conftest import need, text
from ..machine.dask_cluster import local_cluster, with_dask
from ..tile_photos import make_model
from .test_killed import contents

ROOT = Path(__file__).parents[2]
CENTRE = CropSettings(size=8, crop="centre")


@pytest.fixture(scope="module")
def address():
    with local_cluster() as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def faces(tmp_path):
    """Five photos with two faces each, one with none, one that is damaged; and three people."""
    need((ROOT / FILE).is_file(), f"no {FILE}: `minifacenet get mtcnn` makes it")
    for folder in ("photos/a", "photos/b", "known"):
        (tmp_path / folder).mkdir(parents=True)
    with Image.open(ROOT / "lessons" / "figures" / "strangers.jpg") as figure:
        for row in range(5):
            top = 30 + 55 * row
            pair = figure.crop((885, top, 1000, top + 56))
            pair.save(tmp_path / "photos" / "ab"[row % 2] / f"{row}.png")
            if row < 3:
                one = figure.crop((830, top, 886, top + 56))
                one.save(tmp_path / "known" / f"Person {row}.png")
    Image.new("L", (50, 50), 100).save(tmp_path / "photos" / "nobody.png")
    (tmp_path / "photos" / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    return tmp_path


@pytest.fixture
def plain(tmp_path):
    """Sixty noisy photos, of which the centre is taken."""
    rng = np.random.default_rng(0)
    for number in range(60):
        place = tmp_path / "photos" / f"{number % 3}" / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (150, 200, 3), np.uint8)).save(place)
    return tmp_path / "photos"


def test_without_dask_it_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    model, photos, out = make_model(tmp_path / "model"), tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for arguments in (
        ("align", photos, out),
        ("embed", photos, "--model", model, "--out", out),
        ("recognise", photos, "--model", model, "--out", out),
    ):
        status, _, error = run(*arguments, "--scheduler", "tcp://127.0.0.1:8786")
        assert status == 1
        assert text(error) == (
            "error: a scheduler takes dask.distributed: pip install 'minifacenet[dask]'"
        )
    assert not out.exists()


@pytest.mark.parametrize("name", ["align", "embed"])
def test_threads_are_the_workers_own(run, tmp_path, name):
    out = tmp_path / "out"
    where = (out,) if name == "align" else ("--model", tmp_path, "--out", out)
    status, _, error = run(name, tmp_path, *where, "--scheduler", "tcp://a:1", "--threads", 2)
    assert status == 1
    assert "--threads would change nothing beside --scheduler" in text(error)


@with_dask
def test_align_gives_the_same(run, faces, address):
    options = ("--size", 32, "--select", "all")
    for out, more in (("here", ("--threads", 1)), ("there", ("--scheduler", address))):
        status, printed, _ = run("align", faces / "photos", faces / out, *options, *more)
        assert status == 0
        assert "7 photos: 5 with a face, 1 without, 1 that cannot be read" in text(printed)
    here = contents(faces / "here")
    assert here == contents(faces / "there")
    assert sum(name.startswith("faces/") for name in here) == 10


@with_dask
def test_embed_gives_the_same_and_looks_once(run, faces, address):
    model = make_model(faces / "model.safetensors")
    command = ("embed", faces / "photos", "--model", model, "--out")
    assert run(*command, faces / "here", "--threads", 1)[0] == 0
    there = (*command, faces / "there", "--scheduler", address)
    status, _, error = run(*there)
    assert status == 1
    assert "need a folder that all of them see: say --cache FOLDER" in text(error)
    for _ in range(2):
        status, printed, error = run(*there, "--cache", faces / "cache", "--force")
        assert (status, error) == (0, "")
        assert "10 embeddings" in text(printed)
        for end in (".npy", ".csv", "-faces.csv"):
            files = [faces / f"{out}{end}" for out in ("here", "there")]
            assert files[0].read_bytes() == files[1].read_bytes()


@with_dask
def test_vectors_come_from_the_batches_of_this_machine(tmp_path, address):
    file = make_model(tmp_path / "model.safetensors")
    photos = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), np.uint8)
    here, told = Embedder(file, batch_size=3, flip=True), []
    assert on_workers(2, here, file) is here
    with Cluster(address) as workers:
        there = on_workers(workers, here, file)
        there.progress = lambda done, total: told.append((done, total))
        assert there.transform(photos).tobytes() == here.transform(photos).tobytes()
        assert there.transform(photos[:0]).shape == (0, 8)
        with pytest.raises(ValueError, match="takes uint8 photos of shape"):
            there.transform(photos[..., :1])
    assert len(told) == 4
    assert told[-1] == (10, 10)


@with_dask
def test_recognise_gives_the_same(run, faces, address):
    model = make_model(faces / "model.safetensors")
    command = ("recognise", faces / "photos", "--known", faces / "known", "--model", model, "--out")
    printed = []
    for out, more in (("here", ("--threads", 1)), ("there", ("--scheduler", address))):
        status, words, error = run(*command, faces / out, *more)
        assert (status, error) == (0, "")
        printed.append(text(words).replace(str(faces / out), "OUT"))
    assert printed[0] == printed[1]
    here, there = contents(faces / "here"), contents(faces / "there")
    assert here == there
    with (faces / "there" / "names.csv").open(newline="", encoding="utf-8") as file:
        assert len([*csv.DictReader(file)]) == 10


@with_dask
def test_a_worker_killed_in_the_middle_costs_nothing(plain, tmp_path, address):
    align_folder(plain, tmp_path / "here", CENTRE)
    with Cluster(address) as workers:
        killed = []

        def kill(done, total):
            if done > 5 and not killed:
                [(_, process)] = in_processes(["?"], Process, (), workers)
                killed.append(process)
                os.kill(process, signal.SIGKILL)

        align_folder(plain, tmp_path / "there", CENTRE, workers=workers, progress=kill)
    assert killed
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


class Process:
    def __call__(self, item):
        return os.getpid()


@with_dask
def test_killed_here_it_goes_on_there(run, plain, tmp_path, address):
    """The process that waits is killed, while the workers are at work."""
    out = tmp_path / "out"
    command = ("align", plain, out, "--already-cropped", "--size", 64, "--scheduler", address)
    arguments = [sys.executable, "-m", "minifacenet", *map(str, command)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and len([*out.glob("faces/*/*.png")]) < 5:
            time.sleep(0.001)
        process.kill()
    assert not (out / "manifest.csv").exists()
    assert run(*command)[0] == 0
    shutil.copytree(out, tmp_path / "there")
    shutil.rmtree(out)
    assert run(*command[:-2])[0] == 0
    assert contents(out) == contents(tmp_path / "there")


@with_dask
@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="takes Linux")
def test_a_path_that_a_worker_does_not_see_is_named(run, plain, tmp_path, address, monkeypatch):
    """Each process has another /proc/self/cwd, as machines have other disks."""
    monkeypatch.chdir(tmp_path)
    theirs = Path("/proc/self/cwd")
    for photos, out, unseen in (
        (theirs / "photos", tmp_path / "out", theirs / "photos" / "0" / "0.png"),
        (plain, theirs / "out", theirs / "out"),
    ):
        command = ("align", photos, out, "--already-cropped", "--scheduler", address)
        status, _, error = run(*command)
        assert status == 1
        assert text(error).startswith("error: worker tcp://127.0.0.1:")
        assert f"cannot get at {unseen}, which is there on this machine" in text(error)
    seen = ("align", plain, tmp_path / "out", "--already-cropped", "--scheduler", address)
    assert run(*seen)[0] == 0


@with_dask
def test_a_model_that_a_worker_does_not_have_is_named(run, faces, address, monkeypatch):
    from minifacenet.embedding import distributed

    model = make_model(faces / "model.safetensors")
    command = ("embed", faces / "photos", "--model", model, "--out", faces / "out", "--scheduler")
    monkeypatch.setattr(distributed, "model_file", lambda path: Path("/nowhere/model.safetensors"))
    status, _, error = run(*command, address, "--cache", faces / "cache")
    assert status == 1
    assert "error: worker tcp://127.0.0.1:" in text(error)
    assert "/nowhere/model.safetensors" in text(error)
    other = make_model(faces / "other.safetensors")
    monkeypatch.setattr(distributed, "model_file", lambda path: other)
    monkeypatch.setattr(distributed.DistributedEmbedder, "digest", "0123456789abcdef")
    status, _, error = run(*command, address, "--cache", faces / "cache")
    assert status == 1
    assert "other.safetensors holds network" in text(error)
    assert "0123456789abcdef is asked for" in text(error)
