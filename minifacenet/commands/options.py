"""The options of the command line that several commands share, and what `train`'s configure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..training.settings import TrainConfig, TrainingRunConfig

FacesPath = Annotated[
    Path, typer.Argument(metavar="FACES", help="Folder of people: FACES/person/photo.jpg")
]
People = Annotated[int, typer.Option(min=2, help="People in a batch (P); fewer if there are.")]
Photos = Annotated[int, typer.Option(min=2, help="Photos of each in a batch (K), or all he has.")]
Rate = Annotated[float, typer.Option(help="Learning rate at the start.")]
OptimizerName = Annotated[str, typer.Option(help="adam, adagrad (the paper's) or sgd.")]
Chunk = Annotated[
    int | None,
    typer.Option(min=1, help="Photos in memory at once; a larger batch goes in two passes."),
]
Mining = Annotated[
    str,
    typer.Option(help="semi-hard, semi-hard-random, hardest or all; 'semi-hard, hardest@100'."),
]
Margin = Annotated[float, typer.Option(help="The triplet loss's alpha, in squared L2.")]
Threads = Annotated[int | None, typer.Option(help="Threads to compute with; all if left out.")]
Device = Annotated[str, typer.Option(help="auto (a GPU, if there is one), cpu or cuda.")]
LARGEST_SIZE = 8192  # beyond the side of any photo that is read
Size = Annotated[
    int, typer.Option(min=32, max=LARGEST_SIZE, help="Side of the square faces in pixels.")
]
Credit = Annotated[str | None, typer.Option(help="Whose photos these are, for the figures.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what OUT holds already.")]


# Options of `train` by what they configure: fields of TrainConfig, of TrainingRunConfig.
_TRAINING = (
    "steps", "people", "photos", "chunk", "extra_negatives", "mining", "mine_every", "mine_over",
    "margin", "optimizer", "rate", "seed",
)  # fmt: skip
_WATCHING = ("held_out", "far", "check_every", "save_every", "patience", "stop_collapsed")


def use_threads(threads: int | None) -> None:
    """What --threads asks for, if anything."""
    from ..nn.device.backend import set_threads

    if threads is not None:
        set_threads(threads)


def given(context: typer.Context) -> set[str]:
    """Names of the options that stand on the command line, not of those left at their default."""
    source = context.get_parameter_source
    return {name for name in context.params if source(name).name == "COMMANDLINE"}


def configured(
    context: typer.Context, config: TrainingRunConfig, all_options: bool
) -> TrainingRunConfig:
    """`config` with the options of `train`: all of them, or those that the user wrote."""
    from ..embedding.batches import Augmentation

    chosen = {k: v for k, v in context.params.items() if all_options or k in given(context)}
    fields = {name: chosen[name] for name in _TRAINING if name in chosen}
    if context.params["batch"] is not None:
        fields["people"] = _people_of(context, fields.get("photos", config.training.photos))
    if "augment" in chosen:
        fields["augmentation"] = Augmentation() if chosen["augment"] else None
    names = {"network": "name", "size": "size", "dim": "dim"}
    return replace(
        config,
        architecture=replace(
            config.architecture, **{names[k]: chosen[k] for k in names if k in chosen}
        ),
        training=replace(config.training, **fields),
        **{name: chosen[name] for name in _WATCHING if name in chosen},
    )


def _people_of(context: typer.Context, photos: int) -> int:
    """P, from a batch of P x K photos."""
    batch, people = context.params["batch"], context.params["people"]
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
    return batch // photos


def check_schedule(training: TrainConfig) -> None:
    """Refuse a mining rule that no step would follow."""
    start, rule = training.schedule()[-1]
    if start > training.steps:
        raise ValueError(
            f"--mining {training.mining!r}: {rule} begins at step {start}, after the last of "
            f"{training.steps}"
        )


def check_batch(context: typer.Context, labels, people: int, photos: int) -> None:
    """Refuse a P or K that the user asked for and that cannot be; defaults adapt by themselves."""
    from ..embedding import batches

    asked = given(context)
    batches.check_batch(
        labels,
        people if asked & {"people", "batch"} else None,
        photos if "photos" in asked else None,
    )
