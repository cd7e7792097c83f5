"""Names that a spreadsheet takes for formulas, in every table that a command writes."""

import csv
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from minifacenet.classification.renames import read_wishes
from minifacenet.embedding.store import Embeddings
from minifacenet.files.spreadsheets import name_of_cell, path_of_cell
from minifacenet.preprocessing.manifest import load_manifest

from .attack import attack
from .terminal import batched
from .world import PLAIN, World, make_world, run

FORMULAS = (
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "=cmd|' \\C calc'!A0", "＝1+1",
    "=HYPERLINK(\"x\")", "-rf", "+49 30", "@ada", "'=1+1", "''", "\"=1+1\"", ";=1+1", ",=1+1",
    "\n=1+1", "=", "-",
)  # fmt: skip
BEGINS = tuple("=+-@\t\r\n＝＋－＠")
# Tables for people: their paths and names begin with none of these. Those that our own programs
# read hold every text as it is.
FOR_PEOPLE = {
    "recognise": ("recognise/names.csv", "photo", ("name", "nearest", "runner_up")),
    "classify predict": ("classify predict.csv", "photo", ("name", "nearest", "runner_up")),
    "gallery search": ("gallery search.csv", "photo", ("person",)),
    "cluster": ("cluster/groups.csv", "photo", ()),
    "run": ("run/names.csv", "photo", ("person", "named")),
}
EXACT = {"align": "align/manifest.csv", "embed": "embed.csv"}


@attack(
    "hostile",
    "formulas",
    "names that begin like formulas, in every csv: no path and no name in a table for people does, "
    "its paths lead to the photos, its names come back; tables that are read again are exact",
    (len(FOR_PEOPLE) + len(EXACT) + 1) * -(-len(FORMULAS) // len(PLAIN)),
)
def formulas(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    for number, group in enumerate(batched(FORMULAS, len(PLAIN))):
        signs = zip(cycle(group), PLAIN, strict=False)
        world = make_world(place / str(number), [f"{sign} {name}" for sign, name in signs])
        out = place / f"out {number}"
        for name in (*FOR_PEOPLE, *EXACT, "wishes"):
            if cases <= 0:
                return
            cases -= 1
            failure = _tried(name, world, out)
            yield failure and f"{name}, {group!r}: {failure}"


def _tried(name: str, world: World, out: Path) -> str | None:
    if name == "wishes":
        return _as_wishes(out / "recognise" / "names.csv", world)
    ended = run(name, world, out / name)
    if ended.fault or ended.status:
        return ended.fault or ended.text[-200:]
    if name == "align":
        photos = {*load_manifest(out / EXACT[name])}
        return None if photos == {*_photos(world.photos)} else "the manifest has other photos"
    if name == "embed":
        kept = Embeddings.load(out / EXACT[name])
        lost = [p for p in kept.paths if not (world.photos / p.partition(" (face")[0]).is_file()]
        return f"no photo {lost[0]!r}" if lost else None
    file, path, names = FOR_PEOPLE[name]
    root = world.faces if name == "run" else world.photos
    with (out / file).open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    bad = [cell for row in rows for cell in row.values() if cell.startswith(BEGINS)]
    lost = [row[path] for row in rows if not (root / row[path]).is_file()]
    lost += [row[path] for row in rows if not (root / path_of_cell(row[path])).is_file()]
    known = {*world.names, "unknown", ""}
    unknown = [row[n] for row in rows for n in names if name_of_cell(row[n]) not in known]
    for what, texts in (("a formula", bad), ("no photo", lost), ("no name", unknown)):
        if texts:
            return f"{what}: {texts[0]!r}"
    return None if rows else "no rows"


def _as_wishes(names: Path, world: World) -> str | None:
    """Take lines of names.csv for names given by hand: they are those of the photos and people."""
    with names.open(newline="", encoding="utf-8") as table:
        rows = [(row["photo"], row["face"], row["name"]) for row in csv.DictReader(table)]
    path = names.with_name("wishes.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("photo", "face", "name"), *rows])
    wishes = read_wishes(path)
    photos, people = {*_photos(world.photos)}, {*world.names, "unknown"}
    bad = [w for w in wishes if w.photo not in photos or w.name not in {p.strip() for p in people}]
    return f"read as {bad[0]}" if bad else None


def _photos(root: Path) -> Iterator[str]:
    for path in root.rglob("*"):
        if path.is_file():
            yield path.relative_to(root).as_posix()
