"""The album as text: what it holds, and that nothing from outside becomes markup."""

import base64
import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import ExifTags, Image

from minifacenet.album import pictures, write_album, write_drawn
from minifacenet.album.people import sections_of
from minifacenet.classification.library import RecognitionSettings
from minifacenet.classification.named_faces import NamedFace
from minifacenet.classification.recognition import recognition
from minifacenet.preprocessing.draw_boxes import KEPT, NOT_KEPT, draw_names
from minifacenet.preprocessing.photo import PhotoError
from minifacenet.preprocessing.photo_facts import photo_facts

from ..tile_photos import GREEN, RED, make_library, make_model, stand_in, tiles

HOSTILE = (
    "<script>alert(1)</script>", "\"' onload=\"alert(1)", "a\u202egnp.exe", "two\nlines",
    "</title>&amp;", "=1+1", "日本 \U0001f600", "x" * 180,
)  # fmt: skip


class Page(HTMLParser):
    """What a page holds: its elements, with their attributes, and its texts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag, **wanted):
        wanted = {key.rstrip("_"): value for key, value in wanted.items()}
        return [a for t, a in self.elements if t == tag and wanted.items() <= a.items()]


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    stand_in(monkeypatch)


@pytest.fixture
def library(tmp_path):
    return (*make_library(tmp_path), tmp_path / "out")


@pytest.fixture
def album(library, tmp_path):
    """Make the album of the library; the page, and what was found."""
    photos, known, out = library
    settings = RecognitionSettings(make_model(tmp_path / "model.safetensors"))

    def make(single_file=False, **more):
        found = recognition(photos, known, out, settings, **more)
        assert write_album(out, photos, found, single_file) == ""
        return Page((out / "album.html").read_text(encoding="utf-8")), found

    return make


def test_a_section_per_person_then_groups_then_single_strangers(album):
    page, found = album()
    ids = [section["id"] for section in page.all("section")]
    assert ids == ["person-0", "person-1", "group-1", "group-2", "alone"]
    titles = [text for text in page.texts if text in ("Ada Lovelace", "Grace", "Group 1")]
    assert titles.index("Ada Lovelace") < titles.index("Group 1")
    assert [section["data-size"] for section in page.all("section")] == ["2", "1", "3", "2", "1"]
    faces = [a["data-face"] for a in page.all("li") if "data-face" in a]
    assert sorted(map(int, faces)) == [*range(len(found.rows))]
    assert "7 photos · 9 faces · 3 named (2 people) · 6 unknown (2 groups)" in page.texts
    assert "1 photo without a face" in page.texts
    assert "none.png" in page.texts


def test_each_face_is_one_click_from_its_photo_and_each_link_leads_somewhere(album):
    page, _ = album()
    ids = {a["id"] for _, a in page.elements if "id" in a}
    links = {a["href"] for a in page.all("a")}
    assert {link for link in links if link[1:] not in ids} == {"#closed"}  # which closes a photo
    photos = page.all("figure", class_="photo")
    assert len(photos) == 6
    assert len([a for a in page.all("a") if "data-box" in a]) == 9


def test_boxes_lie_where_the_faces_are(album):
    page, found = album()
    style = {int(a["data-box"]): a["style"] for a in page.all("a") if "data-box" in a}
    for index, row in enumerate(found.rows):
        if row.photo == "2001/party.png" and row.face == 2:
            assert style[index].startswith("left:35.556%;top:6.667%;width:28.889%")  # 64 of 180


def test_no_request_but_for_the_pictures_beside_it(album, library):
    page, _ = album()
    out = library[2]
    sources = {a["src"] for a in page.all("img")}
    assert all((out / source).is_file() for source in sources)
    assert {path.name for path in (out / "album").iterdir()} == {s[6:] for s in sources}
    [policy] = [a["content"] for a in page.all("meta") if "http-equiv" in a]
    assert policy.startswith("default-src 'none'; img-src 'self' file: data:; ")
    text = (out / "album.html").read_text(encoding="utf-8")
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert (len(script), f"'sha256-{digest}'" in policy) == (1, True)
    assert not re.findall(r'(?:src|href)="(?!#|album/)', text)
    assert "url(" not in text


def test_one_file_holds_all(album, library):
    page, _ = album(single_file=True)
    assert {a["src"][:23] for a in page.all("img")} == {"data:image/jpeg;base64,"}
    assert not (library[2] / "album").exists()


def test_hostile_names_are_text(album, library):
    photos, known, _ = library
    for number, name in enumerate(HOSTILE):
        tiles(known / name.replace("/", "∕") / "1.png", (20 + 25 * number, 100, 240))
        tiles(photos / f"{name.replace('/', '∕')[:150]}.png", (20 + 25 * number, 100, 240))
    page, found = album()
    assert {row.name for row in found.rows} >= {name.replace("/", "∕") for name in HOSTILE}
    assert len(page.all("script")) == 2
    assert not [a for _, a in page.elements if any(key.startswith("on") for key in a)]
    data = json.loads(next(text for text in page.texts if text.startswith('{"faces')))
    assert data["faces"] == [[row.photo, row.face] for row in found.rows]
    assert any("a\\u202egnp.exe" in text for text in page.texts)
    assert not any("\u202e" in text for text in page.texts if not text.startswith("{"))


def test_names_given_by_hand_have_a_mark(album, tmp_path):
    (tmp_path / "names.csv").write_text("photo,face,name\nblue.png,1,<b>Lise</b>\n")
    page, _ = album(rename=tmp_path / "names.csv")
    assert len(page.all("span", class_="hand")) == 1
    assert page.texts.count("✓") == 1
    assert not page.all("b")


def test_a_second_album_makes_only_new_pictures_and_removes_old_ones(album, library, monkeypatch):
    photos, _, out = library
    album()
    (out / "album" / "mine.jpg").write_bytes(b"my own")
    before = {path.name for path in (out / "album").iterdir()}
    saved = []
    real = pictures._save
    monkeypatch.setattr(pictures, "_save", lambda *a: saved.append(a[1].name) or real(*a))
    album()
    assert saved == []
    (photos / "pink.png").unlink()
    tiles(photos / "new.png", RED, GREEN)
    album()
    assert len(saved) == 3
    after = {path.name for path in (out / "album").iterdir()}
    assert len(before - after) == 2
    assert after - before == set(saved)


def test_a_photo_that_is_gone_meanwhile(album, monkeypatch):
    real = pictures.photo_facts

    def gone(path):
        if path.name == "ada.png":
            raise PhotoError(path, "the file cannot be opened")
        return real(path)

    monkeypatch.setattr(pictures, "photo_facts", gone)
    page, _ = album()
    assert page.texts.count("photo gone") == 1
    assert len(page.all("figure")) == 5


def test_stopped_it_keeps_the_page_of_before(album, library):
    photos, _, out = library
    _, found = album()
    before = (out / "album.html").read_bytes()
    rows = tuple(replace(row, name="Other") for row in found.rows)
    left = write_album(out, photos, replace(found, rows=rows), stop=lambda: True)
    assert left == "6 photos of the album"
    assert (out / "album.html").read_bytes() == before
    assert write_drawn(out, photos, found, stop=lambda: True) == "6 photos to draw into"


def test_a_library_without_a_face(library, tmp_path):
    from minifacenet.classification.recognition import Recognition

    write_album(library[2], library[0], Recognition((), ()))
    text = (library[2] / "album.html").read_text(encoding="utf-8")
    assert "No photo shows a face." in text


def test_faces_are_in_the_order_of_their_dates(tmp_path):
    rows = [NamedFace(f"{name}.jpg", 1, (0, 0, 9, 9), "Ada") for name in "abc"]
    dates = {"a.jpg": 2003, "b.jpg": 2001, "c.jpg": 2002}
    shots = {
        photo: pictures.Shot(photo, photo, pictures.PhotoFacts(9, 9, datetime(year, 1, 1)))
        for photo, year in dates.items()
    }
    [section] = sections_of(rows, shots)
    assert [face.row.photo for face in section.faces] == ["b.jpg", "c.jpg", "a.jpg"]


def test_the_facts_of_a_photo(tmp_path):
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1999:12:31 23:59:58"
    Image.new("RGB", (80, 40)).save(path, exif=exif)
    assert photo_facts(path) == pictures.PhotoFacts(40, 80, datetime(1999, 12, 31, 23, 59, 58))
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "0000:00:00 00:00:00"
    Image.new("RGB", (80, 40)).save(path, exif=exif)
    modified = datetime.fromtimestamp(path.stat().st_mtime)
    assert photo_facts(path).taken == modified
    path.write_bytes(b"no photo")
    with pytest.raises(PhotoError):
        photo_facts(path)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_face_is_cut_within_the_photo_and_upright(turned):
    from minifacenet.preprocessing.choose_and_cut import Face

    photo = np.zeros((50, 80, 1), np.uint8)
    photo[0, 0] = 255
    face = pictures._face(photo, Face(1, (0.0, 0.0, 20.0, 20.0), turned=turned), 1)
    assert face.shape == (36, 36, 1)
    corner = {0: (0, 0), 90: (0, 35), 180: (35, 35), 270: (35, 0)}[turned]
    assert face[corner] == 255
    whole = pictures._face(photo, Face(1, (0.0, 0.0, 160.0, 100.0)), 2)
    assert whole.shape == (50, 50, 1)


def test_names_are_drawn_into_a_photo():
    boxes = [(20.0, 40.0, 60.0, 80.0), (100.0, 40.0, 140.0, 80.0)]
    drawn = np.asarray(draw_names(np.zeros((90, 160, 3), np.uint8), boxes, ["Ada", ""]))
    assert (drawn[45:75, 20] == KEPT).all()
    assert (drawn[45:75, 100] == NOT_KEPT).all()
    white = (drawn == 255).all(axis=2)
    assert white[:40, :80].sum() > 50
    assert white[:, 80:].sum() == 0
    large = draw_names(np.zeros((1800, 3200, 1), np.uint8), [(400, 800, 1200, 1600)], [""])
    assert large.size == (1600, 900)
    assert (np.asarray(large)[450:750, 200] == NOT_KEPT).all()


def test_the_csv_that_the_page_writes_is_read_back(tmp_path):
    """As the script writes it: fields with commas, quotes or line breaks are quoted."""
    from minifacenet.classification.renames import read_wishes

    buffer = io.StringIO()
    csv.writer(buffer).writerows(
        [("photo", "face", "name"), ('a "b", c\n.png', 2, 'O\'Hara, "Sc"')]
    )
    (tmp_path / "names.csv").write_bytes(buffer.getvalue().encode())
    [wish] = read_wishes(tmp_path / "names.csv")
    assert (wish.photo, wish.name) == ('a "b", c\n.png', 'O\'Hara, "Sc"')
