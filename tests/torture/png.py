"""A PNG as its chunks, for those who damage one and mend its lengths and checksums."""

from __future__ import annotations

import zlib
from random import Random

from .fuzzing import Inner

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NAMES = (
    b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"sRGB", b"tEXt", b"zTXt",
    b"iTXt", b"eXIf", b"pHYs", b"acTL", b"fcTL", b"fdAT", b"cHRM", b"xxXX",
)  # fmt: skip

Chunks = list[tuple[bytes, bytes]]


def chunks_of(data: bytes) -> Chunks | None:
    """Names and contents, as far as they go; None if it is no PNG."""
    if not data.startswith(SIGNATURE):
        return None
    chunks, at = [], len(SIGNATURE)
    while at + 8 <= len(data) and len(chunks) < 1000:
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks or None


def png_of(chunks: Chunks) -> bytes:
    parts = [
        len(content).to_bytes(4, "big")
        + name
        + content
        + zlib.crc32(name + content).to_bytes(4, "big")
        for name, content in chunks
    ]
    return SIGNATURE + b"".join(parts)


def mutated_png(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage one chunk, its packed pixels, or the row of chunks."""
    chunks = chunks_of(data)
    if chunks is None:
        return None
    at = rng.randrange(len(chunks))
    name, content = chunks[at]
    kind = rng.randrange(8)
    if kind == 0:
        del chunks[at]
    elif kind == 1:
        chunks.insert(rng.randrange(len(chunks) + 1), (name, content))
    elif kind == 2:
        chunks[at] = (rng.choice(NAMES), content)
    elif kind == 3:
        chunks.insert(at, (rng.choice(NAMES), inner(content[:50])))
    elif kind < 6 and name in (b"IDAT", b"fdAT", b"zTXt", b"iCCP"):
        chunks[at] = (name, repacked(content, inner))
    else:
        chunks[at] = (name, inner(content))
    return png_of(chunks)


def repacked(content: bytes, inner: Inner) -> bytes:
    """Damage what is packed by deflate, and pack it again."""
    start = max(0, content.find(b"\x78"))
    try:
        unpacked = zlib.decompressobj().decompress(content[start:], 2**20)
    except zlib.error:
        return inner(content)
    return content[:start] + zlib.compress(inner(unpacked), 1)
