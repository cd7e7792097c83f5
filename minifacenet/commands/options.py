"""The options of the command line: how a command takes settings, and what commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import numpy as np
import typer

from ..embedding.architectures import Architecture
from ..experiment.settings import RunConfig
from ..files.stored import is_switch, options_in
from ..training.settings import TrainConfig, TrainingRunConfig

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from ..machine.workers import Engine


def options_of(settings: type[DataclassInstance], **helps: str) -> Callable:
    """Give a command all options of a dataclass of settings, and of those that it holds.

    Each is declared at its field, as `files.stored.option`. The command takes them as `**options`,
    and `stored.with_options` puts what the user wrote into the settings: a new one needs no line
    here.
    `helps` are help texts for this command alone, by the option's name.
    """

    def add(command: Callable) -> Callable:
        *own, _ = inspect.signature(command, eval_str=True).parameters.values()
        new = [
            Parameter(
                name,
                Parameter.POSITIONAL_OR_KEYWORD,
                default=True if is_switch(field) else field.default,
                annotation=annotation_of(holder, field.name, helps.get(name)),
            )
            for name, holder, field in options_in(settings)
        ]
        required = [one for one in own if one.default is Parameter.empty]
        parameters = [*required, *new, *own[len(required) :]]
        # Typer reads both of these.
        command.__dict__["__signature__"] = inspect.Signature(parameters)
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return add


def annotation_of(
    settings: type[DataclassInstance], field_name: str, help: str | None = None
) -> Any:
    """Return the annotation of a command's parameter that is the option at a field."""
    field = settings.__dataclass_fields__[field_name]
    kind = bool if is_switch(field) else get_type_hints(settings)[field_name]
    about = field.metadata
    return Annotated[
        kind, typer.Option(help=help or about["help"], min=about["min"], max=about["max"])
    ]


FacesPath = Annotated[
    Path, typer.Argument(metavar="FACES", help="Folder of people: FACES/person/photo.jpg")
]
PeopleOrPack = Annotated[
    Path,
    typer.Argument(
        metavar="FACES",
        help="Folder of people: FACES/person/photo.jpg; or what `pack` made of one.",
    ),
]
Size = annotation_of(Architecture, "size")
Network = annotation_of(Architecture, "name")
Dim = annotation_of(Architecture, "dim")
Channels = Annotated[int, typer.Option(help="1 (grey) or 3 (RGB)")]
Threads = Annotated[int | None, typer.Option(help="Threads to compute with; all if left out.")]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Work on a running Dask cluster: its address, such as tcp://HOST:8786."),
]
Device = Annotated[str, typer.Option(help="auto (a GPU, if there is one), cpu or cuda.")]
Credit = annotation_of(RunConfig, "credit")
Force = Annotated[bool, typer.Option("--force", help="Replace what OUT holds already.")]


def use_threads(threads: int | None) -> None:
    """Use as many threads as --threads asks for, if it is given."""
    from ..nn.device.backend import set_threads

    if threads is not None:
        set_threads(threads)


def workers_of(context: typer.Context, scheduler: str | None) -> int | Engine:
    """Return what --scheduler names, until the command ends, or how many processes to use here."""
    import numba

    if scheduler is None:
        return numba.get_num_threads()
    from ..machine.cluster import Cluster

    return context.with_resource(Cluster(scheduler))


def refuse_threads(threads: int | None, scheduler: str | None) -> None:
    """Refuse --threads where nothing is computed on this machine."""
    if threads is not None and scheduler is not None:
        raise ValueError(
            "--threads would change nothing beside --scheduler, whose workers have one each: leave "
            "one of the two out"
        )


def given(context: typer.Context) -> set[str]:
    """Return the names of the options on the command line, not of those left at their default."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}


def with_batch(context: typer.Context, training: TrainConfig, batch: int) -> TrainConfig:
    """Return the settings with P set from a batch of P x K photos."""
    people, photos = training.people, training.photos
    if batch % photos or batch < 2 * photos:
        near = max(2, batch // photos) * photos
        raise ValueError(
            f"a batch of {batch} photos does not divide into two people or more with {photos} "
            f"each: take {near} or {near + photos}, or other --photos"
        )
    if "people" in given(context) and people * photos != batch:
        raise ValueError(
            f"{people} people x {photos} photos are {people * photos}, not a --batch of {batch}: "
            "leave out one of the three"
        )
    return replace(training, people=batch // photos)


def check_schedule(training: TrainConfig) -> None:
    """Refuse a mining rule that no step would follow."""
    start, rule = training.schedule()[-1]
    if start > training.steps:
        raise ValueError(
            f"--mining {training.mining!r}: {rule} begins at step {start}, after the last of "
            f"{training.steps}"
        )


def refuse_triplets(asked: set[str], config: TrainingRunConfig) -> None:
    """Refuse what the user asked for of triplets where there are none."""
    without = sorted(asked & {"margin", "mining"})
    if config.harmonic_by == "vectors" and without:
        raise ValueError(
            f"--harmonic-by vectors takes no triplets, so {' and '.join(without)} would do "
            f"nothing: leave out {' and '.join(f'--{name}' for name in without)}, in a recipe too"
        )


def check_batch(context: typer.Context, labels: np.ndarray, people: int, photos: int) -> None:
    """Refuse an impossible P or K that the user asked for; defaults adapt by themselves."""
    from ..embedding import batches

    asked = given(context)
    batches.check_batch(
        labels,
        people if asked & {"people", "batch"} else None,
        photos if "photos" in asked else None,
    )


def check_nameless_batch(context: typer.Context, training: TrainConfig, photos: int) -> None:
    """Refuse a batch that the user asked for of more photos than there are, whoever they show."""
    batch = training.people * training.photos
    if batch > photos and given(context) & {"people", "photos", "batch"}:
        raise ValueError(
            f"{training.people} x {training.photos} photos are a batch of {batch}, but there are "
            f"{photos} to train on: take fewer --people or --photos"
        )
