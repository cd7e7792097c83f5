"""Trainings under way on disk, `state.safetensors`, from which `--resume` goes on.

Weights, optimizer, random generator, queue of triplets and settings are in one file, so that a
kill at any moment leaves one moment of the training, whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..embedding.architectures import Architecture, FaceNet
from ..embedding.checkpoint import (
    blank_model,
    check_header,
    check_variances,
    header,
    weights_of,
)
from ..files.arrays import (
    ArrayFile,
    CheckpointError,
    check_layout,
    fill,
    layout_of,
    load_metadata,
    open_arrays,
    save_arrays,
)
from ..files.stored import MOST, is_count
from ..files.words import printable, shortened
from ..nn.device.backend import to_device
from .average import WeightAverage
from .loop import TrainingState
from .settings import FREE

WEIGHTS, OPTIMIZER, QUEUE = "weights.", "optimizer.", "queue"  # arrays in the file
AVERAGE = "average."
MOST_NAMED = 3  # settings that differ, in a message


def save_state(
    path: str | Path,
    model: FaceNet,
    state: TrainingState,
    settings: dict,
    average: WeightAverage | None = None,
) -> None:
    """Save a training under way: model, state, and the settings (JSON-able) to resume it with.

    The settings under `FREE` may change on the way. With an `average`, that is saved, too.
    """
    parameters = model.network.parameters().items()
    arrays = {f"{WEIGHTS}{name}": to_device(p.data, "cpu") for name, p in parameters}
    slots = state.optimizer.state().items()
    arrays |= {f"{OPTIMIZER}{name}": array for name, array in slots}
    if average is not None:
        arrays |= {f"{AVERAGE}{name}": array for name, array in average.state().items()}
    metadata = {
        **header(model),
        "step": state.step,
        "updates": state.optimizer.steps,
        "rng": state.rng.bit_generator.state,
        "settings": settings,
    }
    save_arrays(path, {**arrays, QUEUE: state.queue}, metadata)


def load_settings(path: str | Path) -> dict:
    """Read the settings of a training under way, as given to `save_state`.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, of a newer format, or not a training.
    """
    return _settings(path, load_metadata(path))[0]


def load_step(path: str | Path) -> int:
    """Read how many steps the training in the file has done. Errors as in `load_settings`."""
    return _count(path, load_metadata(path), "step")


def check_weights(path: str | Path, architecture: Architecture) -> None:
    """Check that a training under way is of this network, before memory is taken for it.

    Raises
    ------
    CheckpointError
        Its weights do not fit, or no such network is possible.
    """
    with open_arrays(path) as file:
        own = {n[len(WEIGHTS) :]: at for n, at in file.layout.items() if n.startswith(WEIGHTS)}
        blank_model(path, architecture, "", own)


def _settings(path, metadata) -> tuple[dict, str]:
    """Return the settings of a training under way, and how its faces are cut."""
    cut = check_header(path, metadata)
    settings = metadata.get("settings")
    if settings is None:
        raise CheckpointError(f"{path}: a model, not a training under way: nothing to go on with")
    if not isinstance(settings, dict):
        raise CheckpointError(f"{path}: damaged, its settings are {shortened(settings)}")
    return settings, cut


def load_state(
    path: str | Path,
    model: FaceNet,
    state: TrainingState,
    settings: dict,
    completed: Callable[[dict], dict] = dict,
    average: WeightAverage | None = None,
) -> None:
    """Bring a fresh `model`, `state` and `average` to where the training that wrote `path` was.

    `completed` adds to stored settings what the version that wrote them did not know yet. What is
    still missing, such as a new figure of the photos, is not compared.

    Raises
    ------
    CheckpointError
        As in `load_model`, or `settings` are not those of the training: it would not be the same
        training any more. The message names what changed.
    """
    with open_arrays(path) as file:
        _check_settings(file, model.cut, settings, completed)
        weights, slots = weights_of(model), layout_of(state.optimizer.state())
        needed = {f"{WEIGHTS}{name}": at for name, at in weights.items()}
        needed |= {f"{OPTIMIZER}{name}": at for name, at in slots.items()}
        if QUEUE not in file.layout or file.layout[QUEUE][1][1:] != (3,):
            raise CheckpointError(f"{path}: a list of triplets is missing from it: start anew")
        if average is not None:
            needed |= {f"{AVERAGE}{name}": at for name, at in weights.items()}
        needed[QUEUE] = state.queue.dtype, file.layout[QUEUE][1]
        check_layout(path, needed, file.layout)
        arrays = file.read()
    check_variances(path, arrays)
    _restore(path, model, state, arrays, file.metadata)
    if average is not None:
        average.restore({n[len(AVERAGE) :]: a for n, a in arrays.items() if n.startswith(AVERAGE)})


def _check_settings(file: ArrayFile, cut: str, settings: dict, completed) -> None:
    before, theirs = _settings(file.path, file.metadata)
    try:
        before = completed(before)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{file.path}: its settings cannot be gone on with ({error})"
        ) from None
    now = json.loads(json.dumps(settings))
    changed = _changes({"cut": theirs, **before, FREE: None}, {"cut": cut, **now, FREE: None})
    if changed:
        raise CheckpointError(
            f"{file.path}: a training goes on with the settings that it began with, but "
            f"{'; '.join(changed[:MOST_NAMED])}{'; ...' * (len(changed) > MOST_NAMED)}: leave them "
            "as they were, or start anew"
        )


def _changes(before, now, name: str = "") -> list[str]:
    """List what differs between two nested dictionaries: 'training.margin: 0.2 -> 0.3'."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in before:
            inner = f"{name}.{key}" if name else key
            found += _changes(before[key], now.get(key), inner)
        return found
    short = printable(name)[:60]
    return [] if before == now else [f"{short}: {shortened(before, 40)} -> {shortened(now, 40)}"]


def _restore(path, model: FaceNet, state: TrainingState, arrays: dict, metadata: dict) -> None:
    step, updates = (_count(path, metadata, name) for name in ("step", "updates"))
    if updates > step:
        raise CheckpointError(f"{path}: damaged, {updates} updates in {step} steps")
    _require(path, metadata, "rng")
    if (arrays[QUEUE] < 0).any():
        raise CheckpointError(f"{path}: damaged, its triplets name photos below 0")
    weights = {n[len(WEIGHTS) :]: a for n, a in arrays.items() if n.startswith(WEIGHTS)}
    slots = {n[len(OPTIMIZER) :]: a for n, a in arrays.items() if n.startswith(OPTIMIZER)}
    try:
        state.rng.bit_generator.state = metadata["rng"]
        state.optimizer.restore(slots, updates)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = printable(str(error))[:200]
        raise CheckpointError(f"{path}: damaged, it cannot be gone on with ({reason})") from None
    fill(path, model.network.parameters(), weights)
    state.step, state.queue = step, arrays[QUEUE]


def _count(path, metadata: dict, name: str) -> int:
    """Read a number of steps in the file of a training."""
    _require(path, metadata, name)
    if not is_count(metadata.get(name), high=MOST):
        raise CheckpointError(
            f"{path}: damaged, its {name} is {shortened(metadata.get(name))}: start anew"
        )
    return metadata[name]


def _require(path, metadata: dict, name: str) -> None:
    if name not in metadata:
        raise CheckpointError(f"{path}: {name!r} is missing from it: start anew")
