"""The album of a library in a real browser: headless Chromium, clicked and typed at as a user does.

`make test-browser` runs these. Without Chromium they are skipped, unless
MINIFACENET_REQUIRE_CHROMIUM=1 is set.
"""

import base64
import csv
import re
import time

import pytest

from minifacenet.album import write_album
from minifacenet.classification.library import RecognitionSettings
from minifacenet.classification.recognition import recognition
from minifacenet.classification.renames import read_wishes

from ..tile_photos import GOLD, PINK, make_library, make_model, stand_in, tiles
from .devtools import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM
HOSTILE = '<img src=x onerror=alert(1)> "O\'Hara", Émilie'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An album with a hostile name, and photos whose names are no good CSV."""
    root = tmp_path_factory.mktemp("library")
    photos, known = make_library(root)
    tiles(known / HOSTILE / "1.png", GOLD)
    tiles(photos / 'gold, "1"\n.png', GOLD)
    tiles(photos / 'pink, "2".png', PINK, GOLD)
    settings = RecognitionSettings(make_model(root / "model.safetensors"))
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch)
        found = recognition(photos, known, root / "out", settings)
    write_album(root / "out", photos, found)
    (root / "out" / "album.html").rename(root / "out" / "beside.html")
    write_album(root / "out", photos, found, single_file=True)
    return root / "out"


@pytest.fixture
def page(browser, folder):
    """The page, opened anew in the way that a test asks for."""

    def opened(name="beside.html", **how):
        browser.open((folder / name).as_uri(), **how)
        return browser

    return opened


def shown(page):
    return page.ask(
        "[...document.querySelectorAll('main section')].filter((s) => s.checkVisibility())"
        ".map((s) => s.querySelector('h3').textContent)"
    )


@pytest.mark.parametrize("name", ["beside.html", "album.html"])
def test_nothing_is_complained_of_and_nothing_fetched_from_elsewhere(page, folder, name):
    browser = page(name)
    browser.ask("document.querySelectorAll('img').forEach((i) => { i.loading = 'eager'; })")
    browser.ask("scrollTo(0, 1e6)")
    broken = """[...document.querySelectorAll('main img')].filter((i) => !i.naturalWidth).length"""
    assert until(lambda: browser.ask(broken) == 0)
    assert browser.console() == []
    home = folder.as_uri()
    assert browser.requests()
    assert all(url.startswith((home, "data:image/jpeg")) for url in browser.requests())
    assert browser.ask("document.querySelectorAll('[onerror], main script, h3 img').length") == 0


def test_a_foreign_script_would_not_run_and_would_be_seen(browser, folder):
    text = (folder / "beside.html").read_text(encoding="utf-8")
    foreign = "<script>document.title = 'foreign'</script><img src='https://example.org/x.png'>"
    (folder / "broken.html").write_text(text.replace("</body>", f"{foreign}</body>"))
    browser.open((folder / "broken.html").as_uri())
    said = [str(entry) for entry in browser.console()]
    assert sum("Content Security Policy" in entry for entry in said) == 2
    assert browser.ask("document.title") != "foreign"


def test_search_by_name_whatever_the_accents(page):
    browser = page()
    everybody = shown(browser)
    assert len(everybody) == 6
    browser.press("/", "/")
    assert browser.ask("document.activeElement.id") == "search"
    browser.write("emilie")
    assert shown(browser) == [HOSTILE]
    assert browser.ask("document.getElementById('matches').textContent") == "1 match"
    assert browser.ask("document.querySelectorAll('.part:not([hidden])').length") == 1
    browser.write("x")
    assert shown(browser) == []
    assert "Nobody" in browser.ask("document.getElementById('matches').textContent")
    browser.ask("search = document.getElementById('search'); search.value = '';"
                "search.dispatchEvent(new Event('input'))")  # fmt: skip
    assert shown(browser) == everybody


def test_order_by_name_size_and_date(page):
    browser = page()

    def ordered(by):
        browser.ask(
            f"order = document.getElementById('order'); order.value = '{by}';"
            "order.dispatchEvent(new Event('change'))"
        )
        return shown(browser)[:3]

    assert ordered("name") == [HOSTILE, "Ada Lovelace", "Grace"]
    assert ordered("size")[-1] == "Grace"
    browser.ask("document.querySelector('#person-2').dataset.date = '2999-01-01'")
    assert ordered("date")[0] == browser.ask("document.querySelector('#person-2 h3').textContent")
    index = "[...document.querySelectorAll('.index a')].map((a) => a.hash)"
    assert browser.ask(index)[0] == "#person-2"


def test_a_photo_opens_and_closes_and_the_keys_walk(page):
    browser = page()
    visible = "(document.querySelector('.photo:target') || {}).id"
    browser.click("#person-0 .faces li:nth-child(2) a")
    first = browser.ask(visible)
    assert first.startswith("photo-")
    face = browser.ask("document.querySelector('#person-0 li:nth-child(2)').dataset.face")
    assert until(lambda: browser.ask("document.querySelectorAll('.box.here').length") == 1)
    assert browser.ask("document.querySelector('.box.here').dataset.box") == face
    number = int(first.removeprefix("photo-"))
    browser.press("ArrowRight")
    assert until(lambda: browser.ask(visible) == f"photo-{number + 1}")
    browser.press("ArrowLeft")
    assert until(lambda: browser.ask(visible) == first)
    browser.press("Escape")
    assert until(lambda: browser.ask(visible) is None)
    active = "(document.activeElement.closest('li')?.dataset ?? {}).face"
    assert until(lambda: browser.ask(active) == face)  # the focus is where it was
    browser.press("ArrowLeft")
    assert browser.ask(active) != face
    browser.press("ArrowDown")
    assert browser.ask("document.activeElement.closest('section').id") == "person-1"
    browser.press("ArrowUp")
    assert browser.ask("document.activeElement.closest('section').id") == "person-0"


def test_typed_names_are_downloaded_as_a_file_that_is_taken_in(page, tmp_path):
    browser = page()
    browser("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    assert not browser.ask("document.getElementById('pending').checkVisibility()")
    browser.click("#group-1 input")
    browser.write('  Lise "L"   Meitner, ')
    browser.press("Tab")
    # A face of a person, in its photo, counts more than a group.
    browser.click("#person-1 .faces a")
    line = browser.ask("document.querySelector('.photo:target [data-line]').dataset.line")
    browser.click(f".photo:target [data-line='{line}'] input")
    browser.write("@Émilie")
    browser.press("Tab")
    assert "4 faces get a name" in browser.ask("document.getElementById('said').textContent")
    assert browser.ask("document.querySelectorAll('[data-new]').length") == 4
    browser.press("Escape")
    browser.click("#download")
    path = tmp_path / "names-by-hand.csv"
    assert until(path.exists)
    wishes = read_wishes(path)
    names = [wish.name for wish in wishes]
    assert sorted(names) == ["@Émilie", *['Lise "L" Meitner,'] * 3]
    assert ",'@Émilie\r\n" in path.read_bytes().decode()  # for a spreadsheet it is no formula
    photos = {photo for photo, _ in browser.ask("JSON.parse(document.getElementById('data')"
                                                ".textContent).faces")}  # fmt: skip
    assert {wish.photo for wish in wishes} <= photos
    browser.click("#undo")
    assert not browser.ask("document.getElementById('pending').checkVisibility()")


def test_names_that_are_not_downloaded_are_not_lost_without_a_question(page, tmp_path):
    browser = page()
    browser("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    asked = "Page.javascriptDialogOpening"

    def leave():
        browser.events.clear()
        browser("Page.navigate", url="about:blank")
        browser.wait_for("Page.loadEventFired")
        return [event["params"]["type"] for event in browser.events if event["method"] == asked]

    browser.click("#group-1 input")
    browser.write("Lise")
    browser.press("Tab")
    assert leave() == ["beforeunload"]
    browser = page()
    browser.click("#group-1 input")
    browser.write("Lise")
    browser.press("Tab")
    browser.click("#download")
    assert until((tmp_path / "names-by-hand.csv").exists)
    assert leave() == []


def test_photos_with_commas_and_line_breaks_come_through_the_file(page, tmp_path):
    browser = page()
    browser("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for number in range(browser.ask("document.querySelectorAll('.photo').length")):
        browser.ask(f"location.hash = 'photo-{number}'")
        if "gold" in browser.ask("document.querySelector('.photo:target .path').textContent"):
            break
    browser.click(".photo:target input")
    browser.write("Goldie")
    browser.press("Tab")
    browser.click("#download")
    path = tmp_path / "names-by-hand.csv"
    assert until(path.exists)
    [wish] = read_wishes(path)
    assert (wish.photo, wish.face, wish.name) == ('gold, "1"\n.png', 1, "Goldie")
    with path.open(newline="", encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == 2


def test_without_scripts_all_is_to_be_read(page):
    browser = page(scripts=False)
    assert len(shown(browser)) == 6
    assert not browser.ask("document.getElementById('tools').checkVisibility()")
    assert browser.ask("document.querySelectorAll('main input').length") == 0
    visible = "[...document.querySelectorAll('.photo')].filter((p) => p.checkVisibility()).length"
    assert browser.ask(visible) == 0
    browser.click("#person-0 .faces a")
    assert until(lambda: browser.ask(visible) == 1)
    boxes = "[...document.querySelectorAll('.photo:target .box')].map((b) => b.offsetWidth)"
    assert min(browser.ask(boxes)) > 20
    browser.click(".photo:target .close")
    assert until(lambda: browser.ask(visible) == 0)


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("photo", ["", "#photo-0"])
def test_the_page_never_scrolls_sideways(page, width, photo):
    browser = page(width=width)
    browser.ask(f"location.hash = '{photo}'")
    wide = "Math.max(...[...document.querySelectorAll('html, .photo:target')].map((e) => " \
           "e.scrollWidth - e.clientWidth))"  # fmt: skip
    assert browser.ask(wide) <= 0
    assert browser.ask("innerWidth") <= width


def test_dark_is_dark_and_paper_is_white(page):
    paper = "getComputedStyle(document.body).backgroundColor"
    light = [int(part) for part in re.findall(r"\d+", page().ask(paper))]
    dark = [int(part) for part in re.findall(r"\d+", page(dark=True).ask(paper))]
    assert min(light) > 240
    assert max(dark) < 40
    browser = page(dark=True, media="print")
    assert browser.ask(paper) == "rgb(255, 255, 255)"
    browser.ask("location.hash = 'photo-0'")
    assert not browser.ask(
        "[...document.querySelectorAll('.photo, #tools, #pending, .index, form')]"
        ".some((e) => e.checkVisibility())"
    )
    assert len(shown(browser)) == 6


def test_it_prints(page):
    pdf = base64.b64decode(page()("Page.printToPDF")["data"])
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 1 <= pages <= 3
    assert len(re.findall(rb"/Subtype\s*/Image", pdf)) >= 5


def until(true, seconds=20):
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
