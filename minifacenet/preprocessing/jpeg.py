"""The cost of decoding a JPEG is read from its markers before any of it is decoded.

A JPEG is a sequence of segments. Each begins with the byte FF and a marker: SOF gives the size and
the components (grey has one, colour three), SOS opens a scan, i.e. a stretch of packed pixels.

    baseline       one scan: blocks come and go, one row of them at a time
    progressive    about ten scans, each of which makes every block a little finer

So *all* waves of *all* blocks of a progressive picture lie in memory, 2 bytes each, until the last
scan has come, however small the decoded picture will be:

    bytes = sum over components of  64 waves * 2 bytes * blocks   (6 bytes per pixel in full colour)

and every scan visits every block. The file may be tiny: blocks without content take next to no
bits. That holds as well for a baseline JPEG that keeps each component in a scan of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .why_unreadable import Refusal

MOST_SEGMENTS = 100_000
"""Segments of a JPEG, and scans among them. A photo has some 20."""
SCANS_OF_THE_LARGEST = 40
"""Scans of a JPEG as large as is decoded; a smaller one may have more. Programs write 10 or so, the
most thorough ones some tens."""

_SOS, _EOI = 0xDA, 0xD9
_ALONE = {0x01, 0xD8}  # markers of segments without content
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15; three mean something else
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
# Within packed pixels FF 00 is a value, FF D0 to FF D7 are milestones, and FF FF is filling.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def check_cost(data: bytes, most_bytes: int) -> None:
    """Refuse a JPEG whose waves take more than `most_bytes`, or whose scans take too long.

    Damage is none of this function's business: a file that makes no sense is left to the decoder.

    Raises
    ------
    Refusal
        Its text is the reason.
    """
    frame, waves, scans = b"", 0, 0
    for count, (marker, content) in enumerate(_segments(data)):
        if count == MOST_SEGMENTS:
            raise Refusal(f"a JPEG of more than {MOST_SEGMENTS:,} segments: save it again")
        if marker in _FRAMES and not frame:
            frame, progressive = content, marker in _PROGRESSIVE
        if marker == _SOS and frame:
            scans += 1
            if progressive or content[:1] < frame[5:6]:  # fewer components than the picture has
                waves = _bytes_of_waves(frame)
    if waves > most_bytes:
        raise Refusal(
            f"a progressive JPEG of {_size(frame)} pixels, which takes {waves / 1e6:,.0f} MB "
            f"before it can be made smaller, more than {most_bytes / 1e6:,.0f}: save it as a "
            "baseline JPEG, or smaller"
        )
    if scans * waves > SCANS_OF_THE_LARGEST * most_bytes:
        raise Refusal(
            f"a progressive JPEG of {_size(frame)} pixels in {scans:,} scans, more than any photo "
            "of that size has: save it again"
        )


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of each segment of the first picture in a file."""
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        if marker == _EOI:
            return
        if marker in _ALONE:
            yield marker, b""
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        yield marker, data[at + 2 : at + length]
        at += max(length, 2)


def _bytes_of_waves(frame: bytes) -> int:
    """Return the bytes of all blocks of all components; 0 for a frame that makes no sense.

    A component may be stored at a part of the resolution, as colour usually is: at its own share
    of the largest sampling factors h and v among the components.
    """
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    components = sum(frame[5:6])  # none where the frame is cut off
    factors = [(byte >> 4, byte & 15) for byte in frame[7 : 6 + 3 * components : 3]]
    most_across = max((across for across, _ in factors), default=0)
    most_down = max((down for _, down in factors), default=0)
    if not most_across or not most_down:
        return 0
    return sum(
        128 * -(-width * across // (8 * most_across)) * -(-height * down // (8 * most_down))
        for across, down in factors
    )


def _size(frame: bytes) -> str:
    return f"{int.from_bytes(frame[3:5], 'big')} x {int.from_bytes(frame[1:3], 'big')}"
