"""A small world to attack: people, photos, a model, a gallery; and every command that there is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..tile_photos import BLACK, BLUE, CYAN, GOLD, GREEN, PINK, RED, make_model, tiles
from .children import command

COLOURS = (RED, GREEN, BLUE, CYAN, PINK, GOLD)
PLAIN = ("Ada", "Grace", "Lise", "Maria", "Émilie", "Emmy")
ONE = ("--threads", 1)  # no processes of workers, which would not see tiles
SMALL = ("--steps", 2, "--size", 32, *ONE)


@dataclass(frozen=True)
class World:
    """Folders whose people, and whose photos, have these names.

    faces, known, photos, lfw : folders
    model, people, gallery : what commands made
    """

    root: Path
    names: tuple[str, ...]

    def __getattr__(self, name: str) -> Path:
        return self.root / name

    @property
    def first(self) -> Path:
        """One photo of the first person."""
        return self.faces / self.names[0] / f"{self.names[0]}-1.png"


def make_world(root: Path, names: Sequence[str] = PLAIN) -> World:
    """Write a world; what is learned in it, too."""
    world = World(root, tuple(names))
    for name, colour in zip(names, COLOURS, strict=False):
        for number in range(1, 6):
            tiles(world.faces / name / f"{name}-{number}.png", colour)
            tiles(world.lfw / name / f"{name}_{number:04}.jpg", colour)
        tiles(world.known / name / f"{name}.png", colour)
        tiles(world.photos / name / f"{name}.png", colour, RED)
        tiles(world.photos / f"{name}.png", colour)
    tiles(world.photos / f"none {names[0]}.png", BLACK)
    (world.photos / f"broken {names[0]}.jpg").write_bytes(b"no photo")
    (world.faces / names[0] / f"broken {names[0]}.jpg").write_bytes(b"no photo")
    folds = (f"{n}\t1\t2\n{n}\t1\t{other}\t2\n" for n, other in pairwise(names))
    text = f"{len(names) - 1}\t1\n{''.join(folds)}"
    (world.root / "pairs.txt").write_text(text, encoding="utf-8")
    make_model(world.root / "model.safetensors")
    for made in ("classify fit", "gallery add"):
        ended = run(made, world, world.root / made.split()[-1])
        assert ended.status == 0, ended.text
    return world


Arguments = Callable[[World, Path], tuple]


def _model(w: World) -> tuple:
    return "--model", w.root / "model.safetensors", *ONE


# Those that train take the network as it is; the others see tiles.
TRAINING: dict[str, Arguments] = {
    "run": lambda w, out: (w.faces, "--out", out, *SMALL, "--dim", 8, "--people", 3, "--photos", 2),
    "train": lambda w, out: (
        w.faces, "--out", out, *SMALL, "--dim", 8, "--people", 3, "--photos", 2,
    ),
    "benchmark": lambda w, out: (w.faces, "--out", out, "--seeds", 1, "--size", 32),
    "study dim": lambda w, out: (w.faces, "--out", out, *SMALL, "--values", 8, "--seeds", 1),
    "study people": lambda w, out: (w.faces, "--out", out, *SMALL, "--values", 3, "--seeds", 1),
}  # fmt: skip
SEEING: dict[str, Arguments] = {
    "align": lambda w, out: (w.photos, out, "--show", *ONE, "--credit", w.names[0]),
    "pack": lambda w, out: (w.faces, out, "--size", 32),
    "recognise": lambda w, out: (
        w.photos, "--known", w.known, "--out", out, *_model(w), "--draw",
    ),
    "classify fit": lambda w, out: (w.faces, *_model(w), "--out", out),
    "classify predict": lambda w, out: (w.photos, "--people", w.fit, "--out", f"{out}.csv", *ONE),
    "verify": lambda w, out: (w.faces, *_model(w), "--out", out, "--explain"),
    "make-pairs": lambda w, out: (
        w.faces, "--out", f"{out}.txt", "--folds", 2, "--per-fold", 2,
    ),
    "compare": lambda w, out: (w.first, w.first, *_model(w), "--show", f"{out}.png"),
    "evaluate lfw": lambda w, out: (
        w.lfw, *_model(w), "--pairs", w.root / "pairs.txt", "--out", out,
    ),
    "study jpeg": lambda w, out: (w.faces, *_model(w), "--out", out, "--values", 50),
    "study pixels": lambda w, out: (w.faces, *_model(w), "--out", out, "--values", 24),
    "study quantise": lambda w, out: (w.faces, *_model(w), "--out", out),
    "study invariance": lambda w, out: (
        w.faces, "--person", w.names[0], *_model(w), "--out", f"{out}.png", "--credit", w.names[0],
    ),
    "embed": lambda w, out: (w.photos, *_model(w), "--out", out),
    "cluster": lambda w, out: (w.photos, *_model(w), "--out", out),
    "gallery add": lambda w, out: (w.faces, "--gallery", f"{out}.safetensors", *_model(w)),
    "gallery search": lambda w, out: (
        w.photos, "--gallery", w.root / "add.safetensors", *_model(w), "--out", f"{out}.csv",
    ),
}  # fmt: skip
OTHERS: dict[str, Arguments] = {
    "export": lambda w, out: (w.root / "model.safetensors", f"{out}.onnx"),
    "summary": lambda w, out: ("nn1_mini", "--size", 32),
    "bench": lambda w, out: (
        "--network", "nn1_mini", "--size", 32, "--batch", 1, "--rounds", 1, "--out", out,
    ),
    "bench mining": lambda w, out: (),
    "doctor": lambda w, out: (),
    "models": lambda w, out: (),
    "get": lambda w, out: (),
}  # fmt: skip
ALL = {**SEEING, **TRAINING, **OTHERS}


def run(name: str, world: World, out: Path, **how):
    """Run a command on a world, into `out` and what is called like it."""
    arguments = ALL[name](world, out)
    return command(*name.split(), *arguments, tiles=name in SEEING, **how)
