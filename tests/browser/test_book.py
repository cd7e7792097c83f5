"""The book in a real browser, from its folder: `make book` first, which these tests look for."""

import re
from pathlib import Path

import pytest

from .devtools import NEEDS_CHROMIUM

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "build" / "book"
PAGES = sorted(page for page in BOOK.rglob("*.html") if "_modules" not in page.parts)
PAGES = [page for page in PAGES if page != BOOK / "index.html"]  # it leads on at once


def named(pages):
    """Return pages with their names as ids; a function for ids is asked even if there are none."""
    return [pytest.param(page, id=page.relative_to(BOOK).as_posix()) for page in pages]


WIDE = """[...document.querySelectorAll("article *")].filter((e) =>
  e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
  && !e.closest(".highlight, .table-wrapper, mjx-container, .output, .math")
).map((e) => e.outerHTML.slice(0, 80)).slice(0, 3)"""
READY = "window.MathJax && MathJax.startup && MathJax.startup.promise.then(() => true)"
FORMULAS = """[document.querySelectorAll("mjx-container").length,
  document.querySelectorAll("[data-mjx-error], merror").length]"""
FOUND = """new Promise((done) => { const look = (tries) => {
  const found = document.querySelectorAll("#search-results li").length;
  found || !tries ? done(found) : setTimeout(look, 100, tries - 1); }; look(200); })"""

pytestmark = [
    *NEEDS_CHROMIUM,
    pytest.mark.skipif(not PAGES, reason="no book here: `make book` makes it"),
]


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("page", named(PAGES))
def test_a_page_fits_is_silent_and_asks_nobody(browser, page, width):
    browser.open(page.as_uri(), width=width)
    browser.ask(READY)
    assert browser.ask("document.documentElement.scrollWidth") <= width, browser.ask(WIDE)
    assert browser.console() == []
    asked = [url for url in browser.requests() if not url.startswith(("file:", "data:", "blob:"))]
    assert asked == []


@pytest.mark.parametrize("page", named(sorted(BOOK.glob("[0-9]*.html"))))
def test_formulas_are_set(browser, page):
    browser.open(page.as_uri())
    written = len(re.findall(r'class="math notranslate', page.read_text(encoding="utf-8")))
    assert browser.ask(READY) or not written
    assert browser.ask(FORMULAS) == [written, 0]


def test_search_finds_words_of_lessons_guide_and_library(browser):
    for word in ("hinge", "album", "maxout"):
        browser.open(f"{(BOOK / 'search.html').as_uri()}?q={word}")
        assert browser.ask(FOUND) > 0, word


def test_dark_is_dark(browser):
    browser.open((BOOK / "book" / "index.html").as_uri(), dark=True)
    colour = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", colour)[:3])) < 64


def test_no_link_within_the_book_is_dead():
    for page in [*PAGES, *(BOOK / "_modules").rglob("*.html")]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"(?:href|src)=\"([^\"#?]+)", text):
            if not re.match(r"[a-z]+:", target):
                assert (page.parent / target).exists(), f"{page.name} leads to {target}"
