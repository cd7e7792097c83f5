"""The page of a training in a real browser: it reloads by itself, and notices when nothing comes.

`make test-browser` runs these. Without Chromium they are skipped, unless
MINIFACENET_REQUIRE_CHROMIUM=1 is set.
"""

import re
import time

import pytest

from ..live.pages import Told
from .devtools import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM
STALE = "document.getElementById('stale').checkVisibility()"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A training with hostile names, of a long time ago, as it was when somebody killed it."""
    told = Told(tmp_path_factory.mktemp("run"))
    (told.out / "state.safetensors").touch()
    told.page.start_training("Training", 60)
    told.steps(1, 50)
    return told


@pytest.fixture
def page(browser, told):
    """The page, opened anew in the way that a test asks for; `now`: as if written just now."""

    def opened(now=False, refresh=None, **how):
        text = told.text()
        if now:
            text = re.sub(r'data-written="\d+"', f'data-written="{time.time():.0f}"', text)
        if refresh is not None:
            text = re.sub(r'"refresh" content="\d+"', f'"refresh" content="{refresh}"', text)
        path = told.out / "shown.html"
        path.write_text(text, encoding="utf-8")
        browser.open(path.as_uri(), **how)
        return browser

    return opened


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_whole_and_complains_of_nothing(page, width, dark, scripts):
    browser = page(width=width, dark=dark, scripts=scripts)
    assert browser.console() == []
    assert browser.ask("document.documentElement.scrollWidth - innerWidth") <= 0
    assert all(url.startswith(("file:", "data:image/jpeg")) for url in browser.requests())
    assert browser.ask("document.querySelectorAll('img, [onerror], [onload]').length") == 0
    faces = browser.ask("[...document.querySelectorAll('.face')].map((f) => f.clientWidth)")
    assert len(faces) == 18
    assert min(faces) > 60
    plots = browser.ask("[...document.querySelectorAll('.plot svg')].map((p) => p.clientWidth)")
    assert len(plots) == 4
    assert min(plots) > 250
    paper = browser.ask("getComputedStyle(document.body).backgroundColor")
    light = [int(part) for part in re.findall(r"\d+", paper)]
    assert max(light) < 40 if dark else min(light) > 240


def test_it_reads_itself_again_and_stays_where_it_was(page, told):
    for scripts in (True, False):
        browser = page(now=True, refresh=1, width=390, scripts=scripts)
        browser.ask("scrollTo(0, 700)")
        browser.events.clear()
        path = told.out / "shown.html"
        path.write_text(path.read_text(encoding="utf-8").replace("Step 50 of", "Step 51 of"))
        browser.wait_for("Page.loadEventFired")
        assert "Step 51 of 60" in browser.ask("document.querySelector('.far').textContent")
        assert browser.ask("scrollY") == 700


def test_a_page_of_a_killed_training_says_that_nothing_is_heard(page):
    browser = page()
    assert browser.ask(STALE)
    said = browser.ask("document.getElementById('stale').textContent")
    assert "Not heard of since 2023-11-1" in said
    assert "--resume" in said
    assert browser.ask("document.querySelector('.word').textContent") == "Not heard of"
    assert not browser.ask("document.querySelector('.hint').checkVisibility()")
    browser = page(now=True)
    assert not browser.ask(STALE)
    assert re.fullmatch(r", \d+ s ago", browser.ask("document.getElementById('ago').textContent"))


def test_without_scripts_it_says_until_when_to_believe_it(page):
    browser = page(scripts=False)
    assert not browser.ask(STALE)
    assert re.search(
        r"If nothing newer has come by \d\d:\d\d:\d\d, the training is not running",
        browser.ask("document.querySelector('.hint').textContent"),
    )


def test_after_the_end_it_stays_as_it_is(browser, tmp_path):
    told = Told(tmp_path)
    told.page.start_training("Training", 60)
    told.steps(1, 3)
    told.page.end(told.outcome())
    browser.open((tmp_path / "training.html").as_uri())
    assert browser.console() == []
    assert browser.ask("document.querySelectorAll('meta[http-equiv=refresh]').length") == 0
    assert browser.ask("document.querySelector('.word').textContent") == "Finished"
    assert browser.ask("document.getElementById('ago').textContent") == ""


def test_a_foreign_script_would_not_run_and_would_be_seen(browser, told):
    text = told.text().replace("</body>", "<script>document.title = 'foreign'</script></body>")
    (told.out / "broken.html").write_text(text, encoding="utf-8")
    browser.open((told.out / "broken.html").as_uri())
    assert any("Content Security Policy" in str(entry) for entry in browser.console())
    assert browser.ask("document.title") != "foreign"


def test_on_paper_it_is_white(page):
    browser = page(dark=True, media="print")
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not browser.ask(STALE)
