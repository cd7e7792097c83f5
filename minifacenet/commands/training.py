"""Commands of stage 2: train a network, measure it, print its table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..console.network import summary_table
from ..console.scores import tell_results, tell_seeds
from ..console.screen import say, show
from ..console.terminal import Bars, tell_written
from ..console.training import tell_outcome, tell_plan, tell_unseen
from ..embedding.architectures import NETWORK_NAMES, NETWORKS, Architecture, FaceNet
from ..embedding.published import PUBLISHED
from ..experiment.settings import RunConfig
from ..files.stored import with_options
from ..machine.ranks import Ranks
from ..training.settings import TrainingRunConfig
from .inputs import check_cut, read_people
from .memory import or_chunk
from .options import (
    Channels,
    Credit,
    Device,
    Dim,
    Force,
    PeopleOrPack,
    Size,
    Threads,
    check_batch,
    check_nameless_batch,
    check_schedule,
    given,
    options_of,
    refuse_triplets,
    use_threads,
    with_batch,
)
from .outputs import folder_for_results, refuse_loss
from .ranks import refuse_launcher, share_machines

app = typer.Typer()


@app.command()
@options_of(
    RunConfig,
    steps="Most training steps; held-out faces choose.",
    seed="Draws the split, the weights and the batches.",
)
def run(
    context: typer.Context,
    faces: PeopleOrPack,
    out: Annotated[Path, typer.Option(help="Folder for the model, figures and numbers.")],
    size: Size = None,
    device: Device = "auto",
    threads: Threads = None,
    force: Force = False,
    **options: Any,
) -> None:
    """Train a network on a folder of people, name the photos held back, verify strangers."""
    from ..experiment.run import in_the_way
    from ..experiment.run import run as run_pipeline
    from ..machine.gpu import choose_device
    from ..training.splits import TRAIN_SHARE, split_photos

    config = with_options(RunConfig(), context.params)
    training, architecture = config.training, Architecture(config.network, size, dim=config.dim)
    check_schedule(training)
    context.with_resource(folder_for_results(out, faces))
    refuse_loss(out, in_the_way(out), force)
    refuse_launcher("run")
    use_threads(threads)
    chosen = choose_device(device)
    data = read_people(faces, architecture.input_shape[0])
    architecture = replace(architecture, channels=data.images.shape[3])
    half = split_photos(data.labels, TRAIN_SHARE, np.random.default_rng(training.seed)).train
    check_batch(context, data.labels[half], training.people, training.photos)
    with Bars() as bars:
        metrics = or_chunk(
            lambda: run_pipeline(data, out, config, bars, chosen), architecture, training, chosen
        )
    tell_results(metrics)
    tell_written(out, metrics)


@app.command()
@options_of(TrainingRunConfig)
def train(
    context: typer.Context,
    faces: PeopleOrPack,
    out: Annotated[Path, typer.Option(help="Folder for the model, its state and its log.")],
    recipe: Annotated[
        str | None,
        typer.Option(help="A file of options, or one that comes along: lfw, lfw_long."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=4, help="Photos in a batch, P x K: instead of --people.")
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it will take, and do nothing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in OUT, as it began.")
    ] = False,
    force: Force = False,
    **options: Any,
) -> None:
    """Train one network on a folder of people; it checks itself, can be interrupted and resumed.

    OUT/training.html shows how it goes, and reads itself again while the training runs.
    """
    from ..machine.mpi import all_ranks

    with all_ranks() as ranks:
        stopped = _train(
            context, ranks, faces, out, recipe, batch, device, threads, plan, resume, force
        )
    if stopped in EXIT_STATUS and ranks.rank == 0:
        raise typer.Exit(EXIT_STATUS[stopped])


EXIT_STATUS = {"interrupted": 130, "collapsed": 1}


def _train(
    context: typer.Context, ranks: Ranks, faces: Path, out: Path, recipe: str | None,
    batch: int | None, device: str, threads: int | None, plan: bool, resume: bool, force: bool,
) -> str | None:  # fmt: skip
    """Do what `train` says, on one rank of perhaps several; return why it stopped early, if so."""
    from ..embedding.checkpoint import load_model
    from ..live import TrainingPage
    from ..machine.gpu import choose_device
    from ..preprocessing.packed import is_pack
    from ..training.files import in_the_way
    from ..training.harmonic import with_old
    from ..training.judges import split_off_judges
    from ..training.observer import Observer, Observers
    from ..training.recipe import read_recipe
    from ..training.run import Outcome, began_with, run_training, steps_done

    state = out / "state.safetensors"
    device, threads = share_machines(context, ranks, device, threads, plan)
    if not plan:
        ranks.on_first(lambda: context.with_resource(folder_for_results(out, faces)))
    if state.exists() and not (resume or force or plan):
        raise ValueError(f"{out} holds a training: --resume goes on with it, --force begins anew")
    if resume and not state.exists():
        raise ValueError(f"{out} holds no training to go on with: leave out --resume to begin one")
    if not (plan or resume):
        refuse_loss(out, in_the_way(out), force)
    use_threads(threads)
    on = choose_device(device)
    before = began_with(out) if resume else None
    params = context.params
    asked = given(context)
    chosen = {name: params[name] for name in asked} if resume else params
    if recipe is not None:
        if resume:
            raise ValueError("--resume goes on with the options of the beginning: no --recipe")
        options = read_recipe(recipe)
        say(f"Recipe {recipe}: {', '.join(f'{name} {value}' for name, value in options.items())}")
        chosen = params | options | {name: params[name] for name in asked}
        asked |= options.keys()
    config = with_options(before or TrainingRunConfig(), chosen)
    refuse_triplets(asked, config)
    if batch is not None:
        config = replace(config, training=with_batch(context, config.training, batch))
    if resume and "init" in given(context):
        raise ValueError("--resume goes on with the weights that it has: leave out --init")
    config, old = with_old(config, out)
    start = None if resume or config.init is None else load_model(config.init)
    like = config if resume else start  # whose channels the photos get, else their own
    channels = None if like is None else like.architecture.channels
    data = read_people(faces, config.architecture.input_shape[0], channels)
    ranks.refuse_difference("photos", data.content)
    if start is not None:
        check_cut(data, faces, start, str(config.init))
    if old is not None:
        check_cut(data, faces, old, str(config.harmonic))
    if not resume:
        channels = data.images.shape[3]
        config = replace(config, architecture=replace(config.architecture, channels=channels))
    known, others = split_off_judges(data, config, Observer())
    if not resume:  # otherwise run_training says what may not change
        check_schedule(config.training)
        if config.harmonic_by == "people":
            check_batch(context, known.labels, config.training.people, config.training.photos)
        else:
            check_nameless_batch(context, config.training, len(known))
        if config.harmonic is None:
            tell_unseen(known, config.training)
    if plan:
        done = steps_done(out) if resume else 0
        tell_plan(known, others, config, done, None if old is None else old.architecture)
        if on == "cuda":
            say("Memory and times are the CPU's: on the GPU the first step says what it takes.")
        return None

    folder = None if is_pack(faces) else faces

    def work(observer: Observer) -> Outcome:
        return or_chunk(
            lambda: run_training(data, out, config, observer, resume, on, folder, ranks),
            config.architecture, config.training, on,
        )  # fmt: skip

    if ranks.rank > 0:  # the first one shows it, and writes
        return work(Observer()).stopped
    with Bars() as bars, TrainingPage(faces, out, config, known, others, bars.say) as page:
        outcome = work(Observers(bars, page))
        page.end(outcome)
    tell_outcome(out, faces, config, outcome)
    return outcome.stopped


@app.command()
def benchmark(
    context: typer.Context,
    faces: Annotated[
        Path,
        typer.Argument(metavar="FACES", help="Folder of people, or 'orl' for the demo's"),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Runs: the seeds 0, 1, ...")] = 5,
    out: Annotated[Path, typer.Option(help="Folder for the table and the runs.")] = Path(
        "runs/benchmark"
    ),
    size: Size = None,
    threads: Threads = None,
    credit: Credit = None,
    force: Force = False,
) -> None:
    """Do one run per seed: mean and standard error, beside the traditional methods."""
    from ..experiment.seeds import run_seeds
    from ..machine.places import where

    refuse_launcher("benchmark")
    use_threads(threads)
    if faces == Path("orl") and not faces.exists():
        faces = where("orl")
        if not faces.exists():
            raise ValueError(f"no {faces} here: run `minifacenet get orl`")
    context.with_resource(folder_for_results(out, faces))
    config = RunConfig(credit=credit)
    data = read_people(faces, Architecture(config.network, size).input_shape[0])
    with Bars() as bars:
        result = run_seeds(data, out, seeds, config, bars, force)
    tell_seeds(out, result)


@app.command()
def summary(
    context: typer.Context,
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK_NAMES)] = "nn1",
    channels: Channels = Architecture.channels,
    size: Size = None,
    dim: Dim = Architecture.dim,
) -> None:
    """Print a network's table: shapes, parameters and multiply-adds, beside the paper's figures."""
    if network in PUBLISHED and "dim" not in given(context):
        dim = PUBLISHED[network].architecture.dim
    architecture = Architecture(network, size, channels, dim)
    rows = FaceNet.blank(architecture).network.table(architecture.input_shape)
    show(summary_table(network, rows, NETWORKS[network].printed))
