"""The command of stage 1: photos to square faces."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..terminal import progress, say
from .options import Credit, Size, Threads, use_threads

if TYPE_CHECKING:
    from ..preprocessing.alignment import Alignment

app = typer.Typer()


class Select(StrEnum):
    largest = "largest"
    center = "center"
    all = "all"


class Crop(StrEnum):
    aligned = "aligned"
    box = "box"


@app.command()
def align(
    photos: Annotated[Path, typer.Argument(help="Folder of photos, at any depth.")],
    out: Annotated[Path, typer.Argument(help="Folder for the faces and their manifest.csv.")],
    size: Size = 96,
    select: Annotated[Select, typer.Option(help="Which face of a photo is kept.")] = (
        Select.largest
    ),
    crop: Annotated[
        Crop, typer.Option(help="Aligned by landmarks, or the paper's plain square box.")
    ] = Crop.aligned,
    template: Annotated[
        str, typer.Option(help="portrait: the whole head. openface: brows to chin.")
    ] = "portrait",
    margin: Annotated[
        float, typer.Option(min=0, help="More room all round, as a fraction of the face.")
    ] = 0.0,
    min_size: Annotated[
        float, typer.Option(min=12, help="Smallest face, in pixels of the photo.")
    ] = 20,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="How certain the detector has to be.")
    ] = 0.9,
    try_rotations: Annotated[
        bool, typer.Option("--try-rotations", help="Turn photos in which there is no face.")
    ] = False,
    already_cropped: Annotated[
        bool, typer.Option("--already-cropped", help="Take the centre square; ask no detector.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Draw what was found into each photo: OUT/show.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with an error if a photo gave no face.")
    ] = False,
    detector: Annotated[
        Path | None, typer.Option(help="Weights that data_scripts/get_mtcnn.py wrote.")
    ] = None,
    threads: Threads = None,
    credit: Credit = None,
    force: Annotated[bool, typer.Option("--force", help="Do photos again that OUT has.")] = False,
) -> None:
    """Cut the faces out of a folder of photos; tell for each photo what happened."""
    import numba

    from ..alignment_pictures import draw_sheets, draw_shows
    from ..interrupt import postponed_interrupt
    from ..preprocessing.alignment import align_folder
    from ..preprocessing.cutting import CropSettings
    from ..preprocessing.mtcnn import FILE

    use_threads(threads)
    settings = CropSettings(
        size=size, crop="centre" if already_cropped else crop.value, template=template,
        margin=margin, select=select.value, min_size=min_size, min_score=min_score,
        try_rotations=try_rotations,
    )  # fmt: skip
    with (
        postponed_interrupt(lambda: say("Stopping after the photos under way ...")) as asked,
        progress("finding faces") as tell,
    ):
        result = align_folder(
            photos, out, settings, detector or FILE, numba.get_num_threads(), force, tell,
            asked.is_set,
        )  # fmt: skip
    tell_alignment(result, select.value)
    pictures = draw_sheets(photos, out, result.entries, credit)
    if show:
        with progress("drawing") as tell:
            draw_shows(photos, out, result.entries, tell)
        pictures.append("show/")
    tell_files(out, result, pictures)
    if asked.is_set():
        raise typer.Exit(130)
    lost = [entry for entry in result.entries if not entry.kept]
    if len(lost) == len(result.entries):
        raise ValueError(f"no face was cut out of the {len(lost)} photos of {photos}")
    if strict and lost:
        raise ValueError(f"--strict: {len(lost)} photos gave no face, such as {lost[0].photo}")


def tell_alignment(result: Alignment, rule: str) -> None:
    """A summary whose numbers add up, and the reasons by how often they came."""
    entries = result.entries
    unread = [entry for entry in entries if not entry.content]
    without = [entry for entry in entries if entry.content and not entry.kept]
    faces, found = sum(e.kept for e in entries), sum(e.found for e in entries)
    counts = [f"{len(entries) - len(unread) - len(without):,} with a face"]
    counts += [f"{len(without):,} without"] * bool(without)
    counts += [f"{len(unread):,} that cannot be read"] * bool(unread)
    say(f"{len(entries):,} photos: {', '.join(counts)}")
    if found:
        several = sum(entry.found > 1 for entry in entries)
        text = f"{faces:,} faces kept of {found:,} found"
        say(text + f"; {several:,} photos show several ({rule})" * bool(several))
    for entries_of_kind in (without, unread):
        _tell_reasons(entries_of_kind)
    if result.ignored:
        names = ", ".join(result.ignored[:3]) + ", ..." * (len(result.ignored) > 3)
        say(f"  {len(result.ignored):,} other files: {names}")
    if result.before:
        say(f"  {result.before:,} photos were done before and have not changed")
    if result.removed:
        say(f"  {result.removed:,} crops removed that no photo gives any more")


def _tell_reasons(entries: list) -> None:
    """Each kind of reason once, with how often it came and the first photo."""
    kinds: dict[str, list[str]] = {}
    for entry in entries:
        kind = "no face found" if entry.reason.startswith("no face") else entry.reason
        kinds.setdefault(kind.split(" (")[0], []).append(entry.photo)  # without its details
    for kind, names in sorted(kinds.items(), key=lambda item: -len(item[1])):
        text = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        say(f"  {len(names):,} x {kind}: {text}")


def tell_files(out: Path, result: Alignment, pictures: list[str]) -> None:
    layout = ""
    deep = [entry.photo for entry in result.entries if entry.photo.count("/") > 1]
    flat = [entry.photo for entry in result.entries if "/" not in entry.photo]
    if flat and len(flat) < len(result.entries):
        layout = f"{len(flat)} photos lie beside the folders, not in one, such as {flat[0]}"
    elif deep:
        layout = f"{len(deep)} photos lie deeper than FOLDER/PERSON/photo, such as {deep[0]}"
    say(f"In {out}: manifest.csv, faces/, {', '.join(pictures)}")
    if result.left:
        say(f"Interrupted: {result.left} photos left. Go on with the same command.")
    elif layout:
        say(f"  {layout}: `run` and `train` take FACES/person/photo only")
    elif not flat:
        say(f"Train on them: minifacenet run {out / 'faces'} --out RUN")
    else:
        say(f"Group them: minifacenet cluster {out / 'faces'} --model RUN")
