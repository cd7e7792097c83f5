"""Names and markup that want to run something in our pages, opened in Chromium."""

import csv
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from minifacenet.report import write_report

from ..browser.devtools import PROGRAM, Chromium
from ..live.pages import Told, make_faces
from ..report.run_parts import make_parts, write_logs
from ..tile_photos import BLUE, GREEN, RED, make_model, tiles
from .attack import attack
from .children import command

RUN = "window.ran=1"
NAMES = (
    f"</script><script>{RUN}</script>", f"<img src=x onerror={RUN}>", f"<svg onload={RUN}>",
    f'" onmouseover="{RUN}" autofocus onfocus="{RUN}', f"' onfocus='{RUN}' x='",
    f"</title><script>{RUN}</script>", f"</style><script>{RUN}</script>",
    f"--><script>{RUN}</script>", f"]]><script>{RUN}</script>", f"<!--<script>{RUN}",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'>", f"javascript:{RUN}", f"`${{{RUN}}}`",
    f"\\u003cscript\\u003e{RUN}", f"&lt;script&gt;{RUN}&lt;/script&gt;", f"&#60;img src=x>{RUN}",
    f"<a href=javascript:{RUN}>x</a>", "<base href=//x.invalid/><style>*{color:red}", "{{7*7}}",
    f"<math><mtext><script>{RUN}</script>", f"<details open ontoggle={RUN}>", "%3Cscript%3E",
    f"+ADw-script+AD4-{RUN}", f"<template><img src=x onerror={RUN}>", "#person-0", "x;y:z}*{",
    f"<form action=javascript:{RUN}><input type=submit autofocus>", "</textarea></select></svg>",
    f"\ufeff<script>{RUN}</script>", f"<meta http-equiv=refresh content='0;url=data:,{RUN}'>",
    f"<object data='data:text/html,<script>{RUN}</script>'>",
    "<link rel=stylesheet href=//x.invalid>",
)  # fmt: skip
# As if the escaping had failed: these stand in the page as markup.
MARKUP = (
    f"<script>{RUN}</script>", f"<script type=module>{RUN}</script>", f"<img src=x onerror={RUN}>",
    f"<script src='data:text/javascript,{RUN}'></script>", "<script src='own.js'></script>",
    "<script src=https://x.invalid/x.js></script>", f"<svg onload={RUN}></svg>",
    f"<svg><script>{RUN}</script></svg>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<iframe src=\"javascript:parent.{RUN}\"></iframe>", "<iframe src=https://x.invalid/></iframe>",
    f"<object data='data:text/html,<script>{RUN}</script>'></object>",
    "<embed src=https://x.invalid/x.swf>", "<link rel=stylesheet href=https://x.invalid/x.css>",
    "<style>@import 'https://x.invalid/x.css';</style>", "<img src=https://x.invalid/x.png>",
    "<p style=\"background:url(https://x.invalid/x.png)\">x</p>",
    "<style>@font-face{font-family:a;src:url(https://x.invalid/x)} *{font-family:a}</style>",
    "<video autoplay src=https://x.invalid/x.mp4></video>", "<audio src=https://x.invalid/x></audio>",
    f"<input autofocus onfocus={RUN}>", f"<details open ontoggle={RUN}>x</details>",
    f"<a class=tried href=\"javascript:{RUN}\">x</a>", f"<p class=tried onclick={RUN}>x</p>",
    "<form class=sent action=https://x.invalid/><input name=a value=b></form>",
    f"<form class=sent action=\"javascript:{RUN}\"></form>",
    "<link rel=prefetch href=https://x.invalid/x><link rel=preload as=image href=https://x.invalid/>",
    f"<meta http-equiv=refresh content=\"0;url=javascript:{RUN}\">",
    "<base href=https://x.invalid/><img src=x.png>",
    f"<meta http-equiv=Content-Security-Policy content=\"script-src *\"><script>{RUN}</script>",
    f"<script nonce=x>{RUN}</script>",
    f"<template shadowrootmode=open><img src=x onerror={RUN}></template>",
)  # fmt: skip
PAGES = ("report", "album", "one file", "live")
FOREIGN = (
    "[onerror],[onload],[onfocus],[onmouseover],[ontoggle],[onclick],iframe,object,embed,base,"
    "form[action],math,details[ontoggle],[href^='javascript:'],link,template,img[src='x']"
)
STIR = """(() => {
  for (const e of document.querySelectorAll('.spot, [tabindex]')) e.focus();
  for (const e of document.querySelectorAll("a[href^='#'], button:not(#download)")) e.click();
  for (const e of document.querySelectorAll('input')) {
    if (e.checkVisibility()) { e.value = %s; for (const k of ['input', 'change', 'blur'])
      e.dispatchEvent(new Event(k, { bubbles: true })); }
  }
  for (const e of document.querySelectorAll('.tried')) e.click();
  for (const e of document.querySelectorAll('.sent')) e.requestSubmit();
})()"""


def make_page(page: str, place: Path, name: str) -> Path:
    """Write one of our pages in which people, photos, folders and credits are called `name`."""
    in_files = name.replace("/", "\\")
    names = tuple(f"{name}{number}" for number in range(6))
    if page == "report":
        out = place / in_files
        write_logs(out)
        write_report(out, replace(make_parts(names), credit=name))
        return out / "report.html"
    if page == "live":
        out = place / in_files
        out.mkdir(parents=True)
        told = Told(out, faces=make_faces(names))
        told.page.start_training(name, 60)
        told.steps(1, 30)
        return out / "training.html"
    photos, known = place / in_files, place / "known"
    for number, colour in enumerate((RED, GREEN)):
        tiles(known / f"{in_files}{number}" / "1.png", colour)
        tiles(photos / f"{in_files}{number}.png", colour, BLUE)
    wishes = place / "wishes.csv"
    with wishes.open("w", newline="", encoding="utf-8") as file:
        rows = [("photo", "face", "name"), (f"{in_files}0.png", 2, name)]
        csv.writer(file).writerows(rows)
    ended = command(
        "recognise", photos, "--known", known, "--out", place / "out", "--threads", 1,
        "--model", make_model(place / "model.safetensors"), "--rename", wishes,
        *["--single-file"] * (page == "one file"), tiles=True,
    )  # fmt: skip
    assert ended.status == 0, ended.text
    return place / "out" / "album.html"


def ran(browser: Chromium, page: Path, typed: str) -> str | None:
    """Open a page and touch everything; return what ran or was asked for, None if nothing."""
    browser.open(page.as_uri())
    browser.ask(STIR % repr(typed))
    if browser.ask("window.ran") is not None:
        return "a script ran"
    if sent := fetched(browser):
        return f"{sent[0][:80]} was asked for"
    if any(event["method"] == "Page.javascriptDialogOpening" for event in browser.events):
        return "a dialog was opened"
    return None


def fetched(browser: Chromium) -> list[str]:
    """Return the foreign addresses that were asked for, and not refused by the page's policy."""
    end = time.monotonic() + 5
    while True:
        asked, refused = {}, set()
        for event in browser.events:
            if event["method"] == "Network.requestWillBeSent":
                asked[event["params"]["requestId"]] = event["params"]["request"]["url"]
            elif event["params"].get("blockedReason") == "csp":
                refused.add(event["params"]["requestId"])
        left = [url for key, url in asked.items() if key not in refused]
        left = [url for url in left if not url.startswith(("file:", "data:image/"))]
        if not left or time.monotonic() > end:
            return left
        browser.ask("new Promise((done) => setTimeout(done, 50))")


def _chosen(of: tuple[str, ...], cases: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield pages and texts: each page once, then all others in an order of `seed`."""
    pairs = [(page, text) for text in of for page in PAGES]
    first = [pairs[i] for i in range(len(PAGES))]
    others = [pairs[i] for i in np.random.default_rng(seed).permutation(len(pairs))]
    yield from [*first, *(pair for pair in others if pair not in first)][:cases]


def _need_chromium() -> None:
    if PROGRAM is None:
        import pytest

        pytest.skip("no Chromium here")


@attack(
    "hostile",
    "names-in-pages",
    "HTML and scripts as names of people, photos, folders and credits, in the report of a run, the "
    "album and the page of a training; opened in Chromium, all faces pointed at, all links "
    "clicked: nothing runs, nothing is markup",
    len(PAGES) * len(NAMES),
)
def names(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    _need_chromium()
    with Chromium(place / "profile") as browser:
        scripts = {}
        for page in PAGES[:cases]:
            browser.open(make_page(page, place / page, "Ada").as_uri())
            scripts[page] = browser.ask("document.querySelectorAll('script').length")
        for number, (page, name) in enumerate(_chosen(NAMES, cases, seed)):
            path = make_page(page, place / str(number), name)
            failure = ran(browser, path, name)
            if failure is None and browser.console():
                failure = f"the console says {str(browser.console()[0])[:200]}"
            count = browser.ask("document.querySelectorAll('script').length")
            if failure is None and count != scripts[page]:
                failure = f"{count} scripts instead of {scripts[page]}"
            if found := browser.ask(f"document.querySelector({FOREIGN!r})?.outerHTML"):
                failure = failure or f"a name became {found[:80]}"
            yield failure and f"{page}, {name!r}: {failure}"


@attack(
    "hostile",
    "scripts-in-pages",
    "markup put into the same pages, as if escaping had failed: by the page's policy no script "
    "runs, and nothing is fetched",
    len(PAGES) * len(MARKUP),
)
def scripts(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    _need_chromium()
    with Chromium(place / "profile") as browser:
        texts = {}
        for page in PAGES[:cases]:
            path = make_page(page, place / page, "Ada")
            path.with_name("own.js").write_text(RUN)
            texts[page] = path, path.read_text(encoding="utf-8")
        for page, markup in _chosen(MARKUP, cases, seed):
            path, text = texts[page]
            before = text.index("<main")
            broken = path.with_name("broken.html")
            broken.write_text(f"{text[:before]}{markup}{text[before:]}", encoding="utf-8")
            failure = ran(browser, broken, markup)
            yield failure and f"{page}, {markup}: {failure}"
