"""Begin a training with the weights of another model: `train --init MODEL`.

Arrays are taken over by name and shape. A network of another length of embedding shares all but its
last row with the model, for instance, and that row begins as in any training: with random weights.
"""

from __future__ import annotations

from dataclasses import replace

from ..embedding.architectures import FaceNet
from ..embedding.checkpoint import load_model
from ..files.words import shortened
from .settings import TrainingRunConfig

MOST_NAMES = 6  # of arrays in a line


def with_start(config: TrainingRunConfig) -> tuple[TrainingRunConfig, FaceNet | None]:
    """Return the settings with the digest of the model to begin with, and that model, if any.

    Raises
    ------
    CheckpointError
        There is no such model, or its file is damaged.
    ValueError
        It is another one than the settings say.
    """
    if config.init is None:
        return config, None
    start = opened(config.init, config.init_digest, "begins with")
    return replace(config, init_digest=start.digest), start


def opened(name: str, known: str | None, does: str) -> FaceNet:
    """Load the model of this name, which has the `known` digest if there is one.

    `does` says in the error what a training does with it. Errors are those of `with_start`.
    """
    model = load_model(name)
    if known not in (None, model.digest):
        raise ValueError(
            f"{name} has the digest {model.digest}, and the training {does} a model of the "
            f"digest {shortened(known)}: name that one"
        )
    return model


def take_over(model: FaceNet, start: FaceNet, name: str) -> str:
    """Put the weights of `start` into those of `model` that have their names and shapes.

    Returns
    -------
    str
        What was taken from `name`, and what was not, in one line.

    Raises
    ------
    ValueError
        Nothing fits, or the model has seen faces that were cut otherwise.
    """
    if start.cut != model.cut:
        raise ValueError(
            f"{name} was trained on faces cut as {shortened(start.cut)}, and these are cut as "
            f"{shortened(model.cut)}: cut the faces anew, or begin with another model"
        )
    own, theirs = model.network.parameters(), start.network.parameters()
    absent = [one for one in own if one not in theirs]
    other = [one for one in own if one in theirs and theirs[one].data.shape != own[one].data.shape]
    fitting = own.keys() - {*absent, *other}
    if not fitting:
        raise ValueError(
            f"no array of {name}, which is of the network {start.architecture.name}, fits "
            f"{model.architecture.name}: train that network, or begin with another model"
        )
    for one in fitting:
        with own[one].edit() as w:
            w[:] = theirs[one].data
    text = f"{len(fitting)} of {len(own)} arrays taken from {name}"
    text += f"; not in it: {_listed(absent)}" * bool(absent)
    return text + f"; of another shape: {_listed(other)}" * bool(other)


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + f" and {more} more" * (more > 0)
