"""Paths that want out of a folder, and names that disks make hard: long ones, and near twins."""

import csv
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .attack import attack
from .children import command
from .special import _not_one_line
from .world import PLAIN, SEEING, World, make_world, run

SECRET = b"nobody may read or change this"
# Ways out of a folder, with the folder's depth below the secret's.
OUT_OF = (
    "../secret.png", "../../secret.png", "faces/../../secret.png", "/{root}/secret.png",
    "./../secret.png", "..\\secret.png", "faces/../../../secret.png", "a/../../secret.png",
    "//{root}/secret.png", "~/secret.png", "file://{root}/secret.png", "..", ".", "", "/",
    "faces/%2e%2e/%2e%2e/secret.png", "faces/\x00../secret.png", "secret.png\x00.png",
    "faces/link/secret.png",
)  # fmt: skip
# Tables that a command made and reads again: which of its columns hold paths, and where.
TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "align": ("manifest.csv", ("photo", "crop")),
    "recognise": ("work/photos/manifest.csv", ("photo", "crop")),
    "pack": ("faces.csv", ("path", "photo")),
    "wishes": ("wishes.csv", ("photo",)),
    "evaluate lfw": ("crops/manifest.csv", ("photo", "crop")),
    "pairs": ("pairs.txt", ()),
}


@attack(
    "hostile",
    "traversal",
    "paths out of the folder (.., absolute, ~, null, links) in every table that a command reads "
    "again: manifests, packs, names given by hand, lists of pairs: what lies outside is neither "
    "read into a result nor changed nor removed",
    len(TABLES) * len(OUT_OF),
)
def traversal(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    world, rng = make_world(place / "world"), np.random.default_rng(seed)
    secret = place / "secret.png"
    secret.write_bytes(SECRET)
    whole = {name: place / f"whole {name}" / "out" for name in TABLES if name in SEEING}
    for name, out in whole.items():
        ended = run(name, world, out)
        assert ended.status == 0, ended.text
    for case in range(cases):
        name = list(TABLES)[case % len(TABLES)]
        path = OUT_OF[case // len(TABLES) % len(OUT_OF)].replace("{root}", str(place)[1:])
        failure = _traversed(name, path, world, whole.get(name), place / "tried", rng)
        if failure is None and not (secret.exists() and secret.read_bytes() == SECRET):
            failure = "what lies outside was changed"
            secret.write_bytes(SECRET)
        strangers = {p.name for p in place.iterdir()} - {"world", "tried", "secret.png"}
        if failure is None and strangers - {f"whole {n}" for n in TABLES}:
            failure = f"written outside: {sorted(strangers)}"
        shutil.rmtree(place / "tried")
        yield failure and f"{name}, {path!r}: {failure}"


def _traversed(name, path, world: World, whole: Path | None, tried: Path, rng) -> str | None:
    tried.mkdir()
    out = tried / "out"
    if name == "pairs":
        lines = f"1\t1\n{path}\t1\t2\n{path}\t1\t{PLAIN[0]}\t1\n"
        (tried / "pairs.txt").write_text(lines, encoding="utf-8")
        given = SEEING["evaluate lfw"](world, out)
        given = [tried / "pairs.txt" if str(g).endswith("pairs.txt") else g for g in given]
        ended = command("evaluate", "lfw", *given, tiles=True)
        return _not_one_line(ended) or (None if ended.status else "it was taken")
    if name == "wishes":
        (tried / "wishes.csv").write_text(f'photo,face,name\n"{path}",1,Eve\n', encoding="utf-8")
        given = SEEING["recognise"](world, out)
        ended = command("recognise", *given, "--rename", tried / "wishes.csv", tiles=True)
    else:
        assert whole is not None
        shutil.copytree(whole, out, symlinks=True)
        file, columns = TABLES[name]
        table = next(iter(sorted(out.rglob(Path(file).name))))
        with table.open(newline="", encoding="utf-8") as stream:
            header, *rows = list(csv.reader(stream))
        column = header.index(rng.choice([c for c in columns if c in header]))
        row = rows[rng.integers(len(rows))]
        row[column] = path
        with table.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([header, *rows])
        (table.parent / "faces").mkdir(exist_ok=True)
        (table.parent / "faces" / "link").symlink_to(tried.parent)
        force = ["--force"] if rng.random() < 0.5 else []
        if name == "pack":  # a training reads it
            given = ["train", out, "--out", tried / "run", "--plan", "--size", 32]
            ended = command(*given, "--people", 3, "--photos", 2)
        else:
            ended = command(*name.split(), *SEEING[name](world, out), *force, tiles=True)
    failure = _not_one_line(ended)
    if failure is None and any(SECRET in p.read_bytes() for p in tried.rglob("*.*") if p.is_file()):
        failure = "what lies outside was copied"
    return failure


def _long(bytes_: int, sign: str) -> str:
    count, left = divmod(bytes_, len(sign.encode()))
    return sign * count + "x" * left


TWINS = (
    ("Ada", "ADA", "ada"), ("Jos\u00e9", "Jose\u0301", "JOS\u00c9"),
    ("\u212b", "\u00c5", "A\u030a"),
    ("stra\u00dfe", "STRASSE", "strasse"), ("\u0130", "i\u0307", "I"), ("fi", "\ufb01", "FI"),
    ("a ", "a", " a"), ("x.", "x", "x.."), ("\u1100\u1161", "\uac00", "ga"),
)  # fmt: skip
LENGTHS = range(240, 252)  # with '.png' up to 255 bytes, which is the most that a disk takes
SIGNS = ("e", "\u00e9", "\u7167", "\U0001f600")


@attack(
    "hostile",
    "names-of-files",
    "photos and people whose names have 244 to 255 bytes in letters of one to four bytes, or "
    "differ by case, by blanks or by Unicode form only: every command ends well, and no two "
    "photos, crops or rows become one",
    (len(SIGNS) * 6 + len(TWINS)) * 2,
)
def names(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    commands = [name for name in SEEING if "study" not in name and name != "evaluate lfw"]
    kinds: list[tuple[str, tuple[str, ...]]] = [
        (f"{size} bytes of {sign!r}", tuple(_long(size, sign)[:-2] + str(n) for n in range(3)))
        for sign in SIGNS
        for size in LENGTHS[::2]
    ]
    kinds += [(f"twins {three!a}", three) for three in TWINS]
    rng, tried = np.random.default_rng(seed), 0
    for i in rng.permutation(len(kinds)):
        kind, three = kinds[i]
        world = _named(place / str(i), three)
        for name in rng.permutation(commands)[:2]:
            if tried == cases:
                return
            tried += 1
            out = place / f"out {i} {name}"
            ended = run(str(name), world, out)
            failure = ended.fault or (
                ended.text[-200:] if ended.status else _lost(name, out, world)
            )
            yield failure and f"{name}, {kind}: {failure}"
        shutil.rmtree(world.root)


def _named(root: Path, three: tuple[str, ...]) -> World:
    """Make a world in which photos, not all people, have such names."""
    from ..tile_photos import GREEN, RED, tiles

    world = make_world(root, PLAIN)
    for number, (name, colour) in enumerate(zip(three, (RED, GREEN, RED), strict=True)):
        for folder in (world.photos, world.faces / PLAIN[number], world.faces / name):
            tiles(folder / f"{name}.png", colour)
        tiles(world.known / PLAIN[number] / f"{name}.png", colour)
    return world


def _lost(name: str, out: Path, world: World) -> str | None:
    """Count the photos of a result, where each has a row or a file of its own."""
    photos = [p for p in world.photos.rglob("*.png") if not p.name.startswith("none")]
    tables = {"recognise": out / "names.csv", "cluster": out / "groups.csv"}
    tables |= {n: out.with_name(f"{out.name}.csv") for n in ("embed", "classify predict")}
    if name == "align":
        crops = [p.relative_to(out).as_posix() for p in (out / "faces").rglob("*.png")]
        folded = {unicodedata.normalize("NFC", crop).casefold() for crop in crops}
        right = len(folded) == len(crops) == len(photos)
        return None if right else f"{len(photos)} photos, {len(crops)} crops, {len(folded)} names"
    if name not in tables:
        return None
    with tables[name].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    there = {row.get("photo", row.get("path", "")).partition(" (face")[0] for row in rows}
    return None if len(there) == len(photos) else f"{len(photos)} photos, {len(there)} in the table"
