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

from .material import detector, orl
from .processes import How, completed

PEOPLE, PHOTOS = 5, 4  # of ORL's 40 people with 10 photos
SMALL = ("--size", 32, "--dim", 8)
BATCH = ("--people", 3, "--photos", 2)


@dataclass(frozen=True)
class Scene:
    """A command, and what may differ between two of its runs.

    Parameters
    ----------
    command : callable(out, other) -> tuple
        Its arguments, for a place to write to; if `other`, for other results.
    force : bool
        Whether it has the option --force.
    short : bool
        Whether it has few steps only if the zygote sees to it.
    """

    command: Callable[[Path, bool], tuple]
    force: bool = True
    short: bool = False

    def arguments(self, work: Path, *more, other: bool = False) -> tuple:
        """Return the arguments for a case in the folder `work`."""
        return (*self.command(work / "out", other), *more)

    @property
    def how(self) -> How:
        return How(short=self.short)


def trained(out: Path, other: bool = False, *more) -> tuple:
    return (
        "train", faces(), "--out", out, *SMALL, *BATCH, "--seed", 3 + other, "--steps", 7,
        "--save-every", 2, "--check-every", 3, "--held-out", 0.4, *more,
    )  # fmt: skip


def _trained_oddly(out: Path, other: bool) -> tuple:
    odd = ("--average", 0.9, "--optimizer", "adagrad", "--augment", "--mine-every", 3)
    return trained(out, other, *odd)


def _embedded_photos(out: Path, other: bool) -> tuple:
    cache = ("--cache", out.with_name("cache"))
    return ("embed", few_photos(other), "--model", model(), "--out", out, *cache)


def _recognised(out: Path, other: bool) -> tuple:
    return (
        "recognise", few_photos(other), "--known", known(), "--out", out, "--model", model(),
        "--threshold", 0.5, "--distance", 0.5, "--draw",
    )  # fmt: skip


def _with_model(*words: str) -> Callable[[Path, bool], tuple]:
    """Return the arguments of a command that takes faces, a model and a place."""
    *command, place = words
    return lambda out, other: (*command, faces(other), "--model", model(), place, out)


def _align(chosen: Callable, *options) -> Callable[[Path, bool], tuple]:
    return lambda out, other: ("align", chosen(other), out, "--size", 32, *options)


SCENES = {
    "train": Scene(trained),
    "train-average": Scene(_trained_oddly),
    "align": Scene(_align(lambda other: few_photos(other), "--show")),
    "align-workers": Scene(_align(lambda other: photos(other), "--threads", 2)),
    "run": Scene(
        lambda out, other: (
            "run", faces(), "--out", out, *SMALL, *BATCH, "--seed", 3 + other, "--steps", 4,
        )
    ),
    "recognise": Scene(_recognised),
    "cluster": Scene(_with_model("cluster", "--distance", "0.5", "--out"), force=False),
    "fit": Scene(_with_model("classify", "fit", "--threshold", "0.5", "--out")),
    "predict": Scene(
        lambda out, other: ("classify", "predict", faces(other), "--people", people(), "--out", out)
    ),
    "embed": Scene(_with_model("embed", "--out")),
    "embed-photos": Scene(_embedded_photos),
    "gallery": Scene(_with_model("gallery", "add", "--gallery"), force=False),
    "pack": Scene(lambda out, other: ("pack", faces(other), out, "--size", 32)),
    "benchmark": Scene(
        lambda out, other: ("benchmark", faces(other), "--out", out, "--seeds", 2, "--size", 32),
        short=True,
    ),
    "verify": Scene(_with_model("verify", "--out")),
    "make-pairs": Scene(
        lambda out, other: (
            "make-pairs", faces(other), "--folds", 2, "--per-fold", 5, "--out", out,
        )
    ),
    "study": Scene(_with_model("study", "jpeg", "--values", "50", "--out")),
    "export": Scene(lambda out, other: ("export", model(), out, *["--flip"] * other)),
    "get": Scene(lambda out, other: ("get", "orl", "--from", orl(), "--out", out)),
}  # fmt: skip


@cache
def given() -> Path:
    """Return a folder for the inputs that all attacks of this process share."""
    place = Path(tempfile.mkdtemp(prefix="torture-given-"))
    place.chmod(0o755)
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def _chosen(name: str, people: int, first: int, count: int) -> Path:
    detector()  # which the commands find by themselves
    place = given() / name
    for person in range(1, people + 1):
        folder = place / f"s{person}"
        folder.mkdir(parents=True)
        for number in range(first, first + count):
            shutil.copyfile(orl() / folder.name / f"{number}.png", folder / f"{number}.png")
    return place


@cache
def photos(other: bool = False) -> Path:
    """Return a folder of whole photos."""
    return _chosen(f"photos{int(other)}", PEOPLE, 1 + 4 * other, PHOTOS)


@cache
def few_photos(other: bool = False) -> Path:
    """Return a folder of fewer photos: for their number no other process is started."""
    return _chosen(f"few{int(other)}", 3, 1 + 2 * other, 2)


@cache
def known() -> Path:
    """Return photos of two people who are also on `few_photos`."""
    return _chosen("known", 2, 5, 1)


@cache
def faces(other: bool = False) -> Path:
    """Return the faces that were cut out of `photos`, a folder per person."""
    out = given() / f"aligned{int(other)}"
    _made(("align", photos(other), out, "--size", 32, "--threads", 1))
    return out / "faces"


@cache
def model() -> Path:
    """Return the folder of a short training on `faces`."""
    out = given() / "model"
    _made(trained(out))
    return out


@cache
def people() -> Path:
    """Return the folder of the people whom `classify fit` has enrolled."""
    out = given() / "people"
    _made(SCENES["fit"].command(out, False))
    return out


def _made(arguments: tuple) -> None:
    command = completed(arguments, given() / "aside")
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
