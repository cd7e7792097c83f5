"""Small photo files made by hand, for kinds that Pillow reads but does not write."""

import json
import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def encoded(image, kind="PNG", **options):
    """The bytes that Pillow writes; an array is taken as RGB(A) or, with one channel, as grey."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(rows, width, depth, colour, *chunks):
    """A PNG of packed rows. `colour`: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""

    def chunk(name, content):
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))  # 0: a row without a filter
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def jpeg_of_nothing(width, height, components=1, scans=1, frame=0xC2):
    """A JPEG of one grey whose blocks hold no bits: a DC scan and then `scans` others of a
    component. Progressive unless `frame` says otherwise; some hundred bytes at any size."""

    def segment(marker, content):
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content

    def scan(numbers, rest):
        return segment(0xDA, bytes([len(numbers), *(x for n in numbers for x in (n, 0)), *rest]))

    every = range(1, components + 1)
    sizes = struct.pack(">BHHB", 8, height, width, components)
    data = b"\xff\xd8" + segment(0xDB, bytes([0, *[1] * 64]))
    data += segment(frame, sizes + b"".join(bytes([n, 0x11, 0]) for n in every))
    data += segment(0xC4, bytes([0, 1, *[0] * 15, 0]))  # of DC: the bit 0 is "no difference"
    data += segment(0xC4, bytes([0x10, 1, *[0] * 15, 0]))  # of AC: the bit 0 ends a block
    data += scan(every, (0, 0, 0)) + b"\0"
    for number in every:
        data += (scan([number], (1, 63, 0)) + b"\0") * scans
    return data + b"\xff\xd9"


def tiff(pixels, width, height, bits, photometric=1, sample_format=1, samples=1):
    """An uncompressed grey TIFF. `photometric` 0: white is zero. `sample_format` 3: floats."""
    tags = [
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 8),
        (277, samples),
        (278, height),
        (279, len(pixels)),
        (339, sample_format),
    ]
    pixels += b"\0" * (len(pixels) % 2)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    where = struct.pack("<I", 8 + len(pixels))
    return b"II*\0" + where + pixels + struct.pack("<H", len(tags)) + entries + bytes(4)


def without_segment(jpeg, marker):
    """A JPEG without its first segment of this marker, such as b'\\xff\\xee' for Adobe's."""
    start = jpeg.index(marker)
    size = 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big")
    return jpeg[:start] + jpeg[start + size :]


def save_crop(path, photo, image=None, crop="aligned", template="portrait", margin=0.0):
    """A PNG with the note that `minifacenet align` writes; grey and small if no image is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    note = dict(photo=photo, size=8, crop=crop, template=template, margin=margin, select="largest")
    info = PngInfo()
    info.add_text("minifacenet", json.dumps(note))
    (image or Image.new("L", (8, 8), 100)).save(path, pnginfo=info)


def decode_some(monkeypatch, module, photos, error):
    """Let a module decode so many photos, and then raise."""
    usual, left = module.decode_photo, photos

    def decode(data, file):
        nonlocal left
        left -= 1
        if left < 0:
            raise error
        return usual(data, file)

    monkeypatch.setattr(module, "decode_photo", decode)
