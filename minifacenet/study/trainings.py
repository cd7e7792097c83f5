"""Many trainings, one thing changed: the length of an embedding (Table 5), or the people (Table 6).

For each seed a quarter of the people are held out, a network is trained on the others, and all
pairs of the strangers' photos are judged. The seed draws who they are, the weights and the batches,
so all values of one seed are judged on the same pairs. Fewer people are the first of an order that
the seed draws: those of a smaller training are some of those of a larger one. Two people with two
photos or more come first in it, as there is no triplet without two photos of one person.

Nothing is chosen by these figures: each training takes the same number of steps.

    study.json   what all rows have in common: photos, network, steps
    study.csv    one row per finished training; an interrupted study goes on after the last one
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..classification.verification_scores import FAR_TARGETS, Verification, allowed_false_accepts
from ..embedding.architectures import Architecture, FaceNet
from ..embedding.embedder import Embedder
from ..experiment.scores import score_pairs
from ..files.atomic import write_csv, write_json
from ..files.reading import open_table, read_whole
from ..files.stored import MOST, is_count, is_number, json_object
from ..preprocessing.faces import Faces
from ..training.loop import train_watched
from ..training.observer import Observer
from ..training.plan import plan
from ..training.settings import TrainConfig
from ..training.splits import UNSEEN_SHARE, split_people
from .figure import Figure
from .pairs import ACCEPTS, pairs_for
from .spoiling import Row, StudyResult

DIMENSIONS = (16, 32, 64, 128, 256)
FILES = ("study.csv", "study.json")
MEASURES = ("balanced_accuracy", "auc", *(f"val_at_far_{far:g}" for far in FAR_TARGETS))
HEADER = ("value", "seed", "people", "photos", "pairs_same", "pairs_different", *MEASURES)


@dataclass(frozen=True)
class Training:
    """One training of a study: how long its embeddings are, on how many people, with which seed."""

    value: int
    seed: int
    dim: int
    people: int | None


@dataclass(frozen=True)
class TrainingStudy:
    """What is varied, and what stays.

    Attributes
    ----------
    name : {'dim', 'people'}
    values : tuple of int
        Dimensions, or numbers of people.
    seeds : int
        The seeds 0, 1, ...
    config : TrainConfig
        Its `seed` is that of each training in turn.
    architecture : Architecture
        Its `dim` is that of each training in turn, in a study of dimensions.
    """

    name: str
    values: tuple[int, ...]
    seeds: int
    config: TrainConfig
    architecture: Architecture

    def trainings(self) -> list[Training]:
        """List all trainings, one seed after the other: the first rows compare all values."""
        dim = self.architecture.dim
        return [
            Training(value, seed, value, None)
            if self.name == "dim"
            else Training(value, seed, dim, value)
            for seed in range(self.seeds)
            for value in reversed(self.values)
        ]

    def identity(self, faces: Faces) -> dict[str, Any]:
        """Return what all rows of one table have in common, as JSON has it."""
        shared = {"seed": 0} | ({"dim": 0} if self.name == "dim" else {})
        settings = {**asdict(self.config), **self.architecture.as_dict()}
        settings = {key: shared.get(key, value) for key, value in settings.items()}
        return {"study": self.name, "faces": faces.content, **settings}


def usual_values(name: str, faces: Faces) -> tuple[int, ...]:
    """Return what a study varies if nobody says: dimensions, or numbers of people.

    The most people are all that can be trained on, and each number is half of the next.
    """
    if name == "dim":
        return DIMENSIONS
    values = [people_to_train_on(faces)]
    while values[-1] >= 8 and len(values) < 5:
        values.append(round(values[-1] / 2))
    return tuple(reversed(values))


def check_values(name: str, values: Sequence[int], faces: Faces) -> None:
    """Raise ValueError for a number of dimensions or of people that there is not."""
    least, most = (1, np.inf) if name == "dim" else (2, people_to_train_on(faces))
    if wrong := [value for value in values if not least <= value <= most]:
        allowed = "are 1 or more" if name == "dim" else f"to train on are {least} to {most}"
        also = "" if name == "dim" else ", as a quarter of the people is held out"
        noun = "dimensions" if name == "dim" else "people"
        raise ValueError(f"{noun} {allowed}{also}; got {wrong[0]}")


def people_to_train_on(faces: Faces) -> int:
    """Return how many people are left for the training when a quarter is held out."""
    return len(np.unique(split_for(faces, 0)[0].labels))


def split_for(faces: Faces, seed: int, people: int | None = None) -> tuple[Faces, Faces]:
    """Return the faces of a training on so many people (None: all), and those of its strangers.

    Raises
    ------
    ProtocolError
        There are fewer than four people with two photos.
    """
    split = split_people(faces.labels, UNSEEN_SHARE, np.random.default_rng(seed))
    known, photos = np.unique(faces.labels[split.train], return_counts=True)
    order = np.random.default_rng(seed).permutation(len(known))
    first = order[photos[order] >= 2][:2]
    order = np.concatenate([first, order[~np.isin(order, first)]])
    mine = split.train[np.isin(faces.labels[split.train], known[order[:people]])]
    return faces.subset(mine), faces.subset(split.test)


def most_strangers(faces: Faces, seeds: int) -> int:
    """Return how many photos the strangers of a seed have at most: all their pairs are judged."""
    splits = (
        split_people(faces.labels, UNSEEN_SHARE, np.random.default_rng(seed))
        for seed in range(seeds)
    )
    return max(len(split.test) for split in splits)


def score_strangers(model: FaceNet, strangers: Faces) -> Verification:
    """Judge a network on all pairs of the photos of people whom it never saw."""
    return score_pairs(Embedder(model, flip=True).transform(strangers.images), strangers.labels)


def seconds_for(faces: Faces, study: TrainingStudy, left: Sequence[Training]) -> float:
    """Measure a few steps of each value, and return about how long these trainings will take."""
    total = 0.0
    for value in dict.fromkeys(training.value for training in left):
        these = [training for training in left if training.value == value]
        known, strangers = split_for(faces, these[0].seed, these[0].people)
        architecture = replace(study.architecture, dim=these[0].dim)
        one = plan(known.labels, architecture, study.config, 1, 2 * len(strangers))  # and mirrored
        total += len(these) * one.seconds
    return total


def left_to_do(
    faces: Faces, study: TrainingStudy, out: Path, force: bool
) -> tuple[list[list[str]], list[Training]]:
    """Return the rows of finished trainings in `out`, and the trainings that are left.

    Raises
    ------
    ValueError
        `out` holds another study, and there is no `force`; or its table is damaged.
    """
    table, about = (out / name for name in FILES)
    if force or not table.exists():
        return [], study.trainings()
    try:
        stored = json_object(read_whole(about)) if about.exists() else {}
    except ValueError as error:
        raise ValueError(f"{about}: damaged, it is {error}; --force begins anew") from None
    differ = [key for key, value in study.identity(faces).items() if stored.get(key, ...) != value]
    if differ:
        raise ValueError(
            f"{out} holds another study (not the same {', '.join(differ)}): choose another --out, "
            "or say --force to begin anew"
        )
    try:
        with open_table(table) as file:
            header, *rows = [*csv.reader(file)] or [[]]
        done = {tuple(map(int, row[:2])) for row in rows}
        fits = tuple(header) == HEADER and len(done) == len(rows) and all(map(_is_row, rows))
    except (ValueError, csv.Error):
        fits = False
    if not fits:
        raise ValueError(f"{table}: no table of this study, or damaged; --force begins anew")
    left = [one for one in study.trainings() if (one.value, one.seed) not in done]
    return rows, left


def _is_row(row: list[str]) -> bool:
    """Return whether a row of study.csv holds counts and shares; ValueError: no numbers at all."""
    split = HEADER.index(MEASURES[0])
    counts, shares = [*map(int, row[:split])], map(float, row[split:])
    right = all(is_count(n, 0, MOST) for n in counts) and all(is_number(x, 0, 1) for x in shares)
    return right and len(row) == len(HEADER) and row[:split] == [*map(str, counts)]


def run_trainings(
    faces: Faces,
    out: Path,
    study: TrainingStudy,
    rows: list[list[str]],
    left: Sequence[Training],
    observer: Observer | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> list[list[str]]:
    """Do the trainings that are left, and return all rows of `study.csv`, written after each.

    Parameters
    ----------
    rows, left
        What `left_to_do` gave.
    stop : callable() -> bool
        Asked after each step; the training under way is lost then, the finished ones are not.
    """
    observer, rows = observer or Observer(), list(rows)
    if not rows:  # those of another study would pass for this one's, once study.json is written
        (out / FILES[0]).unlink(missing_ok=True)
    write_json(out / FILES[1], study.identity(faces))
    for count, one in enumerate(left, start=1):
        known, strangers = split_for(faces, one.seed, one.people)
        model = FaceNet.new(replace(study.architecture, dim=one.dim), one.seed, faces.cut)
        config = replace(study.config, seed=one.seed)
        title = f"{count} of {len(left)}: {study.name} {one.value}, seed {one.seed}"
        train_watched(
            model.network, known, config, observer, title, after_step=lambda records: stop()
        )
        if stop():
            return rows
        scores = score_strangers(model, strangers)
        figures = {**vars(scores), **{
            f"val_at_far_{far:g}": point.val for far, point in scores.val_at_far.items()
        }}  # fmt: skip
        people = len(np.unique(known.labels))
        counts = (people, len(known), scores.pairs_same, scores.pairs_different)
        cells = [one.value, one.seed, *counts, *(f"{figures[name]:.5f}" for name in MEASURES)]
        rows.append([str(cell) for cell in cells])
        write_csv(out / FILES[0], HEADER, rows)
    return rows


def result_of(study: TrainingStudy, rows: Sequence[Sequence[str]]) -> StudyResult:
    """Return the means over the seeds, with their errors, of a finished study.

    VAL is left out at FARs that its pairs cannot support.
    """
    pairs = min(int(row[HEADER.index("pairs_different")]) for row in rows)
    names = [
        name
        for name in MEASURES
        if not name.startswith("val")
        or allowed_false_accepts(float(name.rpartition("_")[2]), pairs) >= ACCEPTS
    ]
    if len(names) == len(MEASURES) - len(FAR_TARGETS):
        raise ValueError(
            f"too few pairs: {pairs} of two strangers, and VAL at FAR {max(FAR_TARGETS):g} takes "
            f"{pairs_for(max(FAR_TARGETS))}; study.csv has the other figures"
        )
    by_value = []
    for value in study.values:
        own = sorted(
            (row for row in rows if row[0] == str(value) and int(row[1]) < study.seeds),
            key=lambda row: int(row[1]),
        )
        figures = {}
        for name in names:
            seeds = np.array([float(row[HEADER.index(name)]) for row in own])
            figures[name] = Figure(float(seeds.mean()), seeds)
        by_value.append(Row(value, str(value), figures))
    heading = {"dim": "dimensions", "people": "people"}[study.name]
    return StudyResult(study.name, heading, tuple(by_value))
