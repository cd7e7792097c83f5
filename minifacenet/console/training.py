"""What the commands print about a training: its plan, and its outcome."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files.words import duration_text, size_text
from ..training.ending import command_to_go_on, how_it_ended, what_was_kept
from .screen import Table, say, show

if TYPE_CHECKING:
    from ..embedding.architectures import Architecture
    from ..preprocessing.faces import Faces
    from ..training.run import Outcome
    from ..training.settings import TrainConfig, TrainingRunConfig


def tell_unseen(known: Faces, training: TrainConfig) -> None:
    """Say how many people no batch will hold: those with one photo, where others fill it."""
    _, counts = np.unique(known.labels, return_counts=True)
    single = int((counts == 1).sum())
    if single and not training.extra_negatives and len(counts) - single >= training.people:
        say(
            f"{single} of {len(counts)} people have one photo, so they can only be negatives: no "
            "batch holds them without --extra-negatives."
        )


def tell_plan(
    data: Faces,
    others: Faces | None,
    config: TrainingRunConfig,
    done: int = 0,
    old: Architecture | None = None,
) -> None:
    """Print what a training on `data` will take after `done` steps, with `others` to judge it.

    `old` is the network of the model that it compares with, if it is harmonic.
    """
    from ..training.plan import plan as make_plan

    training = config.training
    _, counts = np.unique(data.labels, return_counts=True)
    held_out = 0 if others is None else len(others)
    every, odd = config.check_every, training.steps % config.check_every > 0
    checks = training.steps // every - done // every + (odd and done < training.steps)
    say("  a few steps are tried; kernels are compiled before, which takes a minute the first time")
    plan = make_plan(
        data.labels, config.architecture, training, checks, held_out, done, old, config.harmonic_by
    )
    each = " to ".join(dict.fromkeys(str(count) for count in (counts.min(), counts.max())))
    lines = [("training on", f"{len(data)} photos of {len(counts)} people, {each} each")]
    nameless = config.harmonic_by != "people"
    if (counts < training.photos).any() and not nameless:
        few, single = int((counts < training.photos).sum()), int((counts == 1).sum())
        text = f"{few} people have fewer than {training.photos} photos and give all of them"
        alone = single > 0 and old is None  # else they have their old vectors for positives
        lines.append(("", text + f"; {single} with one photo are negatives only" * alone))
    asked = [f"every {every} steps"] * (every < training.steps)
    asked += ["at the end"] * (odd or not asked)
    lines.append(
        ("held out", f"{held_out} photos, asked " + " and ".join(asked))
        if held_out
        else ("held out", "nobody: nothing will judge the training")
    )
    if training.mine_every:
        text = (
            f"{training.mining} over {min(training.mine_over, len(data))} photos every "
            f"{training.mine_every} steps; up to {plan.batch} photos a batch"
        )
        lines.append(("offline", text))
    elif nameless:
        lines.append(("a batch", f"up to {plan.batch} photos, whoever they show"))
    else:
        text = f"{plan.people} people with up to {plan.photos} photos"
        text += f" + {training.extra_negatives} of others" * bool(training.extra_negatives)
        text += f": up to {plan.batch} photos"
        lines.append(("a batch", text + f", {plan.pairs:,} anchor-positive pairs"))
    if old is not None and not done:
        text = f"its vectors of {len(data)} photos take about {duration_text(plan.old_seconds)}"
        lines.append(("old model", f"{old.name}: {text}, once"))
    if plan.chunks > 1:
        lines.append(("in chunks", f"{plan.chunks} of {training.chunk} photos, each twice a step"))
    lines += [
        (
            "steps",
            f"{training.steps - done}; a photo is seen about {plan.batch_per_photo:.3g} times",
        ),
        (
            "memory",
            f"about {size_text(plan.memory)} beside Python itself, of which weights, gradients and "
            f"{training.optimizer} take {size_text(plan.weights_memory)}",
        ),
        (
            "time",
            f"about {duration_text(plan.seconds)} on this machine as it is now, "
            f"{duration_text(plan.step_seconds)} a step",
        ),
    ]
    grid = Table.grid(padding=(0, 2))
    for name, text in lines:
        grid.add_row(f"  {name}", text)
    show(grid)


def tell_outcome(out: Path, faces: Path, config: TrainingRunConfig, outcome: Outcome) -> None:
    """Print how a training ended, how good its model is, and how to go on."""
    last = outcome.records[-1]
    if last.step == outcome.began:
        say("This training was finished before: nothing was left to do.")
    how = how_it_ended(config, outcome)
    if outcome.stopped == "interrupted":
        how += f" Go on with: {command_to_go_on(faces, out)}"
    say(how)
    if outcome.checks:
        say(what_was_kept(config, outcome))
    names = ["model.safetensors", "state.safetensors", "config.json", "log.csv", "training.png"]
    names += ["checks.csv"] * bool(outcome.checks)
    names += ["training.html"] * (out / "training.html").exists()
    say(f"In {out}: {', '.join(names)}")
