"""Zip files that anybody may have sent: each file in one takes no more memory than it says."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from minifacenet.data_scripts.fetching import DataError
from minifacenet.files.words import printable, shortened

# All that zipfile raises for damaged files.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError,
    OSError, ValueError, OverflowError,
)  # fmt: skip


@contextmanager
def opened_zip(
    data: bytes, name: str, error: type[DataError] = DataError
) -> Iterator[zipfile.ZipFile]:
    """Give the zip file in these bytes; whatever zipfile raises for it is one `error`.

    `name` is the file's, for the message.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            yield archive
    except DataError:
        raise
    except _DAMAGE as damage:
        reason = printable(shortened(str(damage), 80))
        raise error(f"{name} is no whole zip file ({reason}): get the file anew") from None


def content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the content of a member, whose size in the directory has been found acceptable.

    `ZipFile.read` would unpack first, up to 2 GB at a time, and compare with that size afterwards.

    Raises
    ------
    ValueError
        It is packed by another method than deflate: only that one unpacks by parts.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(
            f"{shortened(member.filename, 40)} is packed by another method: deflate it"
        )
    with archive.open(member) as file:
        return file.read(max(1, member.file_size))
