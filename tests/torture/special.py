"""What a folder may hold besides files: FIFOs, devices, sockets, links that lead nowhere or round.

Each stands among the photos, in the place of a file that a command made, and in the place of an
argument.
"""

import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .attack import attack
from .children import Ended, command
from .world import ALL, SEEING, World, make_world, run

SECONDS = 240


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        here = os.open(path.parent, os.O_RDONLY)  # the whole path may be too long for a socket
        try:
            unix.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def _device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:  # only root makes devices; a link to one is as good
        path.symlink_to("/dev/zero")


Thing = Callable[[Path], None]
THINGS: dict[str, Thing] = {
    "fifo": os.mkfifo,
    "link-to-zero": lambda path: path.symlink_to("/dev/zero"),
    "socket": _socket,
    "folder": Path.mkdir,
    "device": _device,
    "dangling": lambda path: path.symlink_to("nowhere.png"),
    "self": lambda path: path.symlink_to(path.name),
}
AMONG_PHOTOS: dict[str, Thing] = {
    **THINGS,
    "up": lambda path: path.symlink_to(".."),
    "round": lambda path: path.symlink_to("."),
    "root": lambda path: path.symlink_to("/"),
    "proc": lambda path: path.symlink_to("/proc/kmsg"),
    "mem": lambda path: path.symlink_to("/proc/self/mem"),
    "full": lambda path: path.symlink_to("/dev/full"),
    "tty": lambda path: path.symlink_to("/dev/tty"),
    "empty": Path.touch,
    "hidden": lambda path: os.mkfifo(path.with_name(f".{path.name}")),
    "folder of folders": lambda path: (path / "x.png" / "x.png").mkdir(parents=True),
}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _photo_places(world: World, name: str) -> list[Path]:
    folders = (world.faces, world.known, world.photos, world.lfw)
    return [*(folder / world.names[0] / name for folder in folders), world.photos / name]


@attack(
    "hostile",
    "special-photos",
    "FIFOs, devices, sockets, folders called x.jpg, links to nowhere, out and round in circles "
    "among the photos of every command: it ends well, with the photos that there are",
    7 * len(AMONG_PHOTOS),
)
def photos(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    world = make_world(place / "world")
    pairs = [(thing, name) for thing in AMONG_PHOTOS for name in SEEING]
    for i in np.random.default_rng(seed).permutation(len(pairs))[:cases]:
        thing, name = pairs[i]
        places = _photo_places(world, "x.jpg")
        for path in places:
            AMONG_PHOTOS[thing](path)
        ended = run(name, world, place / str(i), seconds=SECONDS)
        for path in places:
            _remove(path)
            _remove(path.with_name(".x.jpg"))
        fault = ended.fault or (ended.text.strip()[-200:] if ended.status else None)
        yield fault and f"{thing} and {name}: {fault}"


MADE = ("align", "recognise", "classify fit", "pack", "verify", "evaluate lfw", "study jpeg",
        "embed", "gallery add", "classify predict", "compare", "cluster", "make-pairs")  # fmt: skip


def _files_of(place: Path, name: str) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file() and name in str(path))


@attack(
    "hostile",
    "special-results",
    "each file that a command made, in turn, is a FIFO, a socket, a folder, a device or a link to "
    "nowhere when the command is given again, with --force and without: it ends with a result or "
    "with one line",
    len(MADE) * len(THINGS),
)
def results(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    world, rng = make_world(place / "world"), np.random.default_rng(seed)
    for case in range(cases):
        name, thing = MADE[case % len(MADE)], list(THINGS)[case // len(MADE) % len(THINGS)]
        folder = place / str(case)
        folder.mkdir()
        first = run(name, world, folder / name, seconds=SECONDS)
        files = _files_of(folder, name)
        if first.status or not files:
            yield f"{name}: {first.text[-200:]}"
            continue
        chosen = files[rng.integers(len(files))]
        chosen.unlink()
        THINGS[thing](chosen)
        force = ["--force"] if rng.random() < 0.5 and name != "cluster" else []
        again = command(
            *name.split(), *SEEING[name](world, folder / name), *force, tiles=True, seconds=SECONDS
        )
        failure = _not_one_line(again)
        yield failure and (
            f"{name} {' '.join(force)}, {thing} as {chosen.relative_to(folder)}: {failure}"
        )
        shutil.rmtree(folder)


def _not_one_line(ended: Ended) -> str | None:
    if ended.fault or ended.status == 0:
        return ended.fault
    said = [line for line in ended.text.splitlines() if line.startswith("error:")]
    return None if len(said) == 1 or "Usage:" in ended.text else ended.text[-200:]


@attack(
    "hostile",
    "special-arguments",
    "a FIFO, a socket, a folder, a device, a link to nowhere or to itself, in the place of every "
    "path that a command takes: it ends with a result or with one line",
    454,
)
def arguments(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    world, out = make_world(place / "world"), place / "out"
    tried = []
    for name, of in ALL.items():
        given = of(world, out)
        paths = [i for i, a in enumerate(given) if str(a).startswith(str(place))]
        # A list of pairs may come through a pipe, whose writer is waited for.
        piped = [i for i in paths if given[i - 1] == "--pairs"]
        tried += [
            (name, i, thing) for i in paths for thing in THINGS if thing != "fifo" or i not in piped
        ]
    for number in np.random.default_rng(seed).permutation(len(tried))[:cases]:
        name, i, thing = tried[number]
        path = place / f"it-{number}.png"
        THINGS[thing](path)
        given = list(ALL[name](world, place / f"out-{number}"))
        before, given[i] = given[i], path
        ended = command(*name.split(), *given, tiles=name in SEEING, seconds=SECONDS)
        failure = _not_one_line(ended)
        yield failure and f"{name}, {thing} for {Path(before).name}: {failure}"
