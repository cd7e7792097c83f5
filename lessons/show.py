"""What the lessons share: small pictures, real faces, a trained network's answers, claims."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from pictures import live, picture
from sliders import play

from minifacenet import read_faces
from minifacenet.plots.style import new_axes
from minifacenet.training.health import StepRecord

__all__ = [
    "CREDIT", "HERE", "axes", "claim", "embeddings", "errors_from_zero", "faces", "live",
    "measured", "picture", "play", "training_logs",
]  # fmt: skip

HERE = Path(__file__).parent
FACES = HERE.parent / "data" / "orl"
EMBEDDINGS = HERE / "results" / "orl_embeddings.npz"
LOGS = HERE / "results" / "training_logs.csv"
CREDIT = "Faces: ORL database, AT&T Laboratories Cambridge"


class NotSo(Exception):
    """A lesson's text says of an output what does not hold."""


def claim(what: str, holds) -> None:
    """Say what a text relies on: `claim("the spread comes near 2", records[-1].spread > 1.5)`.

    It stands in a cell tagged `claim`, which a notebook does not show, beside the text that says
    so. If it does not hold, the lesson ends here, and no notebook is made of it: either the text
    or the code is wrong. Leave room in it: another processor rounds in another way.
    """
    if not holds:
        raise NotSo(what)


def axes(width: float = 7, height: float = 4, columns: int = 1, rows: int = 1):
    """New Axes in the project's style: one, or an array of shape (rows, columns)."""
    if rows == columns == 1:
        return new_axes(None, width, height)
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure.subplots(rows, columns, squeeze=False)


def faces(size: int = 96):
    """The ORL faces, 400 photos of 40 people, as `Faces`. `make lessons` fetches them."""
    if not FACES.is_dir():
        raise FileNotFoundError(
            f"no ORL faces are in '{FACES}': `minifacenet get orl --out '{FACES}'` fetches them"
        )
    return read_faces(FACES, size=size)


def embeddings() -> dict[str, np.ndarray]:
    """A trained nn1_mini's answers to the ORL photos: see `make_embeddings.py`.

    Returns
    -------
    dict
        'vectors' (400, 128) float32, unit length; 'labels' (400,) people 0..39; 'stranger' (400,)
        bool, True for the ten people whom the network never saw. Rows as in `faces()`.
    """
    with np.load(EMBEDDINGS, allow_pickle=False) as stored:
        vectors = stored["vectors"].astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return {"vectors": vectors, "labels": stored["labels"], "stranger": stored["stranger"]}


def measured(name: str) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """The figures of a file in `results/` that `ablations.py` or `studies.py` has written.

    Returns
    -------
    dict
        {(study, setting): {measure: ndarray (seeds,)}}, such as ('margin', '0.1') and 'auc'.
    """
    with (HERE / "results" / name).open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    table = {}
    for study, setting, _, *figures in rows:
        table.setdefault((study, setting), []).append([float(figure) for figure in figures])
    return {
        key: dict(zip(header[3:], np.transpose(figures), strict=True))
        for key, figures in table.items()
    }


def errors_from_zero(differences: np.ndarray) -> float:
    """How many standard errors the mean of some differences, one per seed, lies away from 0."""
    return differences.mean() / (differences.std(ddof=1) / np.sqrt(len(differences)))


def training_logs() -> dict[str, list[StepRecord]]:
    """The logs of four trainings, 'A' to 'D', a record a step: see `make_logs.py`."""
    logs = {}
    with LOGS.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name, step, triplets = row.pop("run"), int(row.pop("step")), int(row.pop("triplets"))
            numbers = {field: float(value) for field, value in row.items()}
            record = StepRecord(step=step, triplets=triplets, images=0, seconds=0.0, **numbers)
            logs.setdefault(name, []).append(record)
    return logs
