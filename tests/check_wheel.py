"""Build the wheel, install it into an empty environment, and use it without a clone.

    python tests/check_wheel.py

It needs this Python, PyPI and some minutes, and leaves nothing behind. pytest does not collect it.
It prints each step; the exit status tells.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOT_SOURCE = (".*", "__pycache__", "*.egg-info", "build", "dist", "data", "runs", "student")
PORTRAIT = ROOT / "lessons" / "figures" / "astronaut.jpg"


class Failed(Exception):
    """A step went otherwise than it should; the message says how."""


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise Failed(message)


class Elsewhere:
    """A folder outside the clone, with an environment of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.bin = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        foreign = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if name not in foreign}
        self.environment = kept | {"MINIFACENET_HOME": str(folder / "home"), "COLUMNS": "100"}

    def run(self, *command: str | Path, status: int = 0) -> str:
        """What a command prints; another exit status is a failure."""
        start = time.monotonic()
        words = [str(word) for word in command]
        print("$", *(Path(words[0]).name, *words[1:]), flush=True)
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        print("".join(f"    {line}\n" for line in done.stdout.splitlines()[-25:]), end="")
        print(f"    ({time.monotonic() - start:.0f} s)", flush=True)
        expect(done.returncode == status, f"exit status {done.returncode}, expected {status}")
        return " ".join(done.stdout.split())

    def python(self, *words: str | Path) -> str:
        return self.run(self.bin / "python", *words)

    def minifacenet(self, *words: str | Path, status: int = 0) -> str:
        return self.run(self.bin / "minifacenet", *words, status=status)


def build(place: Elsewhere) -> Path:
    """The wheel of a copy of the sources: a build folder in the clone could slip old files in."""
    copy = place.folder / "sources"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    place.python("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", copy)
    [wheel] = (place.folder / "dist").glob("*.whl")
    shutil.rmtree(copy)
    return wheel


def check_contents(wheel: Path) -> None:
    """All of the package and the scripts that get data; nothing of the tests and the lessons."""
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size // 1024} KiB", flush=True)
    top = {name.split("/")[0] for name in names}
    expect(
        all(name == "minifacenet" or name.endswith(".dist-info") for name in top),
        f"more than the package lies at the top: {sorted(top)}",
    )
    strange = [n for n in names if {"tests", "lessons", "__pycache__"} & set(n.split("/"))]
    expect(not strange, f"what a user has no use for is in the wheel: {strange[:5]}")
    wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / "minifacenet").rglob("*.py")}
    wanted |= {f"minifacenet/report/report.{kind}" for kind in ("css", "js")}
    wanted.add("minifacenet/py.typed")
    scripts = (ROOT / "data_scripts").glob("*.py")
    wanted |= {f"minifacenet/data_scripts/{path.name}" for path in scripts}
    for beside in ("licences/*.txt", "thresholds/*.json"):
        found = (ROOT / "data_scripts").glob(beside)
        wanted |= {f"minifacenet/{path.relative_to(ROOT).as_posix()}" for path in found}
    expect(wanted <= names, f"the wheel lacks {sorted(wanted - names)}")
    for licence in ("LICENSE", "NOTICE"):
        expect(any(name.endswith(f"/{licence}") for name in names), f"the wheel lacks {licence}")


def draw_people(folder: Path, people: int = 6, photos: int = 5, side: int = 40) -> None:
    """Folders of PGM files: a random pattern each, in noise."""
    rng = random.Random(0)
    for person in range(people):
        pattern = [rng.randrange(60, 196) for _ in range(side * side)]
        home = folder / f"person {person}"
        home.mkdir(parents=True)
        for photo in range(photos):
            pixels = bytes(value + rng.randrange(-40, 40) for value in pattern)
            header = f"P5 {side} {side} 255\n".encode()
            (home / f"{photo}.pgm").write_bytes(header + pixels)


def check_use(place: Elsewhere) -> None:
    """The commands, the first time that this machine sees them."""
    expect(place.minifacenet("--version") != "", "no version")
    package = place.python("-c", "import minifacenet; print(minifacenet.__file__)")
    expect(str(place.folder) in package, f"another package was imported: {package}")
    printed = place.minifacenet("doctor")
    expect("minifacenet get mtcnn" in printed, "the doctor has no remedy for the weights")
    expect("140,025,664" in place.minifacenet("summary", "nn1"), "NN1 has another size")
    for listing in (place.minifacenet("get"), place.minifacenet("models")):
        for name in ("nn4_small2", "dlib_resnet", "inception_resnet_v1"):
            expect(f"minifacenet get {name}" in listing, f"{name} is not listed")

    photos = place.folder / "photos"
    photos.mkdir()
    shutil.copy(PORTRAIT, photos)
    printed = place.minifacenet("align", "photos", "aligned", status=1)
    expect("run `minifacenet get mtcnn`" in printed, "align does not say how to get the weights")
    printed = place.minifacenet("get", "mtcnn")
    for words in ("MIT", "linxiaohui", "MB to fetch"):
        expect(words in printed, f"{words!r} was not told")
    expect("nothing to do" in place.minifacenet("get", "mtcnn"), "it was fetched twice")
    expect((place.folder / "home" / "mtcnn.safetensors").is_file(), "MINIFACENET_HOME is empty")
    licence = "minifacenet.data_scripts.pretrained import licence_text"
    for name in ("Apache-2.0", "CC0-1.0", "MIT"):  # those that go with weights
        place.python("-c", f"from {licence}; assert len(licence_text({name!r})) > 1000")
    place.minifacenet("align", "photos", "aligned")
    faces = list((place.folder / "aligned" / "faces").iterdir())
    expect(len(faces) == 1, f"in the portrait there is one face, not {len(faces)}")

    draw_people(place.folder / "people")
    place.minifacenet("run", "people", "--out", "run", "--steps", 3, "--size", 32)
    for name in ("report.html", "model.safetensors", "metrics.json"):
        expect((place.folder / "run" / name).is_file(), f"the run lacks {name}")
    page = (place.folder / "run" / "report.html").read_text(encoding="utf-8")
    for name in ("css", "js"):
        source = ROOT / "minifacenet" / "report" / f"report.{name}"
        line = max(source.read_text(encoding="utf-8").splitlines(), key=len).strip()
        expect(line in page, f"the report was made without report.{name}")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="minifacenet ") as folder:  # a space, as people have
        place = Elsewhere(Path(folder).resolve())
        try:
            place.run(sys.executable, "-m", "venv", "env")
            wheel = build(place)
            check_contents(wheel)
            place.python("-m", "pip", "install", "--quiet", wheel)
            check_use(place)
        except Failed as error:
            print(f"The wheel fails: {error}", file=sys.stderr)
            return 1
    print("The wheel works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
