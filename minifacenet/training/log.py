"""The log of a training, `log.csv`: one row per step, written by all trainings and read to draw
one or to resume it."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from .. import plots
from ..embedding.checkpoint import CheckpointError
from ..files.atomic import write_csv
from ..files.reading import open_table
from ..files.stored import is_number
from ..files.words import shortened
from .health import StepRecord

HEADER = [field.name for field in fields(StepRecord)]
TYPES = [int if field.type == "int" else float for field in fields(StepRecord)]


def write_log(path: Path, records: Sequence[StepRecord]) -> None:
    """Write one row per step, atomically."""
    write_csv(path, HEADER, map(astuple, records))


def read_log(path: Path) -> list[StepRecord]:
    """Read what `write_log` wrote. Errors are those of `read_rows`."""
    return [StepRecord(*row) for row in read_rows(path, TYPES)]


def read_rows(path: Path, types: Sequence[type]) -> list[tuple]:
    """Read the rows of a table below its header, with values of `types`; blank lines are skipped.

    Raises
    ------
    OSError, ValueError
        There is no such file, or a row has another length or other values; its line is named.
    """
    with open_table(path) as file:
        reader = csv.reader(file)
        try:
            next(reader, None)
            return [_values(row, types) for row in reader if row]
        except (ValueError, csv.Error) as error:
            raise ValueError(f"line {reader.line_num}: {error}") from None


def _values(row: list[str], types: Sequence[type]) -> tuple:
    if len(row) != len(types):
        raise ValueError(f"{len(row)} columns instead of {len(types)}")
    try:
        return tuple(cast(text) for cast, text in zip(types, row, strict=True))
    except ValueError:
        raise ValueError(f"no numbers, {shortened(row)}") from None


def rows_of_steps(path: Path, types: Sequence[type], steps: Sequence[int]) -> list[tuple]:
    """Read the rows of a log for `steps`, with values of `types`.

    Raises
    ------
    CheckpointError
        The log is missing or damaged, or has other rows up to the last of `steps`.
    """
    if not len(steps):
        return []
    try:
        rows = read_rows(path, types)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read, start anew ({error})") from None
    rows = [row for row in rows if row[0] <= steps[-1]]
    # Not as a list of `steps`, of which a damaged state may claim any number.
    if len(rows) != len(steps) or any(r[0] != step for r, step in zip(rows, steps, strict=True)):
        raise CheckpointError(
            f"{path}: {len(rows)} rows where the training so far has {len(steps)}: put the "
            "file back, or start anew"
        )
    return rows


def checks_of_steps(path: Path, steps: Sequence[int]) -> list[tuple[int, float, float]]:
    """Read the rows (step, VAL, standard error) of a checks.csv; an unknown error is NaN.

    Raises
    ------
    CheckpointError
        As in `rows_of_steps`, or a VAL or its error is not a share.
    """
    checks = rows_of_steps(path, (int, float, float), steps)
    for step, score, error in checks:
        if not is_number(score, 0, 1) or not (math.isnan(error) or is_number(error, 0, 1)):
            raise CheckpointError(
                f"{path}: damaged, at step {step} a VAL of {score} with an error of {error}"
            )
    return checks


def training_figure(
    out: Path,
    records: Sequence[StepRecord],
    scores: Sequence[tuple[float, ...]],
    margin: float | None,
    measure: str = "AUC",
) -> None:
    """Draw `training.png`: the curves, with the held-out scores along the way if there are any."""
    curves = plots.training_curves(records, scores or None, margin=margin, measure=measure)
    plots.save(curves, out / "training.png")
