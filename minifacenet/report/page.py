"""The parts of a run become its page, `report.html`.

    headline -> training -> known people -> strangers -> strangers by name
             -> map -> groups -> hardest pairs -> settings

It is one file that opens from a disk: styles, script, curves and photos are inside. A policy in its
head forbids the browser to fetch anything or to run any script but ours. Without that script the
page loses only what appears when a face on the map is pointed at.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path

from ..files.atomic import write_text
from .embedding_map import map_section
from .groups import groups_section
from .hard_pairs import hard_pairs_section
from .html import Html, join, tag
from .naming import naming_section
from .parts import ReportParts
from .photos import Album
from .results import headline, known_section, strangers_section
from .run import settings_section, training_section


def write_report(out: Path, parts: ReportParts) -> None:
    """Write `report.html` into the folder `out`, atomically.

    It reads the logs there, `log.csv` and `open/log.csv`; a section whose part is missing says so.
    """
    write_text(out / "report.html", page(out, parts))


def page(out: Path, parts: ReportParts) -> str:
    """Make the page as text; the arguments are those of :func:`write_report`."""
    album = Album()
    sections = {
        "summary": ("Summary", headline(parts)),
        "training": ("Training", training_section(out, parts)),
        "known": ("Known people", known_section(parts, album)),
        "strangers": ("Strangers", strangers_section(parts)),
        "naming": ("Strangers by name", naming_section(parts, album)),
        "map": ("Map of the strangers", map_section(parts, album)),
        "groups": ("Groups without names", groups_section(parts, album)),
        "pairs": ("The hardest pairs", hard_pairs_section(parts, album)),
        "settings": ("Settings and environment", settings_section(parts)),
    }
    title = f"{out.resolve().name}: {_data(parts)}"
    links = (tag("li", tag("a", heading, href=f"#{id}")) for id, (heading, _) in sections.items())
    body = tag(
        "body",
        album.symbols(),
        tag("header", tag("h1", title), tag("nav", tag("ul", links), aria_label="Sections")),
        tag(
            "main",
            (
                tag("section", tag("h2", heading), content, id=id)
                for id, (heading, content) in sections.items()
            ),
        ),
        tag("footer", _footer(parts)),
        tag("script", _asset("report.js")),
    )
    return join(Html("<!doctype html>\n"), tag("html", _head(title), body, lang="en"), "\n")


def _head(title: str) -> Html:
    digest = hashlib.sha256(_asset("report.js").encode("utf-8")).digest()
    script = f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {script}; "
        "base-uri 'none'; form-action 'none'"
    )
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", _asset("report.css")),
    )


def _data(parts: ReportParts) -> str:
    data = parts.metrics["data"]
    return f"{data['photos']:,} photos of {data['people']:,} people"


def _footer(parts: ReportParts) -> Html:
    version = parts.metrics["versions"]["minifacenet"]
    credit = tag("p", parts.credit) if parts.credit else None
    return join(credit, tag("p", f"Written by minifacenet {version}."))


def _asset(name: str) -> Html:
    """Read a file of this package, to be used as it is: it is ours, and free of '</'."""
    return Html(files(__package__).joinpath(name).read_text(encoding="utf-8"))
