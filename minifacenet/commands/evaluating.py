"""Public benchmarks: from their own photos to the figures that others report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..console.alignment import counted, tell_alignment
from ..console.screen import say
from ..console.terminal import progress
from ..files.links import real_path
from .inputs import Memory, Model, listed, open_model, tell_lazy
from .memory import smaller
from .options import Threads
from .outputs import folder_for_results, refuse_loss
from .preparing import Crop, detecting, interruptible

if TYPE_CHECKING:
    import numpy as np

    from ..classification.lfw import LfwPlan
    from ..classification.pair_photos import FoundPairs
    from ..classification.pair_scores import JudgedPairs
    from ..embedding.embedder import Embedder
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
    against: Annotated[
        Path | None,
        typer.Option(help="An older model, v1: does it compare with --model, v2? (harmonic)"),
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
    memory: Memory = None,
    threads: Threads = None,
    force: Annotated[
        bool, typer.Option("--force", help="Cut faces anew, and replace other results in OUT.")
    ] = False,
) -> None:
    """Labeled Faces in the Wild from whole photos: cut the listed faces, embed and score them."""
    from ..classification.lfw import LfwPlan
    from ..classification.pair_scores import in_whole_folds, judge, judge_two_models
    from ..console.pairs import EXPLANATION

    if explain:
        say(*EXPLANATION.splitlines())
    old = None if against is None else open_model(against, threads)
    plan = LfwPlan.of(images, open_model(model, threads), pairs, crop and crop.value, old)
    out = out or _usual_place(model, plan, against)
    context.with_resource(folder_for_results(out, images))
    _refuse_other(out, plan, force)
    _tell_plan(plan, model, out)
    with smaller(f"the photos of {plan.source}", "take a shorter list of --pairs"):
        crops = _cut_faces(plan, out, force)
        found, vectors = _embedded(plan, plan.embedder, model, out, crops, memory)
        whole = in_whole_folds(found, plan.source)
        if old is None or against is None:
            _finish(plan, model, out, found, judge(whole, vectors))
            return
        _, old_vectors = _embedded(plan, old, against, out, crops, memory)
    _finish_two(plan, (model, against), out, found, judge_two_models(whole, vectors, old_vectors))


def _usual_place(model: Path, plan: LfwPlan, against: Path | None) -> Path:
    """Return `runs/lfw-MODEL`, with the way of cutting where it is not the model's."""
    other = "" if plan.cut == plan.embedder.cut or not plan.settings else f"-{plan.settings.crop}"
    older = "" if against is None else f"-against-{_name(against)}"
    return Path("runs") / f"lfw-{_name(model)}{older}{other}"


def _name(model: Path) -> str:
    path = real_path(model)
    if path.is_dir():
        return path.name
    return path.parent.name if path.name == "model.safetensors" else path.stem


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


def _embedded(
    plan: LfwPlan,
    embedder: Embedder,
    model: Path,
    out: Path,
    crops: Crops | None,
    memory: float | None,
) -> tuple[FoundPairs, np.ndarray]:
    """Read the faces as a network takes them, and embed them."""
    from ..classification.pair_photos import read_pair_photos
    from ..console.pairs import tell_found
    from ..embedding.cache import EmbeddingCache, embed_in_parts

    size, _, channels = embedder.architecture.input_shape
    with progress("reading faces") as tell:
        found, faces = read_pair_photos(
            plan.images, plan.pairs, size, channels, tell, crops=crops, reader=listed(memory)
        )
    if embedder is plan.embedder:  # otherwise it was said before
        tell_found(plan.source, found, faces.skipped)
        tell_lazy(faces)
    if crops is None and faces.cut != embedder.cut:
        raise ValueError(
            f"{plan.images} holds faces by '{faces.cut}', and {model} knows them by "
            f"'{embedder.cut}': pass the photos that they were cut out of"
        )
    with progress("embedding") as tell:
        return found, embed_in_parts(EmbeddingCache(out, embedder, warn=say), faces.images, tell)


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


def _finish_two(
    plan: LfwPlan, models: tuple[Path, Path], out: Path, found: FoundPairs,
    judged: dict[str, JudgedPairs],
) -> None:  # fmt: skip
    """Print the figures within and across two models, and write them."""
    from ..classification.pair_scores import CROSSED
    from ..classification.thresholds import Thresholds
    from ..console.pairs import tell_own_thresholds, tell_two_models
    from ..experiment.figures import two_model_figures
    from ..files.atomic import write_json

    new, old = models
    crossed, own = judged[CROSSED], Thresholds.of_model(old)
    say(f"v2 is {new}, v1 is {old}; in {CROSSED} a pair's first photo is v2's, its second v1's.")
    tell_two_models(judged)
    say(f"{CROSSED} at the thresholds of v1:")
    tell_own_thresholds(crossed.distances, crossed.same, own)
    across = {name: one.result.as_dict() for name, one in judged.items()}
    write_json(out / FILES[0], {**plan.figures(crossed, found, own), "models": across})
    two_model_figures(out, judged)
    say(f"In {out}: {', '.join(FILES)}")
