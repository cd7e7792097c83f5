"""Models, and trainings under way, on disk: arrays in a safetensors file, their meaning as JSON.

Nothing is pickled, so loading a file that somebody sent you runs none of their code. A file is
written whole or not at all.

`model.safetensors` is a model: its weights, and what is needed to build and feed it.
`state.safetensors` is a training: weights, optimizer, random generator, queue of triplets and
settings in one file, so that a kill at any moment leaves one moment of the training, whole.
"""

from __future__ import annotations

import json
from pathlib import Path

from .. import __version__
from ..arrays import CheckpointError, fill, load_arrays, load_metadata, save_arrays
from ..nn.backend import to_device
from .architectures import Architecture, FaceNet
from .batches import SCALING
from .train import TrainingState

FORMAT = 1
FREE = "free"


def save_model(path: str | Path, model: FaceNet, training: dict | None = None) -> None:
    """The weights of a model, with all that is needed to build and feed it again.

    `training` is any JSON-able account of how the weights came about (configuration, seed, data).
    """
    arrays = {name: to_device(p.data, "cpu") for name, p in model.network.parameters().items()}
    save_arrays(path, arrays, {**_header(model), "training": training or {}})


def model_file(path: str | Path) -> Path:
    """The file of a model: `path` itself, or the one in the folder of a run."""
    path = Path(path)
    return path / "model.safetensors" if path.is_dir() else path


def load_model(path: str | Path) -> FaceNet:
    """A saved model: from its file, or from the folder of a run that holds `model.safetensors`.

    Raises
    ------
    CheckpointError
        Missing or damaged file, newer format, other scaling of pixels, or weights that do not fit
        the network they claim to be of.
    """
    path = model_file(path)
    arrays, metadata = load_arrays(path)
    cut = _check_header(path, metadata)
    try:
        model = FaceNet.new(Architecture(**metadata["architecture"]), cut=cut)
    except (KeyError, TypeError, ValueError, MemoryError) as error:
        raise CheckpointError(
            f"{path}: no network can be built from {metadata.get('architecture')!r} ({error})"
        ) from None
    fill(path, model.network.parameters(), arrays)
    return model


def add_to_model(path: str | Path, name: str, value) -> None:
    """Store something JSON-able under `name` with a saved model: what was found out about it."""
    arrays, metadata = load_arrays(path)
    save_arrays(path, arrays, {**metadata, name: value})


def save_state(path: str | Path, model: FaceNet, state: TrainingState, settings: dict) -> None:
    """A training under way: model, state, and the settings that it must go on with (JSON-able).

    What stands under `FREE` in the settings may change on the way.
    """
    parameters = model.network.parameters().items()
    arrays = {f"weights.{name}": to_device(p.data, "cpu") for name, p in parameters}
    arrays |= {f"optimizer.{name}": array for name, array in state.optimizer.state().items()}
    metadata = {
        **_header(model),
        "step": state.step,
        "updates": state.optimizer.steps,
        "rng": state.rng.bit_generator.state,
        "settings": settings,
    }
    save_arrays(path, {**arrays, "queue": state.queue}, metadata)


def load_settings(path: str | Path) -> dict:
    """What a training under way must go on with, as given to `save_state`.

    Raises
    ------
    CheckpointError
        Missing or damaged file, newer format, or no training.
    """
    return _settings(path, load_metadata(path))[0]


def _settings(path, metadata) -> tuple[dict, str]:
    """The settings of a training under way, and how its faces are cut."""
    cut = _check_header(path, metadata)
    if metadata.get("settings") is None:
        raise CheckpointError(f"{path}: a model, not a training under way: nothing to go on with")
    return metadata["settings"], cut


def load_state(path: str | Path, model: FaceNet, state: TrainingState, settings: dict) -> None:
    """Put a fresh `model` and `state` where the training that wrote `path` stood.

    Raises
    ------
    CheckpointError
        As `load_model`, or if `settings` are not those of the training: it would not be the same
        training any more. The message names what changed.
    """
    arrays, metadata = load_arrays(path)
    (before, cut), now = _settings(path, metadata), json.loads(json.dumps(settings))
    changed = _changes({"cut": cut, **before, FREE: None}, {"cut": model.cut, **now, FREE: None})
    if changed:
        raise CheckpointError(
            f"{path}: a training goes on with the settings that it began with, but "
            f"{'; '.join(changed)}: leave them as they were, or start anew"
        )
    weights = {name[8:]: a for name, a in arrays.items() if name.startswith("weights.")}
    fill(path, model.network.parameters(), weights)
    slots = {name[10:]: a for name, a in arrays.items() if name.startswith("optimizer.")}
    try:
        state.optimizer.restore(slots, metadata["updates"])
        state.rng.bit_generator.state = metadata["rng"]
        state.step, state.queue = metadata["step"], arrays["queue"]
    except KeyError as error:
        raise CheckpointError(f"{path}: {error} is missing from it: start anew") from None
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from None


def _changes(before, now, name: str = "") -> list[str]:
    """What differs between two nested dictionaries: 'training.margin: 0.2 -> 0.3'."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in dict.fromkeys([*before, *now]):
            inner = f"{name}.{key}" if name else key
            found += _changes(before.get(key), now.get(key), inner)
        return found
    return [] if before == now else [f"{name}: {before!r} -> {now!r}"]


def _header(model: FaceNet) -> dict:
    return {
        "format": FORMAT,
        "version": __version__,
        "architecture": model.architecture.as_dict(),
        "preprocessing": model.preprocessing,
    }


def _check_header(path, metadata) -> str:
    """How the faces of its training were cut; a CheckpointError if we cannot feed it such faces."""
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format {metadata.get('format')!r}, but minifacenet {__version__} reads "
            f"{FORMAT}"
        )
    preprocessing = metadata.get("preprocessing")
    cut, _, scaling = str(preprocessing).rpartition("; ")
    if not cut or scaling != SCALING:
        raise CheckpointError(
            f"{path}: trained on photos as {preprocessing!r}, "
            f"but this version prepares them as '...; {SCALING}'"
        )
    return cut
