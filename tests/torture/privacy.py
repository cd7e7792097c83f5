"""Networks and modes: no command but `get` asks for an address; files are the user's own."""

import ctypes
import os
import platform
import socket
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from .attack import attack
from .children import Ended, command
from .world import ALL, SEEING, TRAINING, World, make_world, run

# Linux's own filter: a process that makes a socket of the internet is killed, in C or in Python,
# and so are all that it starts. By machine: the number of the call, and of the architecture.
CALLS = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}
KILLED = 31  # SIGSYS
MORE: dict[str, tuple] = {
    "bench recognition": (),
    "train --plan": ("--size", 32, "--people", 3, "--photos", 2),
    "summary --help": (),
    "warmup --help": (),
    "--version": (),
}


def without_internet() -> None:
    """Let this process, and all that it starts, be killed where it makes a socket of IP."""
    call, machine = CALLS[platform.machine()]
    inet, inet6 = int(socket.AF_INET), int(socket.AF_INET6)
    load, equal, give = 0x20, 0x15, 0x06
    program = (
        (load, 0, 0, 4), (equal, 0, 5, machine), (load, 0, 0, 0), (equal, 0, 3, call),
        (load, 0, 0, 16), (equal, 2, 0, inet), (equal, 1, 0, inet6),
        (give, 0, 0, 0x7FFF0000), (give, 0, 0, 0x80000000),
    )  # fmt: skip
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    held = ctypes.create_string_buffer(code)
    whole = struct.pack("HP", len(program), ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, ctypes.create_string_buffer(whole), 0, 0) == 0, ctypes.get_errno()
    sys.addaudithook(_told)


def _told(event: str, of: tuple) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "urllib.Request"):
        print(f"NETWORK: {event} {of!r}"[:200], flush=True)


def _guard_that_is_tried() -> None:
    without_internet()
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _asked(ended: Ended) -> str | None:
    if "NETWORK:" in ended.text:
        return ended.text[ended.text.index("NETWORK:") :][:200]
    return ended.fault


@attack(
    "privacy",
    "no-network",
    "every command but `get NAME`, where making an internet socket kills a process and all that it "
    "starts (workers, too): none makes one",
    len(ALL) + len(MORE) + 2,
)
def network(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    if platform.machine() not in CALLS or sys.platform != "linux":
        yield f"no filter is known for {sys.platform} on {platform.machine()}"
        return
    tried = command("--version", before=_guard_that_is_tried)
    assert tried.status == -KILLED, f"the filter does nothing: {tried}"
    world = make_world(place / "world")
    with_workers = ("align", "recognise")  # they look for faces in processes of their own
    runs: dict[str, Callable[[], Ended]] = {
        name: partial(run, name, world, place / name, before=without_internet) for name in ALL
    }
    for name, given in MORE.items():
        first = (world.faces, "--out", place / "plan") if name.startswith("train") else ()
        runs[name] = partial(command, *name.split(), *first, *given, before=without_internet)
    for name in with_workers:
        given = [*SEEING[name](world, place / f"{name} by workers")]
        given[given.index("--threads") + 1] = 2
        runs[f"{name} by workers"] = partial(
            command, *name.split(), *given, before=without_internet
        )
    for name in list(runs)[:cases]:
        failure = _asked(runs[name]())
        yield failure and f"{name}: {failure}"


UMASKS = (0o022, 0o077, 0o002, 0o027, 0o000)
WRITING = tuple(name for name in (*SEEING, *TRAINING, "bench") if name != "benchmark")


@attack(
    "privacy",
    "modes",
    "all that the commands write, under umasks of 022, 077, 002, 027 and 000, from photos of modes "
    "600 to 777: a file is as open as the umask allows, and never more",
    len(UMASKS) * len(WRITING),
)
def modes(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    world = make_world(place / "world")
    rng = np.random.default_rng(seed)
    for path in world.root.rglob("*.png"):
        path.chmod(int(rng.choice([0o600, 0o644, 0o666, 0o777, 0o440])))
    pairs = [(mask, name) for mask in UMASKS for name in WRITING]
    for i in rng.permutation(len(pairs))[:cases]:
        mask, name = pairs[i]
        folder = place / f"{mask:03o} {name}"
        folder.mkdir()
        ended = run(name, world, folder / "out", before=partial(os.umask, mask))
        failure = ended.fault or _too_open(folder, mask, world)
        yield failure and f"umask {mask:03o}, {name}: {failure}"


def _too_open(folder: Path, mask: int, world: World) -> str | None:
    found = [path for path in folder.rglob("*") if not path.is_symlink()]
    if not found:
        return "nothing was written"
    for path in found:
        mode = stat.S_IMODE(path.lstat().st_mode)
        most = (0o777 if path.is_dir() else 0o666) & ~mask
        if mode & ~most:
            return f"{path.relative_to(folder)} has mode {mode:03o} beyond {most:03o}"
        copied = path.suffix == ".png" and path.parent.name.startswith(("group", "others"))
        closed = copied and mode & 0o600 == 0o600  # a copy of a photo may be as closed as that
        if mode != most and not closed:
            return f"{path.relative_to(folder)} has mode {mode:03o}, not {most:03o}"
    return None
