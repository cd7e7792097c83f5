"""Cut faces out of listed photos, as a network knows faces: for a benchmark of whole photos.

A network keeps the words for how the faces of its training were cut (see crop_note.py). They say
how to cut those of a benchmark, and its input size says how large: so a face is sampled once, from
its photo to what the network sees.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .align_folder import Alignment, align_folder
from .choose_and_cut import CropSettings
from .crop_note import from_words, is_crop
from .photo import PhotoError, read_bytes


@dataclass(frozen=True)
class Crops:
    """The crops of photos, to be read in their place.

    Attributes
    ----------
    folder : Path
    files : dict of str
        The crop of each photo, relative to `folder`, with '/'.
    reasons : dict of str
        Why another photo has none.
    """

    folder: Path
    files: Mapping[str, str]
    reasons: Mapping[str, str]


def settings_for(cut: str, size: int, **others: Any) -> CropSettings:
    """Return settings that cut faces in the way that these words describe.

    `others` are settings that the words do not name, such as `select`.

    Raises
    ------
    ValueError
        No settings of this version cut faces so.
    """
    found = from_words(cut)
    if found is None:
        raise ValueError(f"no crop of this version is '{cut}': pass faces that were cut so already")
    crop, template, margin = found
    if template:
        others["template"] = template
    return CropSettings(size=size, crop=crop, margin=float(margin), **others)


def align_listed(
    photos: str | os.PathLike,
    names: Collection[str],
    out: str | os.PathLike,
    settings: CropSettings,
    **arguments: Any,
) -> tuple[Alignment, Crops]:
    """Cut one face out of each of the photos `names`, relative to `photos`, by `align_folder`.

    `arguments` are the further ones of `align_folder`. So is what `out` may hold, and what is
    raised. The crops are those of `names` alone, whatever `out` holds of an earlier run.
    """
    result = align_folder(photos, out, settings, only=names, **arguments)
    entries = {entry.photo: entry for entry in result.entries}
    files, reasons = {}, {}
    for name in names:
        entry = entries.get(name)
        if entry is not None and entry.kept:
            files[name] = next(filter(None, entry.crops))
        else:
            reasons[name] = "not cut out yet" if entry is None else entry.reason
    return result, Crops(Path(out), files, reasons)


def are_crops(photos: str | os.PathLike, names: Collection[str]) -> bool:
    """Return whether the first of these photos that can be read is a crop of `align` already."""
    for name in names:
        try:
            return is_crop(read_bytes(Path(photos) / name))
        except PhotoError:
            continue
    return False
