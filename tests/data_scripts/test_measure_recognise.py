"""measure_recognise.py without a network: a side that answers from the names of photos."""

import sys

import pytest
from PIL import Image

from minifacenet.data_scripts import compare_recognition, measure_recognise
from minifacenet.data_scripts.compare_recognition import Side
from minifacenet.data_scripts.measure_recognise import HEADER, Task, measure, picture, row

SIDE = """
import sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from protocol import serve

class Side:
    def folder(self, photos, known, out):
        faces = []
        for photo in sorted(Path(photos).iterdir()):
            faces.append((photo.name, [0.0, 0.0, 2.0, 2.0], "Background"))
            faces.append((photo.name, [4.0, 4.0, 6.0, 6.0], {names!r}.get(photo.name, "")))
        seconds = dict(loading=9.0, enrolling=0.5, reading=0.01, detection=0.03)
        return dict(faces=faces, seconds=seconds)

    def about(self):
        return dict(weights=0, versions="stub 1")

serve(Side())
"""


@pytest.fixture
def side():
    def make(names):
        folder = str(compare_recognition.SIDES)
        text = SIDE.format(folder=folder, names=names)
        started.append(Side("stub, a long one", [sys.executable, "-c", text]))
        return started[-1]

    started: list[Side] = []
    yield make
    for one in started:
        one.process.communicate()


@pytest.fixture
def folders(tmp_path):
    """Four photos of 10 x 10 pixels, and five of known people."""
    for folder, count in (("photos", 4), ("known/Ada", 5)):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(count):
            Image.new("L", (10, 10)).save(tmp_path / folder / f"{number}.png")
    return tmp_path / "photos", tmp_path / "known"


def test_the_figures_of_a_side(side, folders):
    truth = {"0.png": "Ada", "1.png": "Ada", "2.png": "", "3.png": ""}
    task = Task("LFW", *folders, truth)
    (runs,) = measure(task, [side({"0.png": "Ada", "1.png": "Grace", "2.png": "Ada"})], rounds=2)
    figures = row(task, runs, runs)
    assert set(figures) == set(HEADER)
    assert figures["photos_per_second"] == "100.00"  # 4 in 0.04 s: loading and enrolling apart
    assert (figures["detection_ms"], figures["enrolling_ms"]) == ("7.50", "100.00")
    assert (figures["ratio"], figures["rounds"], figures["faces"]) == ("1.00", "2", "8")
    # The face in the middle counts, not the one that always has a name.
    assert figures["named_correctly"] == figures["named_wrongly"] == "0.5000"
    assert figures["strangers_accepted"] == "0.5000"
    bars = picture([figures])[0, 0].patches
    assert sum(bar.get_width() for bar in bars) == pytest.approx(10)


def test_all_faces_count_where_a_photo_shows_several_strangers(side, folders):
    task = Task(measure_recognise.SEVERAL, *folders)
    (runs,) = measure(task, [side({})], rounds=1)
    figures = row(task, runs, runs)
    assert (figures["strangers_accepted"], figures["named_correctly"]) == ("0.5000", "")
