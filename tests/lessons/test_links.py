"""Whatever file a lesson names is there, and its notebook links to it."""

import re

import links
import prose
import pytest

from .conftest import LESSONS
from .test_lessons import SOURCES

LINK = re.compile(r"\]\(([^)#,\s]+)\)")
EACH = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


@EACH
def test_links_of_a_lesson_lead_somewhere(source):
    texts = [b for kind, _, b in prose.cells(source.read_text("utf-8")) if kind == "markdown"]
    there = LINK.findall(links.linked("\n\n".join(texts)))
    assert there or source.name.startswith("16_")
    for target in there:
        if "://" not in target:
            assert (LESSONS / target).exists(), target


def test_a_file_is_linked_however_it_is_named():
    said = "See `minifacenet/nn/conv.py`, `nn/relu.py`, `mtcnn.py`, `results/ablations.csv`, `x`."
    assert LINK.findall(links.linked(said)) == [
        "../minifacenet/nn/conv.py",
        "../minifacenet/nn/relu.py",
        "../minifacenet/preprocessing/mtcnn.py",
        "../lessons/results/ablations.csv",
    ]
    assert links.linked(links.linked(said)) == links.linked(said)
    assert links.linked("`my_answers.py` is yours.") == "`my_answers.py` is yours."


@pytest.mark.parametrize("name", ["minifacenet/nn/no_such.py", "no_such.py", "page.py"])
def test_a_file_that_is_not_there_or_one_of_several_is_told(name):
    with pytest.raises(links.NoSuchFile, match=f"names `{name}`"):
        links.linked(f"See `{name}`.")
