"""Public benchmarks: from their own photos to the figures that others report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..console.alignment import counted, tell_alignment
from ..console.screen import say
from ..console.terminal import progress
from .inputs import Model, open_model
from .memory import smaller
from .options import Threads
from .outputs import folder_for_results, refuse_loss
from .preparing import Crop, detecting, interruptible

if TYPE_CHECKING:
    from ..classification.lfw import LfwPlan
    from ..classification.pair_photos import FoundPairs
    from ..classification.pair_scores import JudgedPairs
    from ..preprocessing.align_listed import Crops

app = typer.Typer()
evaluate = typer.Typer(no_args_is_help=True, help="Measure a model on a public benchmark.")
app.add_typer(evaluate, name="evaluate")

FILES = ("lfw.json", "roc.png", "distances.png")


@evaluate.command()
def lfw(
    context: typer.Context,
    images: Annotated[
        Path, typer.Argument(metavar="IMAGES", help="LFW's photos: IMAGES/Name/Name_0001.jpg.")
    ],
    model: Model,
    pairs: Annotated[
        Path | None, typer.Option(help="List of pairs; LFW's pairs.txt in or beside IMAGES.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for crops and figures; runs/lfw-MODEL if left out.")
    ] = None,
    crop: Annotated[
        Crop | None, typer.Option(help="Cut faces in this way, not in the one the model knows.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what VAL, FAR and the folds mean.")
    ] = False,
    threads: Threads = None,
    force: Annotated[
        bool, typer.Option("--force", help="Cut faces anew, and replace other results in OUT.")
    ] = False,
) -> None:
    """Labeled Faces in the Wild from whole photos: cut the listed faces, embed and score them."""
    from ..classification.lfw import LfwPlan
    from ..console.pairs import EXPLANATION

    if explain:
        say(*EXPLANATION.splitlines())
    plan = LfwPlan.of(images, open_model(model, threads), pairs, crop and crop.value)
    out = out or _usual_place(model, plan)
    context.with_resource(folder_for_results(out, images))
    _refuse_other(out, plan, force)
    _tell_plan(plan, model, out)
    with smaller(f"the photos of {plan.source}", "take a shorter list of --pairs"):
        found, judged = _judged(plan, model, out, _cut_faces(plan, out, force))
    _finish(plan, model, out, found, judged)


def _usual_place(model: Path, plan: LfwPlan) -> Path:
    """Return `runs/lfw-MODEL`, with the way of cutting where it is not the model's."""
    path = model.resolve()
    name = path.parent.name if path.name == "model.safetensors" else path.stem
    if path.is_dir():
        name = path.name
    other = "" if plan.cut == plan.embedder.cut or not plan.settings else f"-{plan.settings.crop}"
    return Path("runs") / f"lfw-{name}{other}"


def _refuse_other(out: Path, plan: LfwPlan, force: bool) -> None:
    """Refuse to replace figures of another evaluation, or pictures of who knows what."""
    from ..classification.lfw import other_figures

    if force:
        return
    if differ := other_figures(out / FILES[0], plan.identity()):
        raise ValueError(
            f"{out} holds figures of another evaluation (not the same {', '.join(differ)}): choose "
            "another --out, or say --force"
        )
    if not (out / FILES[0]).exists():
        refuse_loss(out, FILES, force)


def _tell_plan(plan: LfwPlan, model: Path, out: Path) -> None:
    say(f"{plan.source}: {len(plan.pairs):,} pairs. Results go to {out}.")
    if plan.settings is None:
        return
    photos = counted(len(plan.photos), "photo")
    say(f"Faces are cut out of {photos}: {plan.cut}, {plan.settings.size} pixels.")
    if plan.cut != plan.embedder.cut:
        say(f"{model} was trained otherwise, on: {plan.embedder.cut}.", style="yellow")


def _cut_faces(plan: LfwPlan, out: Path, force: bool) -> Crops | None:
    """Cut out the faces that are missing; after Ctrl-C, end with the words for how to go on."""
    import numba

    if plan.settings is None:
        return None
    with interruptible(force) as asked, progress(detecting(plan.settings.crop)) as tell:
        result, crops = plan.cut_faces(
            out, workers=numba.get_num_threads(), force=force, progress=tell, stop=asked
        )
    tell_alignment(result, plan.settings.select)
    if asked():
        again = f"Go on with the same command{', without --force' * force}."
        say(f"Interrupted: {counted(result.left, 'photo')} left. {again}")
        raise typer.Exit(130)
    return crops


def _judged(
    plan: LfwPlan, model: Path, out: Path, crops: Crops | None
) -> tuple[FoundPairs, JudgedPairs]:
    """Read the faces, say how many of the pairs are there, embed and score."""
    from ..classification.pair_photos import read_pair_photos
    from ..classification.pair_scores import in_whole_folds, judge
    from ..console.pairs import tell_found
    from ..embedding.cache import EmbeddingCache, embed_in_parts

    size, _, channels = plan.embedder.architecture.input_shape
    with progress("reading faces") as tell:
        found, faces = read_pair_photos(plan.images, plan.pairs, size, channels, tell, crops=crops)
    tell_found(plan.source, found, faces.skipped)
    if crops is None and faces.cut != plan.embedder.cut:
        raise ValueError(
            f"{plan.images} holds faces by '{faces.cut}', and {model} knows them by "
            f"'{plan.embedder.cut}': pass the photos that they were cut out of"
        )
    whole = in_whole_folds(found, plan.source)
    with progress("embedding") as tell:
        cache = EmbeddingCache(out, plan.embedder, warn=say)
        return found, judge(whole, embed_in_parts(cache, faces.images, tell))


def _finish(plan: LfwPlan, model: Path, out: Path, found: FoundPairs, judged: JudgedPairs) -> None:
    """Print the figures, and write them."""
    from ..classification.thresholds import Thresholds
    from ..console.pairs import tell_folds, tell_own_thresholds, tell_verification
    from ..experiment.figures import pair_figures
    from ..files.atomic import write_json

    own = Thresholds.of_model(model)
    tell_folds(judged.result)
    tell_verification(judged.result.overall)
    tell_own_thresholds(judged.distances, judged.same, own)
    write_json(out / FILES[0], plan.figures(judged, found, own))
    pair_figures(out, judged.distances, judged.same, judged.result.overall)
    say(f"In {out}: {', '.join(FILES)}")
