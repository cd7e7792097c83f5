"""A run takes a folder of people, and gives a trained model with its figures and numbers.

    faces -> network -> names (closed set) and verification of strangers (open set) -> pictures

First everything is judged, then everything is drawn; an observer is told what goes on. All that is
printed, plotted and stored comes from one dictionary, which becomes `metrics.json`.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..classification.classifier import UNKNOWN
from ..classification.methods import OURS
from ..embedding.checkpoint import add_to_model
from ..files.atomic import sweep, write_csv, write_json
from ..files.locks import locked
from ..files.words import count_text
from ..machine.versions import versions
from ..preprocessing.faces import Faces
from ..report import ReportParts, StrangersParts, write_report
from ..training.loop import is_trainable
from ..training.observer import Observer
from ..training.splits import (
    TRAIN_SHARE,
    UNSEEN_SHARE,
    ProtocolError,
    Split,
    split_people,
    split_photos,
)
from .figures import draw_known_people, draw_strangers
from .job import Job
from .known_people import KnownPeople, name_known_people
from .settings import RunConfig
from .strangers import Strangers, meet_strangers

STALE = (
    "metrics.json", "state.safetensors", "config.json", "checks.csv", "report.html",
    "training.html",
)  # fmt: skip
_OF_A_NETWORK = (
    "model.safetensors", "log.csv", "training.png", "distances.png", "roc.png", "map.png",
    "grid.png",
)  # fmt: skip
FILES = (
    *STALE, "split.csv", "names.csv", "names.png", *_OF_A_NETWORK,
    *(f"open/{name}" for name in _OF_A_NETWORK),
)  # fmt: skip


def in_the_way(out: Path) -> list[str]:
    """List what a run would replace or remove in `out`; nothing where a run was broken off.

    The split is the first file of a run, the metrics are the last, and a training leaves neither.
    """
    if broken_off(out):
        return []
    return [name for name in FILES if (out / name).exists()]


def broken_off(out: Path) -> bool:
    """Tell whether all in `out` is of a run that did not come to its end."""
    others = ("metrics.json", "state.safetensors", "config.json")
    return (out / "split.csv").exists() and not any((out / name).exists() for name in others)


def run(
    faces: Faces,
    out: Path,
    config: RunConfig,
    observer: Observer | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Run both protocols on `faces`; write models, logs, figures and numbers into the folder `out`.

    The networks are trained on `device`, 'cpu' or 'cuda', and embed there; nothing that is written
    says on which. What is returned are the metrics, as stored in `metrics.json`. A folder with too
    few people for the open protocol gets the closed one alone, and the observer is told.

    Raises
    ------
    ProtocolError
        Half of the photos allow no triplet.
    ValueError
        Somebody is called 'unknown', or another process is at work in `out`.
    """
    if UNKNOWN in faces.people:
        raise ValueError(f"nobody can be called '{UNKNOWN}', it stands for strangers: rename them")
    observer = observer or Observer()
    rng = np.random.default_rng(config.training.seed)
    splits = _draw_splits(faces, rng, observer)
    with locked(out):
        return _run(faces, splits, Job(out, config, rng, observer, device))


def _run(faces: Faces, splits: dict[str, Split], job: Job) -> dict[str, Any]:
    out, config = job.out, job.config
    if broken_off(out):
        job.observer.say(f"The run in {out} was broken off: it begins anew.")
    for folder in (out, out / "open"):
        sweep(folder)
    for name in STALE:  # of a training, or of a run, whose model is replaced
        (out / name).unlink(missing_ok=True)
    _write_splits(out / "split.csv", faces, splits)
    metrics: dict[str, Any] = {
        "data": {
            "photos": len(faces),
            "people": len(faces.people),
            "skipped": len(faces.skipped),
            "content": faces.content,
        },
        "config": asdict(config),
        "versions": versions(),
        "closed": None,
        "open": None,
    }
    known, strangers = name_known_people(faces, splits["closed"], job), None
    metrics["closed"] = known.figures
    if "open" in splits:
        strangers = meet_strangers(faces, splits["open"], job.below("open"))
        metrics["open"] = strangers.figures
        if strangers.thresholds is not None:
            metrics["thresholds"] = strangers.thresholds.as_dict()
            for folder in (out, out / "open"):
                add_to_model(folder / "model.safetensors", "thresholds", metrics["thresholds"])
    _show(known, strangers, metrics, job)
    write_json(out / "metrics.json", metrics)  # comes last: it says that all is there
    return metrics


def _show(
    known: KnownPeople, strangers: Strangers | None, metrics: dict[str, Any], job: Job
) -> None:
    """Draw all pictures of a run, and write its page."""
    draw_known_people(known, job)
    parts = ReportParts(
        metrics, known.probes, known.answers, known.vectors[OURS.key], credit=job.config.credit
    )
    if strangers is not None:
        draw_strangers(strangers, job.below("open"))
        met = StrangersParts(
            strangers.probes, strangers.vectors, strangers.groups, strangers.naming
        )
        parts = replace(parts, strangers=met)
    write_report(job.out, parts)


def _draw_splits(faces: Faces, rng: np.random.Generator, observer: Observer) -> dict[str, Split]:
    closed = split_photos(faces.labels, TRAIN_SHARE, rng)
    if not is_trainable(faces.labels[closed.train]):
        got = count_text(len(np.unique(faces.labels)), "person", "people")
        most = count_text(int(np.bincount(faces.labels).max()), "photo")
        raise ProtocolError(
            "half of the photos are held back to be named, and the other half must hold two photos "
            f"of one person and one of another: that takes two people and 3 photos of one, got "
            f"{got} with at most {most}"
        )
    splits = {"closed": closed}
    try:
        splits["open"] = split_people(faces.labels, UNSEEN_SHARE, rng)
    except ProtocolError as error:
        observer.say(f"Open protocol left out: {error}.")
    return splits


def _write_splits(path: Path, faces: Faces, splits: dict[str, Split]) -> None:
    columns = []
    for split in splits.values():
        column = np.full(len(faces), "train")
        column[split.test] = "test"
        columns.append(column)
    write_csv(path, ["photo", *splits], zip(faces.paths, *columns, strict=True))
