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
        Path, typer.Argument(metavar="MODEL", help="A run's folder, or a model.safetensors.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file: NAME.onnx.")],
    flip: Annotated[
        bool, typer.Option("--flip", help="Mean of photo and mirror image, as all commands take it.")
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

    context.with_resource(place_for_files(out, force=force, out="OUT"))
    use_threads(threads)
    embedder = Embedder(load_model(model_file(model)), flip=flip)
    thresholds = Thresholds.of_model(model)
    stored = thresholds.as_dict() if thresholds and flip else None
    export_onnx(embedder.model, out, flip, stored)
    shape = ", ".join(map(str, embedder.architecture.input_shape))
    say(
        f"In {out}: network {embedder.digest}, {size_text(out.stat().st_size)}; "
        f"photos (N, {shape}), uint8, give embeddings (N, {embedder.architecture.dim}), float32"
    )
    if thresholds and not flip:
        say("Its thresholds are left out: they hold for the mean of photo and mirror image (--flip)")
    worst = difference(out, embedder)
    if worst is not None:
        say(f"onnxruntime gives the same vectors: their numbers differ by {worst:.0e} at most")
