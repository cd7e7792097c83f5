"""The note in a crop says how its face was cut, and from which photo.

A network knows faces as they were cut for its training. Shown others, it still answers, only worse,
and nobody notices. So `minifacenet align` writes a note into each crop, a model keeps the words for
how its faces were cut, and the commands compare the two.

A PNG is 8 bytes and then chunks, each of which says how long it is:

    length (4 bytes)   name (4)   content (length bytes)   checksum (4)

so a chunk is found by jumping from length to length, and no pixel is decoded. The note is JSON in a
chunk named 'tEXt', whose content is a key, a zero and a text. It comes before the first 'IDAT', the
pixels. Whoever writes a file can write any note, so it is only believed as far as it reads like
ours, and nothing follows from it but words and the name of a photo.

The note holds a digest of all other bytes, too. It shows whether somebody has edited a crop since,
and would lose their work if it were replaced or removed.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from pathlib import PurePosixPath

KEY = "minifacenet"
HEADER = 33  # bytes of a PNG before the chunk that we put in: its signature and size
CENTRE_SQUARE = "centre square"  # of a photo without a note, too, since reading cuts it out

MOST_WORDS = 200  # characters; ours have about 40
MIXED = "cut in several ways"  # of faces that are read together nevertheless


def in_words(crop: str, template: str, margin: float) -> str:
    """Describe how a face is cut by such `CropSettings`: 'aligned to portrait, margin 0'.

    Two cuts with the same words show the same part of a face. The size is left out: a network
    brings every face to its own.
    """
    if crop == "centre":
        return CENTRE_SQUARE
    how = f"aligned to {template}" if crop == "aligned" else crop
    return f"{how}, margin {margin:g}"


def are_words(cut: str) -> bool:
    """Return whether a text out of a file can be such words, of this version or another."""
    return 0 < len(cut) <= MOST_WORDS and cut.isprintable()


def from_words(cut: str) -> tuple[str, str, str] | None:
    """Return the crop, the template and the margin that `in_words` describes so, as texts.

    A box and a centre square have no template: ''. It is None for all other words.
    """
    if cut == CENTRE_SQUARE:
        return "centre", "", "0"
    found = re.fullmatch(r"(?:aligned to ([a-z0-9]+)|box), margin ([0-9.e-]+)", cut)
    if found is None:
        return None
    template, margin = found.groups()
    return ("aligned", template, margin) if template else ("box", "", margin)


def align_options(cut: str) -> str | None:
    """Return the options of `minifacenet align` that cut faces this way: '--template portrait'.

    It is None if there are none for these words.
    """
    found = from_words(cut)
    if found is None or cut == CENTRE_SQUARE:
        return None
    crop, template, margin = found
    options = f"--template {template}" if template else f"--crop {crop}"
    return options if margin == "0" else f"{options} --margin {margin}"


def how_cut(data: bytes, path: str) -> tuple[str, str]:
    """Return how the face in a photo's file was cut, in words, and the photo it was cut from.

    Faces with the same second value come from one photo. `path` is the file's, relative to the
    folder that is read, with '/'; it is the photo where there is no note of ours.

    That photo is named by its path within the folder that was aligned, and two such folders may
    hold an 'Ada/1.jpg' each. Crops lie in the folders that their photos have, so the part of `path`
    in front of these tells the two apart: 'first//Ada/1.jpg', 'second//Ada/1.jpg'. A crop that was
    moved keeps its own folder in front. So it may not count as of the same photo as its former
    neighbours, but faces of two photos never count as of one.
    """
    try:
        note = json.loads(_text(data))
        cut, photo = in_words(*_settings(note)), PurePosixPath(note["photo"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return CENTRE_SQUARE, path
    folder, own = PurePosixPath(path).parent.parts, photo.parent.parts
    if folder[max(0, len(folder) - len(own)) :] == own:
        folder = folder[: len(folder) - len(own)]
    return cut, f"{'/'.join(folder)}//{photo}"


def is_crop(data: bytes) -> bool:
    """Return whether the note in `data`, a file's beginning, is one of `minifacenet align`."""
    try:
        _settings(json.loads(_text(data)))
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    return True


def noted(png: bytes, note: dict) -> bytes:
    """Return the bytes of a PNG that has no note, with this one added."""
    return _put_in(png, HEADER, note)


def _put_in(png: bytes, at: int, note: dict) -> bytes:
    text = json.dumps({**note, "digest": _digest(png)})
    body = f"tEXt{KEY}\0{text}".encode("ascii")
    size, check = len(body) - 4, zlib.crc32(body)
    chunk = size.to_bytes(4, "big") + body + check.to_bytes(4, "big")
    return png[:at] + chunk + png[at:]


def untouched_photo(data: bytes) -> str | None:
    """Return the photo that a crop was cut from; None if it is no crop, or was edited."""
    if not is_crop(data):
        return None
    note, plain = json.loads(_text(data)), _without(data)
    whole = note.get("digest") in (None, _digest(plain))  # older versions wrote none
    photo = note.get("photo")
    return photo if whole and isinstance(photo, str) else None


def with_photo(data: bytes, photo: str) -> bytes:
    """Return the bytes of a crop with another name for its photo."""
    note = {**json.loads(_text(data)), "photo": photo}
    return _put_in(_without(data), _chunk(data)[0], note)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _text(data: bytes) -> bytes:
    """Return the text of the note in a PNG's bytes; b'' if there is none."""
    start, end = _chunk(data)
    return data[start + 8 + len(KEY) + 1 : end - 4] if end else b""


def _without(data: bytes) -> bytes:
    start, end = _chunk(data)
    return data[:start] + data[end:]


def _chunk(data: bytes) -> tuple[int, int]:
    """Return where the chunk of the note begins and ends; (0, 0) if there is none."""
    if not data.startswith(b"\x89PNG"):
        return 0, 0
    key, at = f"{KEY}\0".encode(), 8
    while data[at + 4 : at + 8] not in (b"IDAT", b""):
        length = int.from_bytes(data[at : at + 4], "big")
        start, end = at + 8, at + 8 + length
        if data[at + 4 : start] == b"tEXt" and data.startswith(key, start, end):
            return at, end + 4
        at = end + 4
    return 0, 0


def _settings(note: dict) -> tuple[str, str, float]:
    """Return a note's crop, template and margin; ValueError, TypeError or KeyError: not ours."""
    crop, template, margin = note["crop"], note["template"], note["margin"]
    # Any template will do: a crop of a newer version is no centre square just since we don't know
    # its template.
    known = crop in ("aligned", "box", "centre") and re.fullmatch("[a-z0-9]{1,20}", template)
    if not known or not 0 <= margin <= 10:
        raise ValueError(f"not a note of ours: {note}")
    return crop, template, margin
