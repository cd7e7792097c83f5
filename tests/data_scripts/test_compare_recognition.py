"""compare_recognition.py without a network: a side that answers from the path of a photo."""

import sys

import pytest

from minifacenet.data_scripts import compare_recognition
from minifacenet.data_scripts.compare_recognition import Side, draw, measure, picture, row, table

SIDE = """
import sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from protocol import serve

class Side:
    def enrol(self, people):
        self.people = {{name for name, _ in people}}
        return len(people)

    def ask(self, paths):
        names = [Path(path).parent.name for path in paths]
        print("a library's words")
        return [
            dict(
                found=True,
                name=name if name in self.people and name != {missed!r} else "",
                seconds={{"reading": 0.001, "encoding": 0.004}},
            )
            for name in names
        ]

    def about(self):
        return dict(weights=2**20, versions="stub 1")

serve(Side())
"""


@pytest.fixture
def drawn(tmp_path):
    names = [f"P{number}" for number in range(50)]
    for name in names:
        (tmp_path / name).mkdir()
        for photo in range(12):
            (tmp_path / name / f"{photo}.jpg").touch()
    people = tmp_path / "people.txt"
    people.write_text("".join(f"{name}\t12\n" for name in names))
    return draw(tmp_path, people, seed=0)


def test_nobody_is_asked_for_with_an_enrolled_photo(drawn):
    enrolled, turns = drawn
    asked = [one for photos in turns for one in photos]
    assert (len(enrolled), len(asked)) == (60, 280)
    assert sum(name == "" for name, _ in asked) == 140
    assert not {path for _, path in enrolled} & {path for _, path in asked}
    assert {name for name, _ in enrolled} == {name for name, _ in asked} - {""}


def test_the_figures_of_a_side(drawn):
    enrolled, turns = drawn
    missed = enrolled[0][0]
    text = SIDE.format(folder=str(compare_recognition.SIDES), missed=missed)
    side = Side("stub, a long one", [sys.executable, "-c", text])
    truth = measure([side], enrolled, turns, rounds=2)
    figures = row(side, truth, yardstick=100.0)
    assert figures["photos_per_second"] == "200.00"
    assert (figures["ratio"], figures["encoding_ms"], figures["alignment_ms"]) == (
        "2.00", "4.00", "0.00",
    )  # fmt: skip
    assert figures["named_correctly"] == f"{133 / 140:.4f}"
    assert (figures["named_wrongly"], figures["strangers_accepted"]) == ("0.0000", "0.0000")
    assert figures["all_correct"] == f"{273 / 280:.4f}"
    assert "stub 1" in table([figures])
    bars = picture([figures]).patches
    assert sum(bar.get_width() for bar in bars) == pytest.approx(5)
    side.process.communicate()
    assert side.process.returncode == 0
