"""What no run can have written into manifest.csv is refused, with its line."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.preprocessing.choose_and_cut import Face
from minifacenet.preprocessing.manifest import COLUMNS, Entry, load_manifest, save_manifest

POINTS = tuple((float(i), i + 0.5) for i in range(5))
BOX = (1.5, 2.0, 3.25, 4.0)
ENTRIES = [
    Entry("a.jpg", "all", "0" * 16, (Face(1, BOX, 0.99, POINTS), Face(2, BOX, 0.95)), ("x", "y")),
    Entry("b.jpg", "all", "1" * 16, (Face(0, reason="no face"),), ("",)),
    Entry("c.jpg", "all", "2" * 16, (Face(1, BOX, 0.9, POINTS, 90, "small"),), ("",)),
]


def table(path, change=lambda rows: None):
    """A manifest of the entries, its rows (as dictionaries, the first is of line 2) changed."""
    save_manifest(path, ENTRIES)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "manifest.csv"
    table(path)
    assert list(load_manifest(path).values()) == ENTRIES


@pytest.mark.parametrize(
    ("row", "values", "message"),
    [
        (0, dict(x0="nan"), "line 2: x0 to y1 should be numbers, got .*'nan'"),
        (0, dict(y1="inf"), "line 2: x0 to y1 should be numbers"),
        (0, dict(y1=""), "line 2: x0 to y1 should be numbers"),
        (0, dict(x0="9"), "line 2: the box .* ends before it begins"),
        (0, dict(score="nan"), "line 2: score to score should be numbers"),
        (0, dict(score="1.5"), "line 2: a score of 1.5, outside of 0 to 1"),
        (0, dict(score="0.2"), "line 3: score 0.95 below 0.2: the best face comes first"),
        (0, dict(nose_x="x" * 9000), "line 2: left_eye_x to right_mouth_y should be numbers"),
        (0, dict(nose_x=""), "line 2: left_eye_x to right_mouth_y should be numbers"),
        (1, dict(face="1"), "line 3: face 1 stands where face 2 should"),
        (1, dict(face="-1"), "line 3: face should be a number"),
        (1, dict(face="9" * 4000), "line 3: face should be a number"),
        (0, dict(turned="9" * 4000), "line 2: turned should be a number"),
        (0, dict(y1="1e308"), "line 2: no face has the box"),
        (0, dict(nose_x="-1e20"), "line 2: no face has the landmarks"),
        (2, dict(photo="../c.jpg"), r"line 4: no photo in a folder is called '\.\./c\.jpg'"),
        (2, dict(photo="/c.jpg"), "line 4: no photo in a folder is called"),
        (2, dict(photo="c\0.jpg"), "line 4: no photo in a folder is called"),
        (1, dict(face=""), "line 3: face 0 stands where face 2 should"),
        (1, dict(face="9" * 5000), "line 3: face should be a number"),
        (1, dict(rule="largest"), "line 3: rule 'largest' below 'all'"),
        (1, dict(content="f" * 16), "line 3: content 'f+' below '0+'"),
        (1, dict(photo=""), "line 3: no photo is named"),
        (1, dict(crop=""), "line 3: a face has either a crop or a reason"),
        (1, dict(reason="small"), "line 3: a face has either a crop or a reason"),
        (2, dict(face="2"), "line 4: face 2 stands where face 1 should"),
        (3, dict(turned="45"), "line 5: turned by 45 degrees"),
        (3, dict(turned="x"), "line 5: turned should be a number, got 'x'"),
        (3, dict(photo="a.jpg"), "line 5: more rows of 'a.jpg', which stands farther up"),
        (3, dict(reason="x" * 200_000), "line 5: field larger than field limit"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(tmp_path, row, values, message):
    path = tmp_path / "manifest.csv"
    table(path, lambda rows: rows[row].update(values))
    with pytest.raises(ValueError, match=message) as error:
        load_manifest(path)
    assert str(error.value).startswith(f"{path}, line ")
    assert str(error.value).endswith(": say --force to do all photos anew")
    assert len(str(error.value)) < len(str(path)) + 400


def test_a_first_face_that_is_gone_is_noticed(tmp_path):
    path = tmp_path / "manifest.csv"
    table(path, lambda rows: rows.pop(0))
    with pytest.raises(ValueError, match="line 2: face 2 stands where face 1 should"):
        load_manifest(path)


@given(data=st.data())
def test_any_text_in_any_cell_is_read_or_refused_in_one_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "manifest.csv"
    row, column = data.draw(st.integers(0, 3)), data.draw(st.sampled_from(COLUMNS))
    text = data.draw(st.text(st.characters(codec="utf-8"), max_size=9) | st.just("9" * 5000))
    table(path, lambda rows: rows[row].update({column: text}))
    try:
        load_manifest(path)
    except ValueError as error:
        message = str(error)
        assert message.startswith(f"{path}, line ")
        assert len(message) < len(str(path)) + 400
