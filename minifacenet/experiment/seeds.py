"""The same run for several seeds shows how good it is, with which error, beside its rivals.

    seed-0/ seed-1/ ...   a whole run each, as `minifacenet run` writes it
    benchmark.csv         one row per seed, protocol, method and measure
    benchmark.png         every seed as a dot, the mean with its standard error

A seed draws the split, the weights and the batches, so the standard error over seeds covers all
three. The test photos of two seeds overlap, so it is the error for this data set, and not for all
people.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import plots
from ..classification.classifier import FaceClassifier
from ..classification.methods import (
    METHODS,
    OURS,
    Method,
    embed_with,
    fit_baselines,
    methods_with,
)
from ..embedding.checkpoint import load_model
from ..files.atomic import sweep, write_csv
from ..files.locks import locked
from ..files.reading import read_whole
from ..files.stored import LARGEST, is_number, json_object, settings_of
from ..files.words import shortened
from ..nn.device.backend import one_thread
from ..plots import seeds as comparison_plots
from ..preprocessing.faces import Faces
from ..training.observer import Observer
from ..training.splits import TRAIN_SHARE, split_photos
from .run import in_the_way, run
from .settings import RunConfig

FILES = ("benchmark.csv", "benchmark.png")
MEASURES = {
    "closed": ("svm_accuracy", "auc", "eer", "val_at_far_0.01", "val_at_far_0.001"),
    "open": (
        "auc",
        "eer",
        "val_at_far_0.01",
        "val_at_far_0.001",
        "correct_name_rate",
        "false_accept_rate",
        "dir_at_far_0.05",
        "bcubed_f1",
    ),
}


@dataclass(frozen=True)
class SeedScores:
    """What the seeds gave.

    Attributes
    ----------
    seeds : tuple of int
    values : dict of (protocol, method, measure) to ndarray of shape (seeds,)
    cost : dict of str to float
        The processor time of each method for embedding and naming one photo, as a multiple of that
        of pixels.
    network : str
        The name of the architecture.
    """

    seeds: tuple[int, ...]
    values: dict[tuple[str, str, str], np.ndarray]
    cost: dict[str, float]
    network: str = "nn1_mini"

    @property
    def methods(self) -> tuple[Method, ...]:
        """List the methods that were compared, our network first."""
        return methods_with(self.network)

    def mean_error(self, protocol: str, method: str, measure: str) -> tuple[float, float]:
        """Give the mean over the seeds, and its standard error (NaN for a single seed)."""
        values = self.values[protocol, method, measure]
        if len(values) == 1:
            return float(values[0]), float("nan")
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def run_seeds(
    faces: Faces,
    out: Path,
    seeds: int,
    config: RunConfig,
    observer: Observer | None = None,
    force: bool = False,
) -> SeedScores:
    """Run the seeds 0 to `seeds` - 1 of `config`, and gather their figures.

    A seed whose folder holds the results of this very configuration and these photos is not run
    again, so what was interrupted goes on where it stopped.

    Raises
    ------
    ValueError
        A seed's folder, or `out`, holds something else, and `force` does not allow replacing it;
        or another process is at work in `out`.
    """
    if seeds < 1:
        raise ValueError(f"a benchmark takes at least one seed, got {seeds}")
    observer = observer or Observer()
    runs = [
        (out / f"seed-{seed}", replace(config, training=replace(config.training, seed=seed)))
        for seed in range(seeds)
    ]
    with locked(out):
        sweep(out)
        stored = [_finished(folder, faces, seeded, force) for folder, seeded in runs]
        there = [name for name in FILES if (out / name).exists()]
        if there and stored[0] is None and not force:
            raise ValueError(
                f"{out} holds {there[0]} without the runs that it came from: choose another "
                "--out, or say --force to replace it"
            )
        results: list[dict[str, Any]] = []
        for seed, (metrics, (folder, seeded)) in enumerate(zip(stored, runs, strict=True)):
            if metrics is None:
                observer.say(f"Seed {seed}, {seed + 1} of {seeds}")
                metrics = run(faces, folder, seeded, observer)
            else:
                with locked(folder):  # frees what a process left that was killed when all was done
                    pass
                observer.say(
                    f"Seed {seed}: the results in {folder} are of this run, taken from there"
                )
            results.append(metrics)
        result = SeedScores(
            tuple(range(seeds)),
            _values(results),
            _cost(faces, out / "seed-0", config),
            config.network,
        )
        rows = (
            (seed, *names, repr(float(value)))
            for names, row in result.values.items()
            for seed, value in enumerate(row)
        )
        write_csv(out / FILES[0], ("seed", "protocol", "method", "measure", "value"), rows)
        seeds_figure(out, result)
    return result


def _values(results: list[dict[str, Any]]) -> dict[tuple[str, str, str], np.ndarray]:
    return {
        (protocol, method, measure): np.array([r[protocol][method][measure] for r in results])
        for protocol, measures in MEASURES.items()
        if all(result[protocol] for result in results)
        for method in (method.key for method in METHODS)
        for measure in measures
        if all(measure in result[protocol][method] for result in results)
    }


def _finished(folder: Path, faces: Faces, config: RunConfig, force: bool) -> dict[str, Any] | None:
    """Read the metrics of a run in `folder` that need not be repeated; None if there are none."""
    path = folder / "metrics.json"
    if not path.exists():
        there = in_the_way(folder)
        if there and not force:
            raise ValueError(
                f"{folder} holds {there[0]}, and no run: choose another --out, or say --force to "
                "replace it"
            )
        return None
    try:
        metrics = json_object(read_whole(path))
        others = metrics["data"]["content"] != faces.content
        changed = settings_of(RunConfig, metrics["config"], "config") != config
        _check_figures(metrics)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        wrong = f"{path} is not the metrics of a run ({shortened(error)})"
    else:
        if not (others or changed):
            whole = all((folder / name).exists() for name in ("model.safetensors", "report.html"))
            return metrics if whole else None
        wrong = f"{folder} holds a run {'of other photos' if others else 'with other settings'}"
    if not force:
        raise ValueError(f"{wrong}: choose another --out, or say --force to replace it")
    return None


def _check_figures(metrics: dict[str, Any]) -> None:
    """Refuse metrics in which a figure that the table takes is no number.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        The message names the figure, or where it should stand.
    """
    for protocol, measures in MEASURES.items():
        of_methods = metrics[protocol]
        if of_methods is None:  # too few people to keep any back
            continue
        for method in METHODS:
            for measure in measures:
                value = of_methods[method.key].get(measure, 0)
                if not is_number(value, -LARGEST, LARGEST):
                    where = f"{protocol}.{method.key}.{measure}"
                    raise ValueError(f"{where} is {shortened(value)}, no number")


def _cost(faces: Faces, folder: Path, config: RunConfig, rounds: int = 5) -> dict[str, float]:
    """Measure the processor time for a photo from pixels to its name, with one thread.

    The methods take turns, and each gets the median of its rounds, relative to pixels.
    """
    split = split_photos(faces.labels, TRAIN_SHARE, np.random.default_rng(0))
    known, asked = faces.subset(split.train), faces.images[split.test[:40]]
    seconds: dict[str, list[float]] = {method.key: [] for method in METHODS}
    with one_thread():
        ours = embed_with(load_model(folder), config.flip)
        embeds = {OURS.key: ours, **fit_baselines(known)}
        namers = {
            method: FaceClassifier().fit(embed(known.pixels), known.labels)
            for method, embed in embeds.items()
        }
        for _ in range(rounds):
            for method, embed in embeds.items():
                start = time.process_time()
                namers[method].predict(embed(asked))
                seconds[method].append(time.process_time() - start)
    median = {method: statistics.median(values) for method, values in seconds.items()}
    return {method: value / median["pixels"] for method, value in median.items()}


def seeds_figure(out: Path, result: SeedScores) -> None:
    """Draw `benchmark.png`: every method and seed, by what was asked."""
    panels: dict[str, dict[str, np.ndarray]] = {}
    measures: dict[str, str] = {}
    for title, protocol, measure, label in (
        ("Known people", "closed", "svm_accuracy", "accuracy"),
        ("Pairs of known people", "closed", "auc", "AUC"),
        ("Pairs of strangers", "open", "auc", "AUC"),
    ):
        if (protocol, OURS.key, measure) in result.values:
            panels[title] = {
                method.title: result.values[protocol, method.key, measure]
                for method in result.methods
            }
            measures[title] = label
    plots.save(comparison_plots.seed_dots(panels, measures), out / "benchmark.png")
