"""Every picture has a sentence, which reaches who cannot see it, and is no larger than needed."""

import ast
import json
from base64 import b64decode
from io import BytesIO

import numpy as np
import pictures
import prose
import pytest
import show
from PIL import Image

from minifacenet.plots.style import DIFFERENT, LEAST_CONTRAST, contrast

from .test_lessons import SOURCES, build

EACH = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
WHAT = "A line that rises from the left to the right, as lines do."


def calls(source):
    code = (b for kind, _, b in prose.cells(source.read_text(encoding="utf-8")) if kind == "code")
    return prose.pictures(ast.parse("\n".join(code)))


@EACH
def test_every_picture_of_a_lesson_has_a_sentence(source):
    found = calls(source)
    assert found
    for call in found:
        text = prose.text_of(prose.sentence(call))
        assert len(text.split()) >= pictures.WORDS, f"line {call.lineno}: {ast.unparse(call)}"
    texts = [prose.text_of(prose.sentence(call)) for call in found]
    assert len(set(texts)) == len(texts)  # no two pictures look alike


@EACH
def test_the_sentence_is_in_the_notebook(source):
    notebook = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))
    if notebook["metadata"]["minifacenet"] != build.hashes(source):
        pytest.skip("not fresh, which another test tells")
    outputs = [o for cell in notebook["cells"] for o in cell.get("outputs", []) if "data" in o]
    for output in outputs:
        for kind in output["data"]:
            if kind.startswith("image/"):
                text = output["metadata"][kind]["alt"]
                assert "".join(output["data"]["text/plain"]) == text
                assert any(text in "".join(o["data"]["text/plain"]) for o in outputs if o != output)


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would be told to show: data and metadata."""
    told = []
    monkeypatch.setattr(pictures, "in_a_notebook", lambda: True)
    monkeypatch.setattr(
        pictures, "_display", lambda data, metadata, **options: told.append((data, metadata))
    )
    return told


@pytest.mark.parametrize("what", ["", "A plot.", "a sentence that has no end at all", None])
def test_a_picture_without_a_sentence_is_refused(what):
    with pytest.raises(ValueError, match=r"a sentence of 6 words or more .* got "):
        show.picture(show.axes(), what)
    with pytest.raises(TypeError, match="what"):
        show.picture(show.axes())
    with pytest.raises(TypeError, match="what"):
        show.live(show.axes())


def test_a_drawing_is_a_sharp_png_with_its_sentence(shown):
    ax = show.axes(7, 4)
    ax.plot([0, 1])
    show.picture(ax, WHAT)
    (data, metadata), (words, _) = shown
    assert data["text/plain"] == metadata["image/png"]["alt"] == words["text/plain"] == WHAT
    assert WHAT in words["text/html"]
    stored = b64decode(data["image/png"])
    width = metadata["image/png"]["width"]
    with Image.open(BytesIO(stored)) as image:
        assert width - 1 <= image.width / pictures.SHARP <= width + 1
        assert image.mode == "P"
        assert not image.info.get("Software")  # the same bytes, whatever Matplotlib's version says
        height = metadata["image/png"]["height"]
        assert height - 1 <= image.height / pictures.SHARP <= height + 1
    assert 500 < width < 580
    assert len(stored) < 30_000
    show.picture(ax, WHAT)
    assert shown[2] == (data, metadata)


def test_a_photo_is_a_jpeg_and_a_table_of_colours_is_not(shown):
    photo, table = show.axes(), show.axes()
    photo.imshow(np.zeros((96, 96)))
    table.imshow(np.zeros((16, 16)))
    show.picture(photo, WHAT)
    show.picture(table, WHAT)
    assert [next(iter(data)) for data, _ in shown[::2]] == ["image/jpeg", "image/png"]


def test_a_faint_text_is_drawn_darker(shown):
    ax = show.axes()
    faint, light, dark = (
        ax.text(0, 0, "x", color=colour) for colour in (DIFFERENT, "white", "black")
    )
    show.picture(ax, WHAT)
    assert contrast(faint.get_color(), "white") >= LEAST_CONTRAST
    assert (light.get_color(), dark.get_color()) == ("white", "black")


def test_a_sentence_is_no_html(shown):
    show.picture(show.axes(), "Two values, of which a < b, and <b>no</b> more.")
    assert "a &lt; b, and &lt;b&gt;" in shown[1][0]["text/html"]


def test_outside_of_a_notebook_nothing_is_shown(capsys):
    assert show.picture(show.axes(), WHAT) is None
    assert show.live(show.axes(), WHAT) is None
    assert capsys.readouterr().out == ""


def test_a_cell_that_draws_is_folded():
    assert build._kept(["drawing"]) == {"tags": ["drawing"], "jupyter": {"source_hidden": True}}
    assert build._kept(["exercise"]) == {"tags": ["exercise"]}
    assert build._kept([]) == {}


@EACH
def test_a_folded_cell_shows_a_picture_and_hides_no_output(source):
    cells = prose.cells(source.read_text(encoding="utf-8"))
    folded = [ast.parse(body) for kind, tags, body in cells if "drawing" in tags]
    assert folded
    for tree in folded:
        names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        assert prose.pictures(tree), ast.unparse(tree)[:80]
        assert "print" not in names


def _bound(tree):
    """All names that a cell sets, its parameters and loops included."""
    named = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    named |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    return named | {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


@EACH
def test_a_folded_cell_sets_nothing_that_an_open_one_needs(source):
    hidden = set()
    for kind, tags, body in prose.cells(source.read_text(encoding="utf-8")):
        if kind != "code" or "claim" in tags:
            continue
        tree = ast.parse(body)
        if "drawing" in tags:
            hidden |= _bound(tree)
            continue
        names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        assert not names & hidden - _bound(tree), ast.unparse(tree)[:80]
        hidden -= _bound(tree)
