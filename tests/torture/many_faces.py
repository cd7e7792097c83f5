"""Photos and people by the thousand, drawn in seconds, and a network that nobody trained."""

from pathlib import Path

import numpy as np
from PIL import Image

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import save_model

from .material import orl

FOLDER = 500  # photos in a folder
SIDE = 32  # pixels of a drawn face, which the network takes as they are


def untrained(path: Path, cut: str) -> Path:
    """Write a small network: what its vectors mean is nobody's business here."""
    network = Architecture("nn1_mini", size=SIDE, channels=1, dim=8)
    save_model(path, FaceNet.new(network, seed=0, cut=cut))
    return path


def photos(out: Path, count: int, seed: int) -> list[str]:
    """Write small photos, each with one of the ORL faces: larger, darker, aslant, elsewhere."""
    rng = np.random.default_rng(seed)
    faces = [Image.open(path).convert("L") for path in sorted(orl().glob("s*/*.png"))]
    names = [f"{i // FOLDER:03d}/{i:06d}.jpg" for i in range(count)]
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        _photo(faces[rng.integers(len(faces))], rng).save(out / name, quality=85)
    return names


def _photo(face: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = map(int, rng.integers(100, 161, 2))
    colours = Image.fromarray(rng.integers(0, 256, (4, 4, 3)).astype(np.uint8))
    photo = colours.resize((width, height), Image.Resampling.BICUBIC)
    tall = int(rng.integers(70, min(1.1 * width, height)))
    wide = tall * face.width // face.height
    bright = rng.uniform(0.7, 1.2)
    turned = face.rotate(rng.uniform(-8, 8), Image.Resampling.BICUBIC, fillcolor=120)
    pasted = turned.resize((wide, tall)).point(lambda value: min(255, int(value * bright)))
    corner = (int(rng.integers(0, max(1, width - wide + 1))), int(rng.integers(height - tall + 1)))
    photo.paste(pasted.convert("RGB"), corner)
    return photo


def people(out: Path, count: int, each: int, seed: int, first: int = 0) -> list[str]:
    """Write `each` faces of `count` people, a pattern for each and noise; returns their paths.

    The same seed gives the same patterns; photos from number `first` on have other noise.
    """
    names = []
    for person in range(count):
        pattern = np.random.default_rng((seed, person)).integers(60, 196, (SIDE, SIDE))
        folder = out / f"p{person:05d}"
        folder.mkdir(parents=True)
        for number in range(first, first + each):
            noise = np.random.default_rng((seed, person, number)).integers(-40, 40, (SIDE, SIDE))
            names.append(f"{folder.name}/{number}.png")
            Image.fromarray((pattern + noise).astype(np.uint8)).save(out / names[-1])
    return names
