"""Names that a user gives by hand: they win, they stay, and they are examples for the others."""

import csv

import pytest
from PIL import Image, PngImagePlugin

from minifacenet.classification.library import RecognitionSettings
from minifacenet.classification.recognition import recognition
from minifacenet.classification.renames import load_renames, read_wishes

from ..tile_photos import BLUE, PINK, make_library, make_model, stand_in, tiles


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    stand_in(monkeypatch)


@pytest.fixture
def library(tmp_path):
    return (*make_library(tmp_path), tmp_path / "out")


@pytest.fixture
def named(library, tmp_path):
    """Recognise with a file of these lines; the names by photo and face."""
    settings = RecognitionSettings(make_model(tmp_path / "model.safetensors"))

    def names(*lines, **more):
        if lines:
            text = "\r\n".join(["photo,face,name", *lines, ""])
            (tmp_path / "names.csv").write_bytes(text.encode())
            more["rename"] = tmp_path / "names.csv"
        result = recognition(*library, settings, **more)
        names.result = result
        return {(row.photo, row.face): row.name for row in result.rows}

    return names


def test_a_named_face_keeps_its_name_and_is_an_example(named):
    found = named("blue.png,1,Lise Meitner")
    blue = [("blue.png", 1), ("2001/party.png", 3), ("2001/beach.png", 1)]
    assert [found[key] for key in blue] == ["Lise Meitner"] * 3
    rows = {(row.photo, row.face): row for row in named.result.rows}
    assert [rows[key].by_hand for key in blue] == [True, False, False]
    assert named.result.gate.people["Lise Meitner"] == 1
    assert named() == found  # without the file: it is remembered


def test_the_user_wins_over_the_classifier(named):
    assert named("ada.png,1,Grace")["ada.png", 1] == "Grace"
    rows = {(row.photo, row.face): row for row in named.result.rows}
    assert rows["ada.png", 1].nearest  # the classifier's own word is still to be read
    assert named("ada.png,1,Somebody")["ada.png", 1] == "Somebody"  # the later word counts


def test_unknown_takes_a_name_away_and_nothing_takes_the_word_back(named, library):
    found = named("2001/party.png,1,Unknown ")
    assert found["2001/party.png", 1] == "unknown"
    assert found["ada.png", 1] == "Ada Lovelace"
    assert named()["2001/party.png", 1] == "unknown"
    assert "unknown" not in named.result.gate.people
    assert named("2001/party.png,1,")["2001/party.png", 1] == "Ada Lovelace"
    assert load_renames(library[2]) == []


def test_a_name_stays_with_its_face_where_the_photo_moves_or_is_copied(named, library):
    named("2001/beach.png,2,Emmy")
    photos, _, out = library
    copy = photos / "copy.png"
    copy.write_bytes((photos / "2001" / "beach.png").read_bytes())
    (photos / "2001").rename(photos / "2002")
    found = named()
    assert (found["2002/beach.png", 2], found["copy.png", 2]) == ("Emmy", "Emmy")
    assert [one.photo for one in load_renames(out)] == ["2001/beach.png"]
    found = named("copy.png,2,Emmy Noether")
    assert found["2002/beach.png", 2] == "Emmy Noether"


def test_a_name_stays_where_the_photo_gets_another_note(named, library):
    named("blue.png,1,Lise")
    path = library[0] / "blue.png"
    note = PngImagePlugin.PngInfo()
    note.add_text("Title", "a note")
    with Image.open(path) as image:
        image.save(path, pnginfo=note)
    found = named()
    rows = {(row.photo, row.face): row for row in named.result.rows}
    assert found["blue.png", 1] == "Lise"
    assert rows["blue.png", 1].by_hand


def test_another_photo_of_the_same_name_does_not_get_it(named, library):
    named("2001/beach.png,2,Emmy")
    tiles(library[0] / "2001" / "beach.png", BLUE)
    assert "Emmy" not in named().values()
    assert len(load_renames(library[2])) == 1  # the photo may come back


def test_nothing_is_lost_when_the_work_after_it_fails(named, library, monkeypatch):
    from minifacenet.classification import recognition as module

    with monkeypatch.context() as patch:
        patch.setattr(module, "name_faces", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            named("blue.png,1,Lise")
    assert named()["blue.png", 1] == "Lise"


def test_names_for_no_face_are_told_of(named):
    lines = "blue.png,1,Lise", "blue.png,2,Emmy", "gone.png,1,Emmy"
    with pytest.raises(ValueError, match=r"line 3: there is no face 2 in blue.png"):
        named(*lines, strict=True)
    found = named(*lines)
    assert found["blue.png", 1] == "Lise"
    assert [(wish.line, wish.photo) for wish in named.result.missed] == [
        (3, "blue.png"), (4, "gone.png"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "its first line has to be photo,face,name, and is ''"),
        (b"photo,face\r\n", "its first line has to be photo,face,name"),
        (b"photo,face,name\n", "no line below its header"),
        (b"photo,face,name\na.png,1\n", "line 2: 2 columns where 3 belong"),
        (b"photo,face,name\na.png,0,Ada\n", "line 2: face is a number from 1, got '0'"),
        (b"photo,face,name\na.png," + b"9" * 5000 + b",Ada\n", "face is a number from 1"),
        (b'photo,face,name\na.png,1,"A\nda"\n', "a name is one line of text"),
        (b"photo,face,name\na.png,1,\xff\n", "no CSV in UTF-8"),
        (b"photo,face,name\na.png,1,A\x1bda\n", "a name is one line of text"),
        (b"photo,face,name\na.png,1," + b"a" * 256, "a name is one line of text"),
    ],
)
def test_a_file_that_is_no_list_of_names(tmp_path, text, words):
    path = tmp_path / "names.csv"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=words) as caught:
        read_wishes(path)
    assert len(str(caught.value)) < 500
    assert str(path) in str(caught.value)
    with pytest.raises(ValueError, match="cannot be opened"):
        read_wishes(tmp_path / "none.csv")


def test_a_table_from_a_spreadsheet(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text('photo,face,name\n\n"a, b.png",2, Jose\u0301 \n', encoding="utf-8-sig")
    [wish] = read_wishes(path)
    assert (wish.photo, wish.face, wish.name) == ("a, b.png", 2, "Jos\u00e9")


def test_cells_that_were_kept_from_being_formulas_are_read_as_what_they_were(named, library):
    tiles(library[0] / "=1+1.png", PINK)
    assert named("./=1+1.png,1,'@Lise")["=1+1.png", 1] == "@Lise"
    with (library[2] / "names.csv").open(newline="", encoding="utf-8") as file:
        [row] = [row for row in csv.DictReader(file) if row["photo"] == "./=1+1.png"]
    assert row["name"] == "'@Lise"
    assert (library[0] / row["photo"]).is_file()


def test_damaged_memory_is_not_passed_over(named, library):
    named("blue.png,1,Lise")
    path = library[2] / "renamed.csv"
    written = path.read_text()
    for wrong in ("x", "nan", "1e308", "-9e9"):
        path.write_text(written.replace("4.0", wrong, 1))
        with pytest.raises(ValueError, match=r"renamed.csv, line 2: a box of"):
            named()
    assert path.exists()
