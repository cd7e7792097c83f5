"""Commands on folders of photos that show nothing, or the same, or are one pixel wide."""

import contextlib
import io
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from minifacenet import cli
from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import save_model

from .attack import attack

Picture = Callable[[np.random.Generator, int, int], np.ndarray]  # person and number to pixels


def _noise(rng, person, number):
    return rng.integers(0, 256, (40, 40)).astype(np.uint8)


def _of(value: int, *shape: int) -> Picture:
    return lambda rng, person, number: np.full(shape or (40, 40), value, np.uint8)


PICTURES: dict[str, Picture] = {
    "black": _of(0),
    "white": _of(255),
    "one colour": _of(90, 40, 40, 3),
    "a grey each": lambda rng, person, number: np.full((40, 40), 20 * person + number, np.uint8),
    "noise": _noise,
    "one noise": lambda rng, person, number: _noise(np.random.default_rng(0), 0, 0),
    "doubled under two names": lambda rng, person, number: _noise(
        np.random.default_rng([person // 2, number]), 0, 0
    ),
    "1x1": _of(7, 1, 1),
    "1x10000": _of(100, 10_000, 1),
    "10000x1": _of(100, 1, 10_000),
    "two pixels": lambda rng, person, number: np.array([[0, 255]], np.uint8),
}
SHAPES = {"4 x 3": (4, 3), "2 x 2": (2, 2), "1 x 3": (1, 3), "3 x 1": (3, 1)}  # people x photos
TRAIN = "--size 32 --dim 8 --people 2 --photos 2 --steps 2 --check-every 1"
COMMANDS = (
    f"train faces --out out {TRAIN} --rate 0.01", f"run faces --out out {TRAIN.rsplit('--c')[0]}",
    "pack faces out --size 32", "align faces out --already-cropped --size 32",
    "embed faces --model model --out out --any-faces --quantised vector",
    "embed faces --model model --out out --any-faces", "verify faces --model model --any-faces",
    "cluster faces --model model --any-faces --distance 0.5 --out out",
    "classify fit faces --model model --out out --any-faces --threshold 1",
    "gallery add faces --gallery out.safetensors --model model --any-faces --quantised",
    "make-pairs faces --out out.txt --folds 2 --per-fold 2",
)  # fmt: skip


def run_here(line: str) -> tuple[int, str, str]:
    """Run a command in this process: status, what it printed, and its errors."""
    printed, errors, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["minifacenet", *line.split()]
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
            try:
                cli.main()
            except SystemExit as exit:
                return int(exit.code or 0), printed.getvalue(), errors.getvalue()
    finally:
        sys.argv = before
    return 0, printed.getvalue(), errors.getvalue()


def failure(line: str, place: Path) -> str | None:
    """Say what is wrong with how a command ended, and with the numbers that it wrote."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            status, _, errors = run_here(line)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    if "Traceback" in errors or (status and "error" not in errors.lower()):
        return f"status {status}: {errors[-300:]!r}"
    for path in place.glob("out*/**/*.npy"):
        if not np.isfinite(np.load(path).astype(np.float64)).all():
            return f"{path.name} holds numbers that are none"
    return None


@attack(
    "numbers", "degenerate-photos",
    "11 commands on photos that are black, white, of one colour, all the same, doubled under two "
    "names, or one pixel wide, of one person or a photo of each: an answer or one line, no warning",
    cases=484,
)  # fmt: skip
def degenerate_photos(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    every = [*itertools.product(PICTURES, SHAPES, COMMANDS)]
    order = np.random.default_rng(seed).permutation(len(every))
    for number in order[:cases]:
        picture, shape, line = every[number]
        folder = place / str(number)
        people, photos = SHAPES[shape]
        for person, photo in itertools.product(range(people), range(photos)):
            rng = np.random.default_rng([seed, person, photo])
            (folder / "faces" / f"p{person}").mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(PICTURES[picture](rng, person, photo))
            image.save(folder / "faces" / f"p{person}" / f"{photo}.png")
        (folder / "model").mkdir()
        save_model(
            folder / "model" / "model.safetensors",
            FaceNet.new(Architecture("nn1_mini", 32, 3 if picture == "one colour" else 1, 8)),
        )
        with contextlib.chdir(folder):
            message = failure(line, folder)
        yield message and f"{line!r} on {shape} {picture}, case {number}: {message}"
