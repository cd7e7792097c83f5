"""The parts of a run become its page, `report.html`.

    headline -> training -> known people -> strangers -> strangers by name
             -> map -> groups -> hardest pairs -> settings

It is one file that opens from a disk: styles, script, curves and photos are inside. A policy in its
head forbids the browser to fetch anything or to run any script but ours. Without that script the
page loses only what appears when a face on the map is pointed at.
"""

from __future__ import annotations

from pathlib import Path

from ..files.atomic import write_text
from ..files.links import real_path
from .document import document
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
    title = f"{real_path(out).name}: {_data(parts)}"
    links = (tag("li", tag("a", heading, href=f"#{id}")) for id, (heading, _) in sections.items())
    return document(
        title,
        __package__,
        "report",
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
    )


def _data(parts: ReportParts) -> str:
    data = parts.metrics["data"]
    return f"{data['photos']:,} photos of {data['people']:,} people"


def _footer(parts: ReportParts) -> Html:
    version = parts.metrics["versions"]["minifacenet"]
    credit = tag("p", parts.credit) if parts.credit else None
    return join(credit, tag("p", f"Written by minifacenet {version}."))
