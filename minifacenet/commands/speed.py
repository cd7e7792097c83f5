"""The command `bench`: time a part of the work on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..console.screen import say
from ..console.terminal import progress
from ..embedding.architectures import Architecture
from ..embedding.published import PUBLISHED
from ..files.words import count_text, size_text
from ..training.settings import TrainConfig
from .options import Channels, Force, Network, Size, Threads, given, use_threads
from .outputs import use_folder

if TYPE_CHECKING:
    from ..embedding.architectures import FaceNet
    from ..speed.card import Card

app = typer.Typer()
bench = typer.Typer(
    invoke_without_command=True,
    help="Time the network on this machine, row by row; or another part of the work.",
)
app.add_typer(bench, name="bench")

Against = Annotated[
    str | None,
    typer.Option(help="Compare with (if installed): torch, onnxruntime, openvino, dlib, opencv."),
]
AgainstTorch = Annotated[str | None, typer.Option(help="Compare with: torch, if it is installed.")]
Device = Annotated[str, typer.Option(help="cpu, or cuda (a GPU).")]
Rounds = Annotated[int, typer.Option(min=1, help="Rounds whose median is reported.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the figures as csv and a picture.")]


@bench.callback()
def time_network(
    context: typer.Context,
    against: Against = None,
    network: Network = "nn1",
    size: Size = None,
    channels: Channels = Architecture.channels,
    batch: Annotated[int, typer.Option(min=1, help="Photos at once.")] = 8,
    rounds: Rounds = 5,
    threads: Threads = None,
    device: Device = "cpu",
    out: Out = None,
    scaling: Annotated[
        bool, typer.Option("--scaling", help="Cost an image by batch, width and size instead.")
    ] = False,
    force: Force = False,
) -> None:
    """Time the network on this machine, row by row, forward and backward."""
    from ..speed.sides import WITH_BACKWARD

    if context.invoked_subcommand:
        if given(context):
            raise ValueError(
                f"options go behind the part that they are for: minifacenet bench "
                f"{context.invoked_subcommand} --option ..."
            )
        return
    if scaling and against:
        raise ValueError("--scaling measures this build alone: leave out --against")
    if scaling and device != "cpu":
        raise ValueError(f"--scaling counts memory on the CPU alone: leave out --device {device}")
    use_folder(context, out, force, "scaling" if scaling else "bench")
    use_threads(threads)
    architecture = Architecture(network, size, channels)
    if scaling:
        _scaling(architecture, batch, rounds, out)
    elif against and against not in WITH_BACKWARD:
        if device != "cpu":
            raise ValueError(f"{against} computes on the CPU alone: leave out --device {device}")
        _forward(architecture, batch, rounds, against, out)
    else:
        _rows(architecture, batch, rounds, against, device, out)


def _forward(
    architecture: Architecture, batch: int, rounds: int, against: str, out: Path | None
) -> None:
    """Time the whole network for inference beside an engine that has no backward."""
    from ..speed.engines import engine_maker, random_faces, time_forward
    from ..speed.tables import tell_machine

    make, model = engine_maker(against), _model(architecture, against)
    faces = random_faces(model, batch)
    engine = make(model, faces)
    title = f"{_title(architecture, batch)}, forward"
    tell_machine(title, rounds, engine.about)
    report([time_forward(model, faces, engine, rounds)], title, out)


def _model(architecture: Architecture, against: str) -> FaceNet:
    """Return the network: fresh weights take as long as trained ones. dlib has only its own."""
    from ..embedding.architectures import FaceNet
    from ..embedding.checkpoint import load_model

    if against == "dlib" and architecture == PUBLISHED["dlib_resnet"].architecture:
        return load_model(architecture.name)
    return FaceNet.new(architecture)


def _rows(
    architecture: Architecture,
    batch: int,
    rounds: int,
    against: str | None,
    device: str,
    out: Path | None,
) -> None:
    from ..embedding.architectures import FaceNet
    from ..speed.network import parts_of, time_network
    from ..speed.tables import tell_machine
    from ..speed.yardsticks import yardstick

    device, card = _device(device)
    make = yardstick(against, device) if against else lambda parts: None
    parts = parts_of(FaceNet.new(architecture).network, architecture.input_shape)
    side = make(parts)
    title = _title(architecture, batch)
    tell_machine(title, rounds, side.about if side else None, card)
    with progress("timing") as tell:
        timings = time_network(parts, batch, rounds, side, tell, device)
    _tell_memory(device)
    report(timings, title, out, card)


def _device(asked: str) -> tuple[str, Card | None]:
    """Return where to compute, and the card if that is a GPU."""
    from ..machine.gpu import choose_device
    from ..nn.device.backend import reset_peak
    from ..speed.card import this_card

    device = choose_device(asked)
    if device == "cpu":
        return device, None
    card = this_card()
    reset_peak()  # forget what measuring the card took
    return device, card


def _tell_memory(device: str) -> None:
    """Print the GPU memory of our own arrays; PyTorch's have an allocator of their own."""
    from ..nn.device.backend import gpu_memory

    memory = gpu_memory() if device == "cuda" else None
    if memory is not None:
        say(f"GPU memory: our arrays took up to {size_text(memory.peak)} at a time")


@bench.command("step")
def time_step(
    context: typer.Context,
    against: AgainstTorch = None,
    rounds: Rounds = 5,
    threads: Threads = None,
    device: Device = "cpu",
    out: Out = None,
    force: Force = False,
) -> None:
    """Time a training step as in the demo: nn1_mini, 160 grey photos of 96x96, with Adam."""
    from ..embedding.architectures import FaceNet
    from ..speed.network import parts_of
    from ..speed.step import DEMO, time_step
    from ..speed.tables import tell_machine
    from ..speed.yardsticks import yardstick

    use_folder(context, out, force, "bench")
    use_threads(threads)
    device, card = _device(device)
    make = yardstick(against, device) if against else lambda parts: None
    parts = parts_of(FaceNet.new(DEMO).network, DEMO.input_shape)
    side = make(parts)
    batch = f"{TrainConfig.people} people x {TrainConfig.photos} photos"
    title = f"A training step of {DEMO.name}: {batch} of {_shape(DEMO)}"
    tell_machine(title, rounds, side.about if side else None, card)
    timings = time_step(parts, rounds, side, device=device)
    _tell_memory(device)
    report(timings, title, out, card)


@bench.command("kernels")
def time_kernels(
    context: typer.Context,
    against: AgainstTorch = None,
    network: Network = "nn1",
    size: Size = None,
    batch: Annotated[int, typer.Option(min=1, help="Photos at once.")] = 32,
    rounds: Rounds = 5,
    out: Out = None,
    force: Force = False,
) -> None:
    """Time kernels on a GPU: layers, optimizers beside a copy, products beside the fp32 peak."""
    from ..embedding.architectures import FaceNet
    from ..machine.gpu import choose_device
    from ..speed.card import this_card
    from ..speed.kernels import largest_layers, time_kernels
    from ..speed.tables import tell_machine
    from ..speed.yardsticks import yardstick

    use_folder(context, out, force, "layers", "optimizers", "products")
    architecture = Architecture(network, size)
    choose_device("cuda", otherwise="time the CPU: minifacenet bench")
    card = this_card()
    make = yardstick(against, "cuda") if against else lambda parts: None
    parts = largest_layers(FaceNet.new(architecture).network, architecture.input_shape)
    side = make(parts)
    title = f"Kernels alone; layers with what they get in {_title(architecture, batch)}"
    tell_machine(title, rounds, side.about if side else None, card)
    for stem, title, timings in time_kernels(parts, batch, rounds, side):
        say("")
        say(title, style="bold")
        report(timings, title, out, card, stem)


def report(
    timings: list, title: str, out: Path | None, card: Card | None = None, stem: str = "bench"
) -> None:
    """Write the files first, then print: the row 'total' is the last line."""
    from ..plots.style import save
    from ..speed.charts import share_bars, timing_bars
    from ..speed.tables import tell_timings, write_timings

    if out:
        files = [f"{stem}.csv", f"{stem}.png"]
        write_timings(out / files[0], timings, card)
        save(timing_bars(timings, title), out / files[1])
        if card and card.peak and card.bandwidth:
            files.append(f"{stem}_share.png")
            save(share_bars(timings, card, title), out / files[2])
        say(f"In {out}: {', '.join(files)}")
    tell_timings(timings, card)


def _scaling(architecture: Architecture, batch: int, rounds: int, out: Path | None) -> None:
    from ..plots.style import save
    from ..speed.charts import cost_curves
    from ..speed.scaling import time_scaling
    from ..speed.tables import tell_costs, tell_machine, write_costs

    title = f"{_title(architecture, batch)}, each varied alone"
    tell_machine(title, rounds)
    with progress("timing") as tell:
        costs = time_scaling(architecture, batch, rounds, tell=tell)
    tell_costs(costs)
    if out:
        write_costs(out / "scaling.csv", costs)
        save(cost_curves(costs, title), out / "scaling.png")
        say(f"In {out}: scaling.csv, scaling.png")


def _title(architecture: Architecture, batch: int) -> str:
    return f"{architecture.name}, {count_text(batch, 'photo')} of {_shape(architecture)}"


def _shape(architecture: Architecture) -> str:
    return "x".join(map(str, architecture.input_shape))
