"""The paper's studies: what a network bears, and what its training needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ..console.screen import say
from ..console.terminal import Bars, progress
from ..files.words import meant, shortened
from .inputs import (
    AnyFaces,
    Cache,
    Model,
    open_model,
    read,
    read_people,
)
from .invariance import invariance
from .options import Dim, FacesPath, Force, Network, Size, Threads, use_threads
from .outputs import folder_for_results, refuse_loss
from .pairs import check_memory, read_listed_pairs, take_some
from .preparing import interruptible

if TYPE_CHECKING:
    from ..embedding.embedder import Embedder
    from ..preprocessing.faces import Faces
    from ..study.pairs import StudyPairs

app = typer.Typer()


class _Studies(TyperGroup):
    """Says in one line that there is no such study, and which is near."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first word names."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise ValueError(
                f"there is no study {shortened(args[0])}: {meant(args[0], self.commands)}"
            )
        return super().resolve_command(ctx, args)


study = typer.Typer(
    cls=_Studies,
    no_args_is_help=True,
    help="The paper's studies: what a network bears, and what its training needs.",
)
app.add_typer(study, name="study")

FILES = ("study.csv", "study.png")
Images = Annotated[
    Path,
    typer.Argument(metavar="IMAGES", help="Folder of people, whole photos or faces; or of a list."),
]
Out = Annotated[Path, typer.Option(help="Folder for study.csv and study.png.")]
ListOfPairs = Annotated[
    Path | None, typer.Option(help="List of pairs as LFW's pairs.txt; all pairs if left out.")
]
Values = Annotated[
    str | None, typer.Option(help="Settings with commas between, such as 10,50; the paper's else.")
]
Steps = Annotated[int, typer.Option(min=1, help="Steps of each training.")]
Seeds = Annotated[int, typer.Option(min=1, help="Trainings at each setting: the seeds 0, 1, ...")]
OnlyPlan = Annotated[bool, typer.Option("--plan", help="Say how long it will take, and end.")]


def _spoiling_command(name: str, help: str) -> None:
    """Add a study that spoils faces or vectors: they all take the same."""

    @study.command(name, help=help)
    def spoil(
        context: typer.Context,
        images: Images,
        model: Model,
        out: Out,
        pairs: ListOfPairs = None,
        values: Values = None,
        any_faces: AnyFaces = False,
        cache: Cache = None,
        threads: Threads = None,
        force: Force = False,
    ) -> None:
        options = (images, model, out, pairs, values, any_faces, cache, threads, force)
        _spoil(context, name, *options)


for _name, _help in (
    ("jpeg", "By JPEG quality (Table 4): the face crops go through a file of each, 1 to 100."),
    ("pixels", "By pixels (Table 4): the face crops are reduced to each side, and enlarged again."),
    ("quantise", "By bits of an embedding's entries: the paper's 128 bytes, and fewer."),
):
    _spoiling_command(_name, _help)


def _spoil(
    context: typer.Context,
    name: str,
    images: Path,
    model: Path,
    out: Path,
    pairs: Path | None,
    values: str | None,
    any_faces: bool,
    cache: Path | None,
    threads: int | None,
    force: bool,
) -> None:
    from ..console.studies import tell_spoilt, tell_study
    from ..embedding.cache import EmbeddingCache
    from ..files.atomic import write_csv
    from ..study.drawing import draw_study
    from ..study.spoiling import SPOILINGS
    from ..study.spoiling import study as spoil_and_judge

    context.with_resource(folder_for_results(out, images))
    refuse_loss(out, FILES, force)
    spoiling, embedder = SPOILINGS[name], open_model(model, threads)
    size = embedder.architecture.input_shape[0]
    settings = spoiling.usual(size) if values is None else _numbers(values)
    spoiling.check(settings, size)
    data, judged = _pairs(images, pairs, embedder, model, any_faces, cache)
    tell_spoilt(name, judged)
    source = embedder if cache is None else EmbeddingCache(cache, embedder, warn=say)
    with progress(f"{name}: embedding") as tell:
        result = spoil_and_judge(spoiling, data.pixels, source, judged, settings, tell)
    tell_study(result, judged.error_from)
    write_csv(out / FILES[0], *result.table())
    draw_study(result, out / FILES[1])
    say(f"In {out}: {', '.join(FILES)}")


def _pairs(
    images: Path,
    pairs: Path | None,
    embedder: Embedder,
    model: Path,
    any_faces: bool,
    cache: Path | None,
) -> tuple[Faces, StudyPairs]:
    """Read the faces of a list of pairs, or of all people."""
    from ..classification.pair_scores import in_whole_folds
    from ..preprocessing.read_folder import read_faces
    from ..study.pairs import StudyPairs

    if pairs is not None:
        found, data = read_listed_pairs(pairs, images, embedder, model, any_faces, cache)
        return data, StudyPairs.of_list(in_whole_folds(found, pairs))
    data = read(read_faces, images, embedder, model, any_faces, cache)
    check_memory(len(data), take_some(images))
    return data, StudyPairs(data.labels)


def _numbers(values: str) -> tuple[int, ...]:
    """Read the numbers of --values."""
    try:
        numbers = tuple(int(value) for value in values.split(","))
    except ValueError:
        raise ValueError(
            "--values takes whole numbers with commas between, such as 10,50; got "
            f"{shortened(values)}"
        ) from None
    return tuple(sorted(set(numbers)))


@study.command()
def dim(
    context: typer.Context,
    faces: FacesPath,
    out: Out,
    values: Values = None,
    steps: Steps = 150,
    seeds: Seeds = 3,
    network: Network = "nn1_mini",
    size: Size = None,
    plan: OnlyPlan = False,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """By the dimensions of an embedding (Table 5): one training for each, judged on strangers."""
    options = (faces, out, values, steps, seeds, network, size, 128, plan, threads, force)
    _train(context, "dim", *options)


@study.command()
def people(
    context: typer.Context,
    faces: FacesPath,
    out: Out,
    values: Values = None,
    steps: Steps = 150,
    seeds: Seeds = 3,
    network: Network = "nn1_mini",
    size: Size = None,
    dim: Dim = 128,
    plan: OnlyPlan = False,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """By the people in the training (Table 6): one training for each number, judged on others."""
    options = (faces, out, values, steps, seeds, network, size, dim, plan, threads, force)
    _train(context, "people", *options)


def _train(
    context: typer.Context,
    name: str,
    faces: Path,
    out: Path,
    values: str | None,
    steps: int,
    seeds: int,
    network: str,
    size: int | None,
    dim: int,
    plan: bool,
    threads: int | None,
    force: bool,
) -> None:
    from ..console.studies import tell_study, tell_trainings
    from ..embedding.architectures import Architecture
    from ..study.drawing import draw_study
    from ..study.trainings import (
        TrainingStudy,
        check_values,
        left_to_do,
        most_strangers,
        result_of,
        run_trainings,
        seconds_for,
        usual_values,
    )
    from ..training.settings import TrainConfig

    if not plan:
        context.with_resource(folder_for_results(out, faces))
    use_threads(threads)
    architecture = Architecture(network, size, dim=dim)
    data = read_people(faces, architecture.input_shape[0])
    chosen = usual_values(name, data) if values is None else _numbers(values)
    check_values(name, chosen, data)
    architecture = replace(architecture, channels=data.images.shape[3])
    wanted = TrainingStudy(name, chosen, seeds, TrainConfig(steps=steps), architecture)
    rows, left = left_to_do(data, wanted, out, force)
    if left:
        remedy = "Take a folder of fewer photos: a quarter of its people is held out as strangers"
        check_memory(most_strangers(data, seeds), remedy, " of strangers")
        say("  a few steps are tried, to say how long it will take")
        seconds = seconds_for(data, wanted, left)
        tell_trainings(len(left), len(wanted.trainings()) - len(left), steps, seconds)
    if plan:
        return
    with interruptible(force) as asked, Bars() as bars:
        rows = run_trainings(data, out, wanted, rows, left, bars, asked)
    if asked():
        again = f"Go on with the same command{', without --force' * force}."
        say(f"Interrupted: what was finished is in {out / FILES[0]}. {again}")
        raise typer.Exit(130)
    result = result_of(wanted, rows)
    over = f"over {seeds} seeds, which draw the strangers, too"
    tell_study(result, over if seeds > 1 else "one seed tells none")
    draw_study(result, out / FILES[1])
    say(f"In {out}: {', '.join(FILES)}")


study.command()(invariance)
