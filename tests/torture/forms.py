"""The forms that files are built of: damage inside of them leaves lengths and checksums right.

PNG           length, name, content, checksum
JPEG          segments: FF, marker, length, content; packed pixels behind the last
RIFF          WEBP: name, length, content
boxes         HEIC, AVIF, JPEG 2000: length, name, content, which may be boxes again
TIFF          tables of entries: tag, type, count, value or where it lies; EXIF, too
GIF           blocks: kept whole, mutated as bytes
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable
from io import BytesIO
from random import Random

from .fuzzing import Inner
from .mutations import EDGES

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHUNKS = (
    b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"sRGB", b"tEXt", b"zTXt",
    b"iTXt", b"eXIf", b"pHYs", b"acTL", b"fcTL", b"fdAT", b"cHRM", b"xxXX",
)  # fmt: skip
PACKED = (b"IDAT", b"fdAT", b"zTXt", b"iCCP")
MARKERS = (
    0x01, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC6, 0xC9, 0xCA, 0xCC, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD,
    0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE, 0xFF, 0x00,
)  # fmt: skip
NESTED = (b"meta", b"iprp", b"ipco", b"jp2h", b"moov")
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # TIFF's types
TAGS = (
    254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 284, 296, 306, 317, 320, 322,
    323, 324, 325, 338, 339, 347, 530, 532, 34665, 34675, 34853, 36867, 700, 33723,
)  # fmt: skip

Parts = list[tuple[bytes, bytes]]
"""Names and contents; what has no name is b''."""


def chunks_of(data: bytes) -> Parts | None:
    """Return the chunks of a PNG, as far as they go; None if it is none."""
    if not data.startswith(SIGNATURE):
        return None
    chunks, at = [], len(SIGNATURE)
    while at + 8 <= len(data) and len(chunks) < 1000:
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks or None


def png_of(chunks: Parts) -> bytes:
    parts = []
    for name, content in chunks:
        check = zlib.crc32(name + content)
        parts += [len(content).to_bytes(4, "big"), name, content, check.to_bytes(4, "big")]
    return SIGNATURE + b"".join(parts)


def mutated_png(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage one chunk, what it has packed, or the row of chunks."""
    chunks = chunks_of(data)
    if chunks is None:
        return None
    at = rng.randrange(len(chunks))
    name, content = chunks[at]
    if name in PACKED and rng.random() < 0.5:
        chunks[at] = (name, repacked(content, inner))
    else:
        _damage(chunks, at, rng, inner, CHUNKS)
    return png_of(chunks)


def _damage(parts: Parts, at: int, rng: Random, inner: Inner, names: tuple[bytes, ...]) -> None:
    """Damage one of the parts, by its content, its name or its place."""
    name, content = parts[at]
    kind = rng.randrange(8)
    if kind == 0:
        del parts[at]
    elif kind == 1:
        parts[at:at] = [parts[at]] * rng.choice((1, 1, 3, 300))
    elif kind == 2:
        parts[at] = (rng.choice(names), content)
    elif kind == 3:
        parts.insert(at, (rng.choice(names), inner(content[:50])))
    elif kind == 4:
        other = rng.randrange(len(parts))
        parts[at], parts[other] = parts[other], parts[at]
    elif name in (b"eXIf", b"EXIF", b"\xe1") and b"*\0" in content[:12] + b"*":
        parts[at] = (name, mutated_exif(content, rng, inner))
    else:
        parts[at] = (name, inner(content))


def repacked(content: bytes, inner: Inner) -> bytes:
    """Damage what is packed by deflate, and pack it again."""
    start = max(0, content.find(b"\x78"))
    try:
        unpacked = zlib.decompressobj().decompress(content[start:], 2**20)
    except zlib.error:
        return inner(content)
    return content[:start] + zlib.compress(inner(unpacked), 1)


def mutated_jpeg(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage one segment of a JPEG, or the pixels behind it."""
    if not data.startswith(b"\xff\xd8"):
        return None
    parts: Parts = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and len(parts) < 1000:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append((data[at + 1 : at + 2], data[at + 4 : at + 2 + length]))
        at += 2 + max(length, 2)
    if not parts:
        return None
    rest = data[at:]
    if rng.random() < 0.3:
        rest = inner(rest)
    else:
        names = tuple(bytes([marker]) for marker in MARKERS)
        _damage(parts, rng.randrange(len(parts)), rng, inner, names)
    segments = [
        b"\xff" + name + (min(len(content), 65533) + 2).to_bytes(2, "big") + content[:65533]
        for name, content in parts
    ]
    return b"\xff\xd8" + b"".join(segments) + rest


def mutated_riff(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage one part of a WEBP."""
    if data[:4] != b"RIFF" or len(data) < 20:
        return None
    parts: Parts = []
    at = 12
    while at + 8 <= len(data) and len(parts) < 1000:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        parts.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    names = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"ICCP", b"XMP ")
    _damage(parts, rng.randrange(len(parts)), rng, inner, names)
    body = b"".join(
        name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)
        for name, content in parts
    )
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + data[8:12] + body


def mutated_boxes(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage one box, or one within it."""
    parts: Parts = []
    at = 0
    while at + 8 <= len(data) and len(parts) < 1000:
        length = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        parts.append((data[at + 4 : at + 8], data[at + 8 : at + max(length, 8)]))
        at += max(length, 8)
    if not parts:
        return None
    which = rng.randrange(len(parts))
    name, content = parts[which]
    skipped = 4 if name == b"meta" else 0  # a version
    within = None
    if name in NESTED and rng.random() < 0.8:
        within = mutated_boxes(content[skipped:], rng, inner)
    if within is not None:
        parts[which] = (name, content[:skipped] + within)
    else:
        _damage(parts, which, rng, inner, tuple({name for name, _ in parts}))
    return b"".join((len(c) + 8).to_bytes(4, "big") + name + c for name, c in parts)


def mutated_exif(content: bytes, rng: Random, inner: Inner) -> bytes:
    """Damage the TIFF in a note of EXIF."""
    start = 6 if content.startswith(b"Exif\0\0") else 0
    made = mutated_tiff(content[start:], rng, inner)
    return inner(content) if made is None else content[:start] + made


def files_of(data: bytes) -> list[tuple[str, int, bytes]]:
    """Return the first files of a zip, each with name and compression; none if it is no zip."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return [(m.filename, m.compress_type, archive.read(m)) for m in archive.infolist()[:9]]
    except Exception:
        return []


def zip_of(files: Iterable[tuple[str, int, bytes]]) -> bytes:
    """Return a zip of what `files_of` returns."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, packed, content in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = packed
            archive.writestr(info, content)
    return stream.getvalue()


def mutated_tiff(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage one entry of the first table, or what lies elsewhere."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 14 or rng.random() < 0.2:
        return None
    made = bytearray(data)
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    if start + 2 > len(data):
        return None
    (count,) = struct.unpack_from(f"{order}H", data, start)
    at = start + 2 + 12 * rng.randrange(max(1, min(count, 60)))
    if at + 12 > len(data):
        return None
    tag, kind, number, value = struct.unpack_from(f"{order}HHII", data, at)
    what = rng.randrange(6)
    if what == 0:
        tag = rng.choice(TAGS)
    elif what == 1:
        kind = rng.choice((*WIDTHS, 0, 13, 16, 65535))
    elif what == 2:
        number = rng.choice((0, 1, 2, 3, 4, 8, number + 1, rng.choice(EDGES) % 2**32))
    elif what == 3:
        value = rng.choice((value + 1, value << 16, rng.choice(EDGES)))
    elif what == 4:
        value = rng.randrange(20) << (16 if order == ">" and kind == 3 else 0)
    else:
        where = value if number * WIDTHS.get(kind, 1) > 4 else rng.randrange(len(data))
        return bytes(made[:where] + inner(bytes(made[where:])))
    struct.pack_into(f"{order}HHII", made, at, tag, kind, number % 2**32, value % 2**32)
    return bytes(made)


def mutated_photo(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage a photo in the form that its first bytes show."""
    if data[:2] == b"\xff\xd8":
        return mutated_jpeg(data, rng, inner)
    if data[:4] == b"RIFF":
        return mutated_riff(data, rng, inner)
    if data[:2] in (b"II", b"MM"):
        return mutated_tiff(data, rng, inner)
    if data[4:8] in (b"ftyp", b"jP  "):
        return mutated_boxes(data, rng, inner)
    return mutated_png(data, rng, inner)
