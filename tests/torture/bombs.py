"""Small files that promise a large picture, or endless work: what they cost in memory and time."""

import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from ..tile_photos import BLUE, RED, make_model, tiles
from .attack import attack
from .children import command

MEMORY = 1400 << 20  # bytes of a whole process: 64 megapixels at 14 bytes, beside Python's own
SECONDS = 120  # of a busy machine; one picture of 64 megapixels takes some ten


def _saved(size: tuple[int, int], kind: str, mode: str = "L", **how) -> bytes:
    file = BytesIO()
    Image.new(mode, size).save(file, kind, **how)
    return file.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, *chunks: bytes, pixels: bytes = b"") -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = _chunk(b"IDAT", zlib.compress(pixels, 9))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + body + _chunk(b"IEND", b"")


def _with_size(data: bytes, width: int, height: int) -> bytes:
    """Return a JPEG that promises another size."""
    at = next(i for i in range(len(data)) if data[i : i + 2] in (b"\xff\xc0", b"\xff\xc2"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def _more_scans(data: bytes, times: int) -> bytes:
    """Return a progressive JPEG whose last scan comes again and again."""
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * times + data[-2:]


_NOTHING = zlib.compress(bytes(200 << 20), 9)  # 200 MB in 200 kB
BOMBS: dict[str, Callable[[], bytes]] = {
    "png header": lambda: _png(100_000, 100_000),
    "png 2^31": lambda: _png(2**31 - 1, 2**31 - 1),
    "png 64 megapixels": lambda: _saved((8000, 8000), "PNG"),
    "png 64 megapixels, 4 channels": lambda: _saved((8000, 8000), "PNG", "RGBA"),
    "png 64 megapixels, 1 bit": lambda: _saved((8000, 8000), "PNG", "1"),
    "png 1 x 12000": lambda: _saved((1, 12_000), "PNG"),
    "png 12000 x 1": lambda: _saved((12_000, 1), "PNG"),
    "png 1 x 1000000": lambda: _saved((1, 1_000_000), "PNG"),
    "png 60000000 x 1": lambda: _png(60_000_000, 1, pixels=bytes(60_000_001)),
    "png text": lambda: _png(60, 60, _chunk(b"zTXt", b"a\0\0" + _NOTHING)),
    "png profile": lambda: _png(60, 60, _chunk(b"iCCP", b"a\0\0" + _NOTHING)),
    "png chunks": lambda: _png(60, 60, _chunk(b"tEXt", b"") * 1_000_000),
    "png pixels": lambda: _png(60, 60, pixels=bytes(100 << 20)),
    "jpeg header": lambda: _with_size(_saved((60, 60), "JPEG"), 65_500, 65_500),
    "jpeg 200 megapixels": lambda: _saved((14_000, 14_000), "JPEG"),
    "progressive header": lambda: _with_size(
        _saved((60, 60), "JPEG", progressive=True), 65_500, 65_500
    ),
    "progressive 64 megapixels": lambda: _saved((8000, 8000), "JPEG", progressive=True),
    "progressive, in colour": lambda: _saved((8000, 8000), "JPEG", "RGB", progressive=True),
    "progressive, 30 scans": lambda: _more_scans(
        _saved((8000, 8000), "JPEG", progressive=True), 30
    ),
    "progressive, 2000 scans": lambda: _more_scans(
        _saved((4000, 4000), "JPEG", progressive=True), 2000
    ),
    "progressive, small, 20000 scans": lambda: _more_scans(
        _saved((600, 600), "JPEG", progressive=True), 20_000
    ),
    "jpeg segments": lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * 2_000_000 + b"\xff\xd9",
    "gif header": lambda: (
        b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + _saved((9, 9), "GIF")[10:]
    ),
    "gif frames": lambda: _saved(
        (400, 400), "GIF", save_all=True, append_images=[Image.new("L", (400, 400), i % 256)
                                                         for i in range(300)]
    ),
    "tiff 64 megapixels": lambda: _saved((8000, 8000), "TIFF", compression="tiff_adobe_deflate"),
    "tiff 100 megapixels": lambda: _saved((10_000, 10_000), "TIFF", compression="tiff_lzw"),
    "tiff turned": lambda: _saved(
        (8000, 7999), "TIFF", compression="tiff_adobe_deflate", tiffinfo={274: 6}
    ),
    "tiff circle": lambda: b"II*\0\x08\0\0\0\x01\0\0\1\4\0\1\0\0\0\1\0\0\0\x08\0\0\0",
    "bmp header": lambda: (
        _saved((9, 9), "BMP")[:18] + struct.pack("<ii", 60_000, 60_000) + bytes(99)
    ),
    "ppm header": lambda: b"P6 99999 99999 255\n" + bytes(99),
    "webp 64 megapixels": lambda: _saved((8000, 8000), "WEBP", "RGB", lossless=True, method=0),
    "webp 16383 x 16383": lambda: _saved((16_383, 300), "WEBP", "RGB", lossless=True, method=0),
}  # fmt: skip
ENDING = {"png": "png", "jpeg": "jpg", "progressive": "jpg", "gif": "gif", "tiff": "tif",
          "bmp": "bmp", "ppm": "ppm", "webp": "webp"}  # fmt: skip
COMMANDS = ("align", "embed", "recognise")


@attack(
    "hostile",
    "bombs",
    "small files that promise gigapixels, endless scans, pieces or texts, in eight formats, beside "
    "good photos: `align` (with its sheet of rejected photos), `embed` and `recognise` end well, "
    f"below {MEMORY / 2**30:.1f} GiB and {SECONDS} s for each",
    2 * len(BOMBS),
)
def bombs(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    pairs = [(bomb, name) for bomb in BOMBS for name in COMMANDS]
    model = make_model(place / "model.safetensors")
    known = tiles(place / "known" / "Ada.png", RED).parent
    for i in np.random.default_rng(seed).permutation(len(pairs))[:cases]:
        bomb, name = pairs[i]
        folder, out = place / f"photos {i}", place / f"out {i}"
        tiles(folder / "good.png", RED, BLUE)
        (folder / f"bomb.{ENDING[bomb.split()[0].rstrip(',')]}").write_bytes(BOMBS[bomb]())
        given: dict[str, tuple] = {
            "align": (folder, out, "--show"),
            "embed": (folder, "--model", model, "--out", out),
            "recognise": (folder, "--known", known, "--out", out, "--model", model, "--draw"),
        }
        ended = command(name, *given[name], "--threads", 1, tiles=True, seconds=SECONDS)
        failure = ended.fault or (ended.text.strip()[-200:] if ended.status else None)
        if failure is None and ended.peak > MEMORY:
            failure = f"{ended.peak >> 20:,} MiB"
        yield failure and f"{name}, {bomb}: {failure}"
