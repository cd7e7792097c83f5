"""Slides for the lectures: every figure of the stored notebooks, with its heading and its sentence.

    python lessons/slides.py               # writes build/slides.html
    python lessons/slides.py 10 11 --out mining.html

One file that needs nothing else. The arrow keys turn the pages, and the browser prints it, each
slide on a page. Nothing is run: the pictures are those that the notebooks hold, so a lecture shows
what the course shows, and is new when a notebook is.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
PICTURES = {"image/jpeg": "data:image/jpeg;base64,", "image/png": "data:image/png;base64,"}
STYLE = """
html { scroll-snap-type: y mandatory; }
body { margin: 0; font: 1.4rem/1.4 system-ui, sans-serif; color: #111; background: #fff; }
section { box-sizing: border-box; height: 100vh; padding: 2.5vh 4vw; scroll-snap-align: start;
  display: flex; flex-direction: column; justify-content: center; break-after: page; }
h1, h2 { margin: 0 0 1rem; text-wrap: balance; }
h1 { font-size: 2.6rem; } h2 { font-size: 1.6rem; }
figure { margin: 0; min-height: 0; display: flex; flex-direction: column; align-items: center; }
img, svg { max-width: 100%; min-height: 0; flex: 0 1 auto; object-fit: contain; }
img { width: 100%; }
figcaption, small { font-size: 1rem; color: #444; margin-top: 0.6rem; }
@page { size: 16in 9in; margin: 0; }
"""
SCRIPT = """
const slides = [...document.querySelectorAll("section")];
const at = () => slides.findIndex((s) => s.getBoundingClientRect().bottom > innerHeight / 2);
addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1,
                 ArrowLeft: -1, ArrowUp: -1, PageUp: -1 }[event.key];
  const next = slides[at() + step];
  if (next) { event.preventDefault(); next.scrollIntoView(); }
});
"""


@dataclass(frozen=True)
class Slide:
    """A heading, a picture as HTML (none on the first slide of a lesson), and a sentence."""

    heading: str
    picture: str
    sentence: str


def slides(notebook: Path) -> Iterator[Slide]:
    """The slides of a lesson: its title with its question, then its figures in their order."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    heading = ""
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            question = re.search(r"^\*\*(.+?)\*\*", text, re.MULTILINE | re.DOTALL)
            for level, title in re.findall(r"^(#+) (.+)$", text, re.MULTILINE):
                if level == "#":
                    yield Slide(title, "", " ".join(question[1].split()) if question else "")
                heading = title
        for output in cell.get("outputs", []):
            picture, sentence = _picture(output)
            if picture:
                yield Slide(heading, picture, sentence)


def _picture(output: dict) -> tuple[str, str]:
    """The picture of an output as HTML, and what it says of itself; empty if it has none."""
    data = output.get("data", {})
    if "image/svg+xml" in data:
        text = "".join(data["image/svg+xml"])
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL)
        return text[text.find("<svg") :], " ".join(title[1].split()) if title else ""
    for kind, beginning in PICTURES.items():
        if kind in data:
            about = output.get("metadata", {})
            sentence = about.get(kind, about).get("alt", "")
            base64 = "".join("".join(data[kind]).split())
            return f'<img alt="{escape(sentence)}" src="{beginning}{base64}">', sentence
    return "", ""


def page(found: list[Slide]) -> str:
    """All slides as one page of HTML."""
    parts = []
    for number, slide in enumerate(found, 1):
        if slide.picture:
            caption = f"<figcaption>{escape(slide.sentence)}</figcaption>" if slide.sentence else ""
            body = f"<h2>{escape(slide.heading)}</h2><figure>{slide.picture}{caption}</figure>"
        else:
            body = f"<h1>{escape(slide.heading)}</h1><p>{escape(slide.sentence)}</p>"
        parts.append(f'<section id="slide-{number}">{body}</section>')
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>minifacenet: slides</title>'
        f"<style>{STYLE}</style><body>{''.join(parts)}<script>{SCRIPT}</script></body></html>\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers, such as 10; all if left out")
    parser.add_argument("--out", type=Path, default=HERE.parent / "build" / "slides.html")
    arguments = parser.parse_args()
    notebooks = sorted(HERE.glob("[0-9][0-9]_*.ipynb"))
    wanted = [
        one for one in notebooks if not arguments.lessons or one.name[:2] in arguments.lessons
    ]
    if not wanted:
        raise SystemExit(f"no lesson {', '.join(arguments.lessons)}: give numbers such as 10")
    found = [slide for notebook in wanted for slide in slides(notebook)]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(page(found), encoding="utf-8")
    print(f"{arguments.out}: {len(found)} slides")


if __name__ == "__main__":
    main()
