"""Commands of stage 2: train, measure, and what a network is made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..console.network import summary_table
from ..console.scores import tell_benchmark, tell_results
from ..console.screen import say, show
from ..console.terminal import Bars, tell_written
from ..console.training import tell_outcome, tell_plan
from .inputs import read_people
from .memory import or_chunk
from .options import (
    LARGEST_SIZE,
    Chunk,
    Credit,
    Device,
    FacesPath,
    Force,
    Margin,
    Mining,
    OptimizerName,
    People,
    Photos,
    Rate,
    Size,
    Threads,
    check_batch,
    check_schedule,
    configured,
    use_threads,
)
from .outputs import folder_for_results, refuse_loss

app = typer.Typer()


@app.command()
def run(
    context: typer.Context,
    faces: FacesPath,
    out: Annotated[Path, typer.Option(help="Folder for the model, figures and numbers.")],
    steps: Annotated[
        int, typer.Option(min=1, help="Most training steps; held-out faces choose.")
    ] = 150,
    people: People = 32,
    photos: Photos = 5,
    rate: Rate = 5e-4,
    optimizer: OptimizerName = "adam",
    chunk: Chunk = None,
    mining: Mining = "semi-hard",
    margin: Margin = 0.2,
    size: Size = 96,
    seed: Annotated[int, typer.Option(help="Draws the split, the weights and the batches.")] = 0,
    device: Device = "auto",
    threads: Threads = None,
    credit: Credit = None,
    force: Force = False,
) -> None:
    """Train nn1_mini on a folder of people, name the photos held back, verify strangers."""
    from ..embedding.architectures import Architecture
    from ..experiment.run import in_the_way
    from ..experiment.run import run as run_pipeline
    from ..experiment.settings import RunConfig
    from ..machine.gpu import choose_device
    from ..training.settings import TrainConfig
    from ..training.splits import TRAIN_SHARE, split_photos

    training = TrainConfig(
        steps=steps, people=people, photos=photos, rate=rate, optimizer=optimizer, margin=margin,
        chunk=chunk, mining=mining, seed=seed,
    )  # fmt: skip
    check_schedule(training)
    context.with_resource(folder_for_results(out, faces))
    refuse_loss(out, in_the_way(out), force)
    use_threads(threads)
    chosen = choose_device(device)
    data = read_people(faces, size)
    half = split_photos(data.labels, TRAIN_SHARE, np.random.default_rng(seed)).train
    check_batch(context, data.labels[half], people, photos)
    config = RunConfig(training=training, credit=credit)
    architecture = Architecture(config.network, size, data.images.shape[3], config.dim)
    with Bars() as bars:
        metrics = or_chunk(
            lambda: run_pipeline(data, out, config, bars, chosen), architecture, training, chosen
        )
    tell_results(metrics)
    tell_written(out, metrics)


@app.command()
def train(
    context: typer.Context,
    faces: FacesPath,
    out: Annotated[Path, typer.Option(help="Folder for the model, its state and its log.")],
    network: Annotated[str, typer.Option(help="nn1_mini or nn1")] = "nn1_mini",
    size: Annotated[
        int | None,
        typer.Option(
            max=LARGEST_SIZE, help="Side of the square faces; the network's own if left out."
        ),
    ] = None,
    dim: Annotated[int, typer.Option(min=1, help="Length of an embedding.")] = 128,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 150,
    batch: Annotated[
        int | None, typer.Option(min=4, help="Photos in a batch, P x K: instead of --people.")
    ] = None,
    people: People = 32,
    photos: Photos = 5,
    extra_negatives: Annotated[
        int, typer.Option(min=0, help="Photos of other people in a batch, one each.")
    ] = 0,
    chunk: Chunk = None,
    mining: Mining = "semi-hard",
    mine_every: Annotated[
        int, typer.Option(min=0, help="Mine offline every so many steps; 0: within each batch.")
    ] = 0,
    mine_over: Annotated[int, typer.Option(min=3, help="Photos that offline mining sees.")] = 1800,
    margin: Margin = 0.2,
    optimizer: OptimizerName = "adam",
    rate: Rate = 5e-4,
    augment: Annotated[
        bool, typer.Option(help="Show each photo a little turned, shifted, brighter each time.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Draws weights, batches and the people held out.")] = 0,
    held_out: Annotated[
        float, typer.Option(help="Share of the people that judge the training; 0: nobody.")
    ] = 0.2,
    far: Annotated[float, typer.Option(help="False accept rate at which VAL is taken.")] = 0.01,
    check_every: Annotated[int, typer.Option(min=1, help="Steps between two checks.")] = 25,
    patience: Annotated[
        int, typer.Option(min=0, help="Stop after so many checks without a better VAL; 0: never.")
    ] = 0,
    stop_collapsed: Annotated[
        int, typer.Option(min=0, help="Stop after so many collapsed steps in a row; 0: never.")
    ] = 0,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between two saves.")] = 50,
    device: Device = "auto",
    threads: Threads = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it will take, and do nothing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in OUT, as it began.")
    ] = False,
    force: Force = False,
) -> None:
    """Train one network on a folder of people: watched, interruptible, resumable."""
    from ..machine.gpu import choose_device
    from ..training.files import in_the_way
    from ..training.judges import split_off_judges
    from ..training.observer import Observer
    from ..training.run import began_with, run_training, steps_done
    from ..training.settings import TrainingRunConfig

    state = out / "state.safetensors"
    if not plan:
        context.with_resource(folder_for_results(out, faces))
    if state.exists() and not (resume or force or plan):
        raise ValueError(f"{out} holds a training: --resume goes on with it, --force begins anew")
    if resume and not state.exists():
        raise ValueError(f"{out} holds no training to go on with: leave out --resume to begin one")
    if not (plan or resume):
        refuse_loss(out, in_the_way(out), force)
    use_threads(threads)
    chosen = choose_device(device)
    before = began_with(out) if resume else None
    config = configured(context, before or TrainingRunConfig(), all_options=not resume)
    channels = config.architecture.channels if resume else None
    data = read_people(faces, config.architecture.size, channels)
    if not resume:
        channels = data.images.shape[3]
        config = replace(config, architecture=replace(config.architecture, channels=channels))
    known, others = split_off_judges(data, config, Observer())
    if not resume:  # otherwise run_training says what it may not change
        check_schedule(config.training)
        check_batch(context, known.labels, config.training.people, config.training.photos)
    if plan:
        tell_plan(known, others, config, steps_done(out) if resume else 0)
        if chosen == "cuda":
            say("Memory and times are the CPU's: on the GPU the first step says what it takes.")
        return

    with Bars() as bars:
        outcome = or_chunk(
            lambda: run_training(data, out, config, bars, resume, chosen),
            config.architecture, config.training, chosen,
        )  # fmt: skip
    tell_outcome(out, faces, config, outcome)
    if outcome.stopped in EXIT_STATUS:
        raise typer.Exit(EXIT_STATUS[outcome.stopped])


EXIT_STATUS = {"interrupted": 130, "collapsed": 1}


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
    size: Size = 96,
    threads: Threads = None,
    credit: Credit = None,
    force: Force = False,
) -> None:
    """Several runs, one a seed: mean and standard error, beside the traditional methods."""
    from ..experiment.seeds import benchmark as run_benchmark
    from ..experiment.settings import RunConfig
    from ..machine.places import where

    use_threads(threads)
    if faces == Path("orl") and not faces.exists():
        faces = where("orl")
        if not faces.exists():
            raise ValueError(f"no {faces} here: run `minifacenet get orl`")
    context.with_resource(folder_for_results(out, faces))
    data = read_people(faces, size)
    with Bars() as bars:
        result = run_benchmark(data, out, seeds, RunConfig(credit=credit), bars, force)
    tell_benchmark(out, result)


@app.command()
def summary(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="nn1 or nn1_mini")] = "nn1",
    channels: Annotated[int, typer.Option(help="1 (grey) or 3 (RGB)")] = 3,
    size: Annotated[
        int | None,
        typer.Option(max=LARGEST_SIZE, help="Side of the input; the network's own if left out."),
    ] = None,
    dim: Annotated[int, typer.Option(help="Length of an embedding.")] = 128,
) -> None:
    """Print a network's table: shapes, parameters and multiply-adds, beside the paper's figures."""
    from ..embedding.architectures import NN1_PAPER, Architecture, FaceNet

    architecture = Architecture(network, size, channels, dim)
    rows = FaceNet.new(architecture).network.table(architecture.input_shape)
    show(summary_table(network, rows, NN1_PAPER if network == "nn1" else None))
