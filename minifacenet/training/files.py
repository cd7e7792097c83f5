"""What a training leaves in its folder, and what of it a new one removes."""

from __future__ import annotations

import socket
from pathlib import Path
from uuid import uuid4

from ..files.arrays import load_metadata
from ..files.atomic import sweep, write_json
from ..files.stored import MOST, is_count
from ..machine.ranks import Ranks
from ..preprocessing.results import is_ours

# What a fresh training removes, in this order: metrics belong to a model that goes too.
STALE = (
    "state.safetensors", "metrics.json", "report.html", "split.csv",
    "model.safetensors", "checks.csv", "log.csv", "training.html",
)  # fmt: skip
FILES = (*STALE, "config.json", "training.png")


def in_the_way(out: Path) -> list[str]:
    """List what a new training would replace or remove in `out`: nothing if one of ours ended
    before it had saved a model, when only its settings are there, perhaps with log and page."""
    there = [name for name in FILES if (out / name).exists()]
    unsaved = {"config.json", "log.csv", "checks.csv", "training.html"}
    return [] if unsaved.issuperset(there) and is_ours(out / "config.json") else there


def make_ready(out: Path, settings: dict, resume: bool) -> None:
    """Sweep `out`; unless a training goes on there, remove an older one and write the settings."""
    sweep(out)
    if resume:
        return
    for name in STALE:  # the state first: nobody must resume an older training
        (out / name).unlink(missing_ok=True)
    # At once, so that a folder that cannot be written to is not found hours later.
    write_json(out / "config.json", settings)


def refuse_other_folder(out: Path, ranks: Ranks) -> None:
    """Refuse ranks that see another folder at `out` than the first one, which writes.

    Raises
    ------
    ValueError
        The message has the rank and its machine.
    """
    if ranks.size == 1:
        return
    place = out / ranks.texts(f".minifacenet-{uuid4().hex[:8]}.tmp")[0]  # `sweep` knows the name
    ranks.on_first(place.mkdir)
    elsewhere = ranks.texts("" if place.is_dir() else socket.gethostname())
    ranks.on_first(place.rmdir)
    for rank, host in enumerate(elsewhere):
        if host:
            raise ValueError(
                f"rank {rank} on {host} sees another folder at {out.absolute()} than rank 0: take "
                "an --out on a disk that all ranks see under one path"
            )


def last_good(out: Path) -> str:
    """Say where the last good weights are, for the message of a training that failed."""
    path = out / "model.safetensors"
    if not path.exists():
        return "Nothing was saved before"
    training = load_metadata(path).get("training")
    step = training.get("step") if isinstance(training, dict) else None
    known = f"step {step}" if is_count(step, 0, MOST) else "an unknown step"
    return f"The good weights of {known} are in {path}"
