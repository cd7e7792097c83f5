"""The page of a run in a real browser: headless Chromium, by its command line.

`make test-browser` runs these. Without Chromium they are skipped, unless
MINIFACENET_REQUIRE_CHROMIUM=1 is set.
"""

import json
import re
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from minifacenet.report import write_report

from ..report.run_parts import NAMES, make_parts, write_logs
from .devtools import NEEDS_CHROMIUM, PROGRAM

pytestmark = NEEDS_CHROMIUM
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",  # a test page looks into its frame
    "--enable-logging=stderr",
)
PROBE = """<!doctype html><meta charset="utf-8">
<iframe src="report.html" {sandbox} style="width: {width}px; height: 800px; border: 0"></iframe>
<pre id="result"></pre>
<script>
addEventListener("load", () => {{
  const frame = document.querySelector("iframe"), page = frame.contentDocument;
  const $ = (what) => page.querySelector(what), $$ = (what) => [...page.querySelectorAll(what)];
  let result;
  try {{ result = (() => {{ {body} }})(); }}
  catch (error) {{ result = {{ error: String(error) }}; }}
  document.getElementById("result").textContent = JSON.stringify(result);
}});
</script>
"""


def chromium(*arguments, profile: Path) -> tuple[str, list[str]]:
    """What it prints, and the lines of the console."""
    assert PROGRAM, "MINIFACENET_REQUIRE_CHROMIUM=1, but there is no chromium"
    done = subprocess.run(
        [PROGRAM, *FLAGS, f"--user-data-dir={profile}", *map(str, arguments)],
        capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page whose strangers have hostile names."""
    out = tmp_path_factory.mktemp("run")
    write_logs(out)
    write_report(out, make_parts((*NAMES[3:], *NAMES[:3])))
    return out


@pytest.fixture
def ask(folder, tmp_path):
    """Run JavaScript beside the page in a frame; what it returns, and the console."""

    def answer(body: str, width: int = 1000, sandbox: str = "", folder: Path = folder):
        probe = folder / "probe.html"
        probe.write_text(PROBE.format(body=body, width=width, sandbox=sandbox), encoding="utf-8")
        dom, console = chromium("--dump-dom", probe.as_uri(), profile=tmp_path / "profile")
        text = unescape(re.search(r'<pre id="result">(.*?)</pre>', dom, re.DOTALL)[1])
        return json.loads(text), console

    return answer


def test_the_console_is_silent_and_the_script_has_run(folder, tmp_path):
    dom, console = chromium(
        "--dump-dom", (folder / "report.html").as_uri(), profile=tmp_path / "profile"
    )
    assert console == []
    assert len(re.findall(r"<section ", dom)) == 9
    assert 'class="interactive"' in dom
    assert "No face chosen yet." in dom


def test_an_error_would_be_seen_in_the_console_and_a_foreign_script_does_not_run(folder, tmp_path):
    broken = (folder / "report.html").read_text(encoding="utf-8")
    broken = broken.replace("</body>", "<script>document.title = 'foreign'</script></body>")
    (tmp_path / "broken.html").write_text(broken, encoding="utf-8")
    dom, console = chromium(
        "--dump-dom", (tmp_path / "broken.html").as_uri(), profile=tmp_path / "profile"
    )
    assert any("Content Security Policy" in line for line in console)
    assert "<title>foreign" not in dom


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_never_scrolls_sideways(ask, width):
    result, _ = ask(
        """const root = page.documentElement;
        const inside = (e) => e.closest(".scroll, .symbols, svg svg, .chart");
        return {
          scroll: root.scrollWidth, client: root.clientWidth,
          out: $$("body *").filter((e) => !inside(e) && e.getBoundingClientRect().right >
            root.clientWidth + 1).map((e) => e.tagName + "." + e.className).slice(0, 5),
        };""",
        width,
    )
    assert result["client"] <= width
    assert result["scroll"] <= result["client"]
    assert result["out"] == []


def test_names_of_any_length_fit_a_phone(ask, tmp_path):
    write_logs(tmp_path)
    names = tuple(f"{number}{'Wolfeschlegelstein' * 6}" for number in range(6))
    write_report(tmp_path, replace(make_parts(names), credit="x" * 300))
    result, _ = ask(
        "$('.spot').focus(); return page.documentElement.scrollWidth;", 360, folder=tmp_path
    )
    assert result <= 360


def test_a_face_is_shown_when_it_is_pointed_at_tapped_or_focused(ask):
    result, console = ask(
        """frame.contentWindow.focus();
        const spots = $$(".spot"), panel = $("#map-panel"), said = () => panel.innerText;
        const state = { tabs: $$(".spot[tabindex='0']").length, start: said() };
        spots[3].dispatchEvent(new PointerEvent("pointerenter", { pointerType: "touch" }));
        state.touch = said();
        spots[3].dispatchEvent(new PointerEvent("pointerenter", { pointerType: "mouse" }));
        state.hover = said();
        spots[5].dispatchEvent(new MouseEvent("click", { bubbles: true }));
        state.tap = said();
        state.focused = spots.indexOf(page.activeElement);
        const walked = new Set();
        for (const key of ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"]) {
          page.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
          walked.add(spots.indexOf(page.activeElement));
        }
        state.walked = walked.size;
        const button = $("#map-panel button");
        state.buttons = $$("#map-panel button").length;
        state.label = button.querySelector("svg").getAttribute("aria-label");
        button.click();
        state.neighbour = page.activeElement.getAttribute("aria-label");
        state.tabsAfter = $$(".spot[tabindex='0']").length;
        state.images = $$("img").length;
        state.labels = spots.map((spot) => spot.getAttribute("aria-label"));
        return state;"""
    )
    assert console == []
    assert result["tabs"] == result["tabsAfter"] == 1
    assert result["start"] == result["touch"] == "No face chosen yet."
    name, path = result["labels"][3].rsplit(", ", 1)
    assert name in result["hover"]
    assert path in result["hover"]
    assert result["labels"][5].rsplit(", ", 1)[1] in result["tap"]
    assert result["focused"] == 5
    assert result["walked"] >= 2
    assert result["buttons"] == 5
    assert result["neighbour"] == result["label"]
    assert result["images"] == 0  # a hostile name is text, in the panel too


def test_without_scripts_the_map_can_be_read(ask):
    result, _ = ask(
        """const box = $("#map-drawing").getBoundingClientRect();
        const shown = (what) => getComputedStyle($(what)).display !== "none";
        return { wide: box.width, high: box.height, panel: shown("#map-panel"),
                 hint: shown("#map .hint"), titles: $$(".spot title").length };""",
        sandbox='sandbox="allow-same-origin"',
    )
    assert min(result["wide"], result["high"]) > 50
    assert result["titles"] == 15
    assert not result["panel"]
    assert not result["hint"]


def test_each_section_prints_on_pages_of_its_own(folder, tmp_path):
    pdf = tmp_path / "page.pdf"
    chromium(
        f"--print-to-pdf={pdf}", (folder / "report.html").as_uri(), profile=tmp_path / "profile"
    )
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", data)) >= 9
