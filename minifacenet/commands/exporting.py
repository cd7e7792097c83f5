"""The command that writes a model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console.screen import say
from .options import Force, Threads, use_threads
from .outputs import place_for_files

app = typer.Typer()


@app.command()
def export(
    context: typer.Context,
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A run's folder, a model file, or a name that `models` lists."
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file: NAME.onnx.")],
    flip: Annotated[
        bool, typer.Option("--flip", help="Mean of a photo and its mirror image, as commands do.")
    ] = False,
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Write a network as an ONNX file, which other programs run: photos in, unit vectors out."""
    from ..classification.thresholds import Thresholds
    from ..embedding.checkpoint import load_model, model_file
    from ..embedding.embedder import Embedder
    from ..embedding.onnx_export import difference, export_onnx
    from ..files.words import size_text

    file = model_file(model)
    if out.exists() and file.exists() and out.samefile(file):
        raise ValueError(f"{out} is the model itself: choose another OUT")
    context.with_resource(place_for_files(out, force=force, out="OUT"))
    use_threads(threads)
    network, thresholds = load_model(file), Thresholds.of_model(file)
    embedder = Embedder(network, flip=flip)
    export_onnx(network, out, flip, thresholds.as_dict() if thresholds and flip else None)
    shape = ", ".join(map(str, network.architecture.input_shape))
    say(
        f"In {out}: network {network.digest}, {size_text(out.stat().st_size)}; "
        f"photos (N, {shape}), uint8, give embeddings (N, {network.architecture.dim}), float32"
    )
    if thresholds and not flip:
        say("No thresholds: they hold for the mean of a photo and its mirror image (--flip)")
    worst = difference(out, embedder)
    if worst is not None:
        say(f"onnxruntime gives the same vectors: their numbers differ by {worst:.0e} at most")
