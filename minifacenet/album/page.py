"""The album of a library of photos becomes one page, `album.html`.

    header -> index of people -> a section per person -> groups of strangers -> seen once
           -> photos without a face        and every photo with its boxes, one click from its faces

It opens from a disk, and asks for nothing but the pictures beside it: a policy in its head forbids
the browser to fetch anything else, or to run any script but ours. Without that script the page can
be read, and photos open; what it adds is search, order, keys, and names that are typed in.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .. import __version__
from ..classification.recognition import Recognition
from ..files.atomic import write_text
from ..files.links import real_path
from ..files.words import count_text, printable
from ..preprocessing.manifest import Entry
from ..preprocessing.photo import read_bytes
from ..report.document import document
from ..report.html import Html, join, json_block, tag
from .people import Section, Shown, section, sections_of
from .photo import photo_view
from .pictures import BESIDE, INSIDE, Shot, make_pictures

FILE, FOLDER = "album.html", "album"
LOST = 500  # photos without a face that are listed


def write_album(
    out: Path,
    photos: Path,
    found: Recognition,
    single_file: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> str:
    """Write `album.html` into the folder `out`; return in words what an interruption has left.

    Parameters
    ----------
    out, photos : path
        The folders of the recognition.
    found : Recognition
    single_file : bool
        Put all pictures into the page, instead of `out`/album.
    progress : callable(done, total), optional
    stop : callable, optional
        True ends the work, to be continued later; the page of an earlier run stays.
    """
    folder = out / "work" / FOLDER if single_file else out / FOLDER
    sizes = INSIDE if single_file else BESIDE
    shots, left = make_pictures(folder, photos, found.entries, found.rows, sizes, progress, stop)
    if left:
        return count_text(left, "photo") + " of the album"
    names = {name for shot in shots.values() for name in (shot.file, *shot.faces.values())}
    if single_file:
        source = {name: _inside(folder / name) for name in names}
    else:
        source = {name: f"{FOLDER}/{name}" for name in names}
    title = printable(real_path(photos).name) or "Photos"
    write_text(out / FILE, album_page(title, found, shots, source))
    return ""


def album_page(
    title: str, found: Recognition, shots: Mapping[str, Shot], source: Mapping[str, str]
) -> str:
    """Make the page as text; `source` gives the address of each picture."""
    sections = sections_of(found.rows, shots)
    data = {"faces": [[row.photo, row.face] for row in found.rows]}
    return document(
        title,
        __package__,
        "album",
        tag("header", tag("h1", title, dir="auto"), tag("p", _summary(found)), class_="top"),
        _tools(sections),
        tag("main", _main(sections, source), _without(found.entries), id="album"),
        tag("footer", tag("p", f"Written by minifacenet {__version__}. {HOW}")),
        _views(sections, source),
        _pending(),
        json_block("data", data),
        images="'self' file: data:",
        metas=tag("meta", name="referrer", content="no-referrer"),
    )


HOW = "Names typed here are downloaded as a file, and `minifacenet recognise --rename` takes it in."


def _summary(found: Recognition) -> str:
    rows = found.rows
    named = [row for row in rows if row.known]
    people = len({row.name for row in named})
    groups = len({row.group for row in rows if row.group})
    parts = [
        count_text(len(found.entries), "photo"),
        count_text(len(rows), "face"),
        f"{len(named)} named ({count_text(people, 'person', 'people')})",
        f"{len(rows) - len(named)} unknown ({count_text(groups, 'group')})",
    ]
    return " · ".join(parts)


def _tools(sections: Sequence[Section]) -> Html:
    """Show search and order, which need the script, and the index, which does not."""
    orders = (("size", "most faces"), ("date", "newest"), ("name", "name"))
    options = (tag("option", words, value=value) for value, words in orders)
    search = tag(
        "input", type="search", id="search", placeholder="Search a name", autocomplete="off"
    )
    index = (
        tag("li", tag("a", printable(one.title), " ", tag("span", len(one.faces)),
                      href=f"#{one.id}", dir="auto"))
        for one in sections
        if one.named
    )  # fmt: skip
    names = (tag("option", value=printable(one.title)) for one in sections if one.named)
    return tag(
        "div",
        tag(
            "form",
            tag("label", tag("span", "Search"), search),
            tag("label", tag("span", "Order"), tag("select", options, id="order")),
            tag("output", id="matches", aria_live="polite"),
            id="tools",
            hidden=True,
        ),
        tag("nav", tag("ul", index), aria_label="People", class_="index"),
        tag("datalist", names, id="names"),
    )


def _main(sections: Sequence[Section], source: Mapping[str, str]) -> Html:
    known = [one for one in sections if one.named]
    groups = [one for one in sections if not one.named and one.id != "alone"]
    alone = [one for one in sections if one.id == "alone"]
    parts = []
    for id, heading, about, some in (
        ("people", "People", None, known),
        ("strangers", "Strangers", "Each group is probably one person.", groups),
        ("single", "Strangers seen once", None, alone),
    ):
        if some:
            words = tag("p", about, class_="about") if about else None
            inner = tag("div", (section(one, source) for one in some), class_="sections")
            parts.append(tag("div", tag("h2", heading), words, inner, id=id, class_="part"))
    return join(parts) if parts else tag("p", "No photo shows a face.")


def _without(entries: Sequence[Entry]) -> Html | None:
    lost = [entry for entry in entries if not entry.kept]
    if not lost:
        return None
    lines = (
        tag("li", tag("span", printable(entry.photo), dir="auto"), ": ", printable(entry.reason))
        for entry in lost[:LOST]
    )
    more = tag("p", f"and {len(lost) - LOST} more") if len(lost) > LOST else None
    title = f"{count_text(len(lost), 'photo')} without a face"
    return tag("details", tag("summary", title), tag("ul", lines), more, id="without")


def _views(sections: Sequence[Section], source: Mapping[str, str]) -> Html:
    """Show every photo, in the order of the photos' numbers."""
    homes = {face.index: one.id for one in sections for face in one.faces}
    photos: dict[int, list[Shown]] = {}
    for one in sections:
        for face in one.faces:
            if face.shot is not None:
                photos.setdefault(face.photo, []).append(face)
    count = 1 + max(photos, default=-1)
    views = []
    for number in sorted(photos):
        faces = sorted(photos[number], key=lambda face: face.row.face)
        shot = faces[0].shot
        assert shot is not None
        views.append(photo_view(number, count, faces, homes, source[shot.file]))
    return tag("div", views, id="photos")


def _pending() -> Html:
    return tag(
        "div",
        tag("p", id="said", aria_live="polite"),
        tag("button", "Download names", type="button", id="download"),
        tag("button", "Take back", type="button", id="undo"),
        id="pending",
        hidden=True,
    )


def _inside(path: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(read_bytes(path)).decode('ascii')}"
