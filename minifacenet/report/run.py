"""These sections say how the run was made: its training curves, its settings, what it ran on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from .charts import training_charts
from .html import Html, join, table, tag
from .parts import ReportParts

WORDS = {True: "yes", False: "no", None: "–"}


def training_section(out: Path, parts: ReportParts) -> Html:
    """Show the curves of the network for known people, and of the one for strangers."""
    margin = parts.metrics["config"]["training"]["margin"]
    runs = [("known", "For known people", out / "log.csv", parts.metrics["closed"])]
    if parts.metrics["open"]:
        runs.append(("open", "For strangers", out / "open" / "log.csv", parts.metrics["open"]))
    content: list[Html] = []
    for name, title, log, result in runs:
        charts = training_charts(f"training-{name}", log, margin)
        missing = f"Left out: there is no {log.relative_to(out)} with one row per step."
        content += [
            tag("h3", f"{title}: {result['steps']} steps on {result['train_photos']} photos"),
            charts or tag("p", missing),
        ]
    return join(
        tag(
            "p",
            "Each step shows the network triplets of photos: an anchor, a positive of the same "
            "person, and a negative of another. It learns until each negative is farther from its "
            f"anchor than the positive, by a margin of {margin:g}. The loss is taken over the "
            "triplets that still violate this, so it need not fall; a training goes well when "
            "fewer pairs are active and the two distances part. A spread near 0 would mean that "
            "all photos have become one point.",
        ),
        content,
    )


def settings_section(parts: ReportParts) -> Html:
    """List all that decided about the run, and the versions that it ran on."""
    metrics = parts.metrics
    return join(
        tag(
            "p",
            "With the same photos, settings and versions on the same machine, a run repeats every "
            "figure.",
        ),
        tag(
            "div",
            table("Settings", ["setting", "value"], flattened(metrics["config"]), "plain"),
            table("Photos", ["what", "value"], flattened(metrics["data"]), "plain"),
            table("Environment", ["package", "version"], flattened(metrics["versions"]), "plain"),
            class_="tables",
        ),
    )


def flattened(settings: Mapping, before: str = "") -> Iterator[tuple[str, str]]:
    """Flatten nested settings to rows, such as ('training.rate', '0.0005')."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{before}{key}.")
        elif value is None or isinstance(value, bool):
            yield f"{before}{key}", WORDS[value]
        else:
            yield f"{before}{key}", str(value)
