"""`minifacenet pack`, and trainings on what it wrote."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minifacenet.files.arrays import load_arrays
from tests.conftest import text
from tests.preprocessing.made_files import decode_some

QUICK = ("--steps", 4, "--people", 2, "--photos", 3, "--network", "nn1_mini", "--size", 32)


def test_a_training_on_a_pack_is_that_on_the_folder(run, people, tmp_path):
    status, printed, _ = run("pack", people, tmp_path / "pack", "--size", 32)
    assert status == 0
    assert "30 photos of 5 people, 1 skipped" in text(printed)
    assert f"In {tmp_path / 'pack' / 'faces.npy'}: 32 x 32 pixels, grey, 0 MiB" in text(printed)
    for out, faces in (("one", people), ("two", tmp_path / "pack")):
        assert run("train", faces, "--out", tmp_path / out, *QUICK)[0] == 0
    one, two = (load_arrays(tmp_path / out / "model.safetensors") for out in ("one", "two"))
    assert one[1] == two[1]
    for name, array in one[0].items():
        np.testing.assert_array_equal(array, two[0][name])
    again = run("train", people, "--out", tmp_path / "two", "--resume")  # the same faces
    assert "finished before" in text(again[1])


def test_an_interrupted_pack_is_gone_on_with(run, people, tmp_path, monkeypatch):
    from minifacenet.preprocessing import packing

    with monkeypatch.context() as patch:
        decode_some(patch, packing, 10, KeyboardInterrupt)
        status, printed, _ = run("pack", people, tmp_path / "pack", "--size", 32)
    assert status == 130
    assert "Interrupted: the same command goes on." in text(printed)
    status, printed, _ = run("pack", people, tmp_path / "pack", "--size", 32)
    assert status == 0
    assert "Going on: 9 faces may be there already." in text(printed)
    assert "already: choose another OUT" in run("pack", people, tmp_path / "pack")[2]
    assert run("pack", people, tmp_path / "pack", "--size", 40, "--force")[0] == 0
    error = run("train", tmp_path / "pack", "--out", tmp_path / "out", *QUICK)[2]
    assert "holds faces of 40 pixels" in text(error)
    assert "--size 32" in text(error)


def test_channels_are_one_or_three(run, people, tmp_path):
    assert "--channels is 1 or 3, got 2" in run("pack", people, tmp_path / "p", "--channels", 2)[2]
    assert not (tmp_path / "p").exists()


PEAK = """
import resource, sys
from functools import partial
import numpy as np
from minifacenet.preprocessing.lazy_images import in_parts
from minifacenet.preprocessing.packed import read_pack
from minifacenet.preprocessing.packing import pack_faces
from minifacenet.preprocessing.read_folder import read_faces, read_listed

few, many, out = sys.argv[1:]

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def passes(folder, out):
    faces = read_faces(folder, 160, 3, reader=partial(read_listed, memory=2**20))
    total = sum(int(images.sum()) for images in in_parts(faces.images, 32))
    pack_faces(folder, out, 160)
    packed = read_pack(out)
    assert total == sum(int(image.sum()) for image in packed.images)
    return packed.images.nbytes / 2**20

passes(few, out + "few")
before = peak()
print(passes(many, out + "many"), peak() - before)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_faces(tmp_path):
    """In a process of its own: 110 MB of pixels, more than ten times what they may add."""
    rng = np.random.default_rng(0)
    for folder, count in (("few", 300), ("many", 1500)):
        for i in range(count):
            place = tmp_path / folder / f"p{i // 10}" / f"{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            small = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(small).save(place)
    arguments = (tmp_path / "few", tmp_path / "many", f"{tmp_path}/out")
    told = subprocess.run(
        [sys.executable, "-c", PEAK, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    pixels, grown = map(float, told.stdout.split())
    assert pixels > 100
    assert grown < 15
