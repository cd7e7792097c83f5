"""The commands that write, each with the small inputs that it is tried on."""

import atexit
import csv
import io
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from minifacenet.machine.places import where

from .processes import How, completed

PEOPLE, PHOTOS = 5, 4  # of ORL's 40 people with 10 photos
SMALL = ("--size", 32, "--dim", 8)
BATCH = ("--people", 3, "--photos", 2, "--seed", 3)


@dataclass(frozen=True)
class Scene:
    """A command, and what may differ between two of its runs.

    Parameters
    ----------
    command : callable(out) -> tuple
        Its arguments, for a place to write to.
    short : bool
        Whether it has few steps only if the zygote sees to it.
    """

    command: Callable[[Path], tuple]
    short: bool = False

    def arguments(self, work: Path, *more) -> tuple:
        """Return the arguments for a case in the folder `work`."""
        return (*self.command(work / "out"), *more)

    @property
    def how(self) -> How:
        return How(short=self.short)


def trained(out: Path, *more) -> tuple:
    return (
        "train", faces(), "--out", out, *SMALL, *BATCH, "--steps", 7, "--save-every", 2,
        "--check-every", 3, "--held-out", 0.4, *more,
    )  # fmt: skip


SCENES = {
    "train": Scene(trained),
    "train-average": Scene(
        lambda out: trained(
            out, "--average", 0.9, "--optimizer", "adagrad", "--augment", "--mine-every", 3
        )
    ),
    "align": Scene(lambda out: ("align", few_photos(), out, "--size", 32, "--show")),
    "align-workers": Scene(lambda out: ("align", photos(), out, "--size", 32, "--threads", 2)),
    "run": Scene(lambda out: ("run", faces(), "--out", out, *SMALL, *BATCH, "--steps", 4)),
    "recognise": Scene(
        lambda out: (
            "recognise", few_photos(), "--known", known(), "--out", out, "--model", model(),
            "--threshold", 0.5, "--distance", 0.5, "--draw",
        )
    ),  # fmt: skip
    "cluster": Scene(
        lambda out: ("cluster", faces(), "--model", model(), "--distance", 0.5, "--out", out)
    ),
    "fit": Scene(
        lambda out: (
            "classify", "fit", faces(), "--model", model(), "--threshold", 0.5, "--out", out,
        )
    ),  # fmt: skip
    "embed": Scene(lambda out: ("embed", faces(), "--model", model(), "--out", out)),
    "embed-photos": Scene(
        lambda out: (
            "embed", few_photos(), "--model", model(), "--out", out,
            "--cache", out.with_name("cache"),
        )
    ),  # fmt: skip
    "gallery": Scene(
        lambda out: ("gallery", "add", faces(), "--model", model(), "--gallery", out)
    ),
    "pack": Scene(lambda out: ("pack", faces(), out, "--size", 32)),
    "benchmark": Scene(
        lambda out: ("benchmark", faces(), "--out", out, "--seeds", 2, "--size", 32), short=True
    ),
    "verify": Scene(lambda out: ("verify", faces(), "--model", model(), "--out", out)),
    "predict": Scene(
        lambda out: ("classify", "predict", faces(), "--people", people(), "--out", out)
    ),
    "make-pairs": Scene(
        lambda out: ("make-pairs", faces(), "--folds", 2, "--per-fold", 5, "--out", out)
    ),
    "study": Scene(
        lambda out: ("study", "jpeg", faces(), "--model", model(), "--values", 50, "--out", out)
    ),
    "export": Scene(lambda out: ("export", model(), out)),
    "get": Scene(lambda out: ("get", "orl", "--from", orl(), "--out", out)),
}


@cache
def _given() -> Path:
    """Return a folder for the inputs that all attacks of this process share."""
    place = Path(tempfile.mkdtemp(prefix="torture-given-"))
    place.chmod(0o755)
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def orl() -> Path:
    """Return the folder of the ORL faces.

    Raises
    ------
    FileNotFoundError
    """
    found = where("orl")
    if not found.is_dir() or not where("mtcnn.safetensors").exists():
        raise FileNotFoundError("say `minifacenet get orl` and `minifacenet get mtcnn` first")
    return found.absolute()


def _chosen(name: str, people: int, first: int, count: int) -> Path:
    place = _given() / name
    for person in range(1, people + 1):
        folder = place / f"s{person}"
        folder.mkdir(parents=True)
        for number in range(first, first + count):
            shutil.copyfile(orl() / folder.name / f"{number}.png", folder / f"{number}.png")
    return place


@cache
def photos() -> Path:
    """Return a folder of whole photos."""
    return _chosen("photos", PEOPLE, 1, PHOTOS)


@cache
def few_photos() -> Path:
    """Return a folder of fewer photos: for their number no other process is started."""
    return _chosen("few", 3, 1, 2)


@cache
def known() -> Path:
    """Return photos of two people who are also on `few_photos`."""
    return _chosen("known", 2, 5, 1)


@cache
def faces() -> Path:
    """Return the faces that were cut out of `photos`, a folder per person."""
    out = _given() / "aligned"
    _made(("align", photos(), out, "--size", 32, "--threads", 1))
    return out / "faces"


@cache
def model() -> Path:
    """Return the folder of a short training on `faces`."""
    out = _given() / "model"
    _made(trained(out))
    return out


@cache
def people() -> Path:
    """Return the folder of the people whom `classify fit` has enrolled."""
    out = _given() / "people"
    _made(SCENES["fit"].command(out))
    return out


def _made(arguments: tuple) -> None:
    command = completed(arguments, _given() / "aside")
    assert command.status == 0, command.said


def contents(place: Path) -> dict[str, bytes]:
    """Return all that lies in a folder, hidden or not; without what tells the time."""
    return {
        path.relative_to(place).as_posix(): _timeless(path)
        for path in sorted(place.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def _timeless(path: Path) -> bytes:
    data = path.read_bytes()
    if path.name == "training.html":  # its lines are as old as the page
        return data[-16:]
    if path.name == "log.csv":
        rows = [*csv.DictReader(io.StringIO(data.decode()))]
        for row in rows:
            row.pop("seconds", None)
        return repr(rows).encode()
    return data
