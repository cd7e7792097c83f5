"""What lecturers get: solutions with reasons and errors, and slides."""

import importlib
import re

from .conftest import LESSONS


def load(name):
    return importlib.import_module(name)


def test_a_chapter_has_the_answer_the_reason_and_what_the_check_says():
    [source] = LESSONS.glob("00_*.py")
    text = load("lecturer").chapter(source)
    assert "### 00.1: `squared_distance`" in text
    assert "np.square(a - b).sum()" in text
    assert text.count("**Why.**") == text.count("**Common errors.**") == 2
    assert "the check accepts it" not in text
    assert "leave out the square root" in text


def test_each_figure_of_a_notebook_is_a_slide():
    slides = load("slides")
    [notebook] = LESSONS.glob("10_*.ipynb")
    found = list(slides.slides(notebook))
    # A picture's type stands in its metadata once more.
    kinds = r'"image/(?:jpeg|png|svg\+xml)": (?:\[|")'
    pictures = len(re.findall(kinds, notebook.read_text("utf-8")))
    assert sum(bool(one.picture) for one in found) == pictures > 2
    assert found[0].heading.startswith("10 · ")
    assert found[0].sentence.endswith("?")
    page = slides.page(found)
    assert page.count("<section") == len(found)
    assert not re.search(r"(?:src|href)=\"https?:", page)


def test_what_a_picture_says_of_itself_is_its_caption():
    slides = load("slides")
    output = {"data": {"image/png": "AAAA\n"}, "metadata": {"image/png": {"alt": "A <face>"}}}
    picture, sentence = slides._picture(output)
    assert sentence == "A <face>"
    assert 'alt="A &lt;face&gt;" src="data:image/png;base64,AAAA"' in picture
