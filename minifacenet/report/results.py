"""These sections say how good the network is, beside the methods that it has to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..classification.methods import OURS, Method
from ..classification.thresholds import Thresholds
from ..classification.verification import pair_distances, val_far
from ..classification.verification_scores import FAR_TARGETS
from .charts import distance_chart, roc_chart
from .html import Html, decimal, join, percent, table, tag
from .parts import ReportParts, StrangersParts
from .photos import Album, describe, person

MISTAKES = 40  # that are shown, of the photos that got a wrong name
NO_STRANGERS = (
    "Left out: nobody was kept from the network, because that takes at least four people with two "
    "photos each."
)


def headline(parts: ReportParts) -> Html:
    """Show the main figures, each with the best of the other methods beside it."""
    closed, opened, methods = parts.metrics["closed"], parts.metrics["open"], parts.methods
    keys = {"svm_accuracy": "accuracy", "auc": "AUC", "eer": "EER"}
    tables = [score_table("Known people", methods, closed, keys)]
    told = "of photos of known people named correctly"
    cards = [_card(methods, closed, "svm_accuracy", percent, told)]
    if opened:
        told = "AUC: how well distances tell strangers apart"
        cards += [
            _card(methods, opened, "auc", decimal, told),
            _card(
                methods, opened, "val_at_far_0.001", percent,
                "VAL at FAR 0.001: pairs of one stranger accepted, while 1 in 1,000 of two is",
            ),
        ]  # fmt: skip
        keys = {"auc": "AUC", "eer": "EER", "val_at_far_0.001": "VAL at FAR 0.001"}
        tables.append(score_table("Strangers", methods, opened, keys))
    return join(
        tag(
            "p",
            "The network turns a photo into a point, and photos of one person should lie close "
            "together. Here it is measured by naming people whom it knows",
            ", and by telling apart strangers whom it has never seen." if opened else ".",
        ),
        tag("ul", cards, class_="cards"),
        tag("div", tables, class_="tables"),
        tag("p", "Bold: the best of a column. AUC: the chance that two photos of one person lie "
            "closer than two photos of different people. EER: the rate of errors where both kinds "
            "are equally frequent, so small is good. VAL and FAR are explained at ",
            tag("a", "Strangers", href="#strangers"), "."),
    )  # fmt: skip


def score_table(
    caption: str, methods: Sequence[Method], scores: Mapping, columns: Mapping[str, str]
) -> Html:
    """Make one row per method, and the best of each column bold; `columns` are headings by key."""
    methods = [method for method in methods if method.key in scores]
    best = {}
    for key in columns:
        values = [scores[method.key][key] for method in methods if key in scores[method.key]]
        best[key] = (min if key in SMALL_IS_GOOD else max)(values, default=None)
    rows = []
    for method in methods:
        cells = [scores[method.key].get(key) for key in columns]
        row: list[str] = [method.title]
        for key, value in zip(columns, cells, strict=True):
            shown = decimal(value)
            marked = value is not None and value == best[key]
            row.append(tag("strong", shown) if marked else shown)
        rows.append(row)
    return table(caption, ["method", *columns.values()], rows)


SMALL_IS_GOOD = ("eer", "misnamed_rate", "rejected_rate", "false_accept_rate")


def _card(
    methods: Sequence[Method],
    scores: Mapping,
    key: str,
    shown: Callable[[float | None], str],
    label: str,
) -> Html:
    _, *others = methods
    others = [method for method in others if method.key in scores]
    best = max(others, key=lambda method: scores[method.key][key], default=None)
    beside = f"best other: {best.title}, {shown(scores[best.key][key])}" if best else None
    return tag(
        "li",
        tag("span", shown(scores[OURS.key][key]), class_="figure"),
        tag("span", label),
        tag("small", beside),
    )


def known_section(parts: ReportParts, album: Album) -> Html:
    """Show who got a wrong name, beside the person whom the photo was taken for."""
    closed, faces = parts.metrics["closed"], parts.known
    wrong = np.flatnonzero(parts.named != faces.labels)
    shown = wrong[:MISTAKES]
    more = f" The first {len(shown)} are shown." if len(shown) < len(wrong) else ""
    others = {
        method.title: round((1 - closed[method.key]["svm_accuracy"]) * len(faces))
        for method in parts.methods[1:]
        if method.key in closed
    }
    beside = ", ".join(f"{name} {count}" for name, count in others.items())
    return join(
        tag(
            "p",
            f"The network and a linear classifier learned {closed['people']} people from "
            f"{closed['train_photos']} photos, and then named {len(faces)} other photos of the "
            f"same people: {len(faces) - len(wrong)} right, {len(wrong)} wrong. ",
            f"Wrong with the other methods: {beside}. " if beside else None,
            "One photo more or less is "
            f"{100 / len(faces):.1f} %, so small differences mean little.",
        ),
        tag("p", "Each mistake, with the nearest photo of the person that it was taken for, and "
            "the nearest of its own person; distances are squared, from 0 to 4.", more)
        if len(wrong) else tag("p", "No photo was named wrong."),
        tag("ul", (_mistake(parts, album, index) for index in shown), class_="trios"),
        credit_line(parts) if len(wrong) else None,
    )  # fmt: skip


def _mistake(parts: ReportParts, album: Album, index: int) -> Html:
    faces, taken = parts.known, parts.named[index]
    figures = [_figure(album.face(faces, index, "asked"), f"is {person(faces, index)}")]
    for label, kind, what in (
        (taken, "wrong", f"taken for {faces.people[taken]}"),
        (faces.labels[index], "right", "its own person"),
    ):
        same = np.flatnonzero((faces.labels == label) & (np.arange(len(faces)) != index))
        if len(same):
            gaps = ((parts.known_vectors[same] - parts.known_vectors[index]) ** 2).sum(axis=1)
            near = same[gaps.argmin()]
            said = f"{what}: distance {gaps.min():.2f}"
            figures.append(_figure(album.face(faces, near, kind), said))
    return tag("li", figures, tag("p", describe(faces, index), class_="path"))


def _figure(face: Html, caption: str) -> Html:
    return tag("figure", face, tag("figcaption", caption))


def strangers_section(parts: ReportParts) -> Html:
    """Show ROC curves, VAL at FAR, and the distances with their thresholds."""
    opened, strangers = parts.metrics["open"], parts.strangers
    if not opened or strangers is None:
        return tag("p", NO_STRANGERS)
    ours, labels = opened[OURS.key], strangers.faces.labels
    pairs = ours["pairs_different"]
    columns = {"auc": "AUC", "eer": "EER"}
    columns |= {f"val_at_far_{target:g}": f"VAL at FAR {target:g}" for target in FAR_TARGETS}
    behind = [
        [f"FAR {target:g}", f"{ours[f'false_accepts_allowed_at_far_{target:g}']:,} of {pairs:,}"]
        for target in FAR_TARGETS
    ]
    return join(
        tag("p", f"A second network learned {opened['train_people']} people and then met "
            f"{len(labels)} photos of {opened['test_people']} others. Two photos count as one "
            "person if their distance is at most a threshold. VAL is the share of the "
            f"{ours['pairs_same']:,} pairs of one person that are accepted, rightly; FAR is the "
            f"share of the {pairs:,} pairs of different people that are accepted, falsely. A "
            "larger threshold raises both, and each point of a curve is one threshold."),
        roc_chart(parts.methods, strangers.vectors, labels, opened, FAR_TARGETS),
        score_table("All methods on the same pairs", parts.methods, opened, columns),
        tag("p", "A small FAR rests on few pairs: read a VAL with care where a handful decides."),
        table("Different pairs behind a FAR", ["rate", "pairs"], behind),
        _distances(parts, strangers),
    )  # fmt: skip


def _distances(parts: ReportParts, strangers: StrangersParts) -> Html:
    """Show histograms of ours and of the best other method, and what the stored thresholds do."""
    opened, labels = parts.metrics["open"], strangers.faces.labels
    measured = parts.metrics.get("thresholds")
    stored = Thresholds.of(measured) if measured else None
    named: list[tuple[str, float]] = []
    if stored:
        named.append(("best accuracy", stored.accuracy))
        named += [(f"FAR {far:g}", value) for far, value in stored.far.items()]
    ours, *others = [method for method in parts.methods if method.key in strangers.vectors]
    best = max(others, key=lambda method: opened[method.key]["auc"], default=None)
    charts = []
    for method in (ours, best) if best else (ours,):
        threshold, marks = opened[method.key]["balanced_accuracy_threshold"], named[:0]
        if method is ours and stored:
            threshold, marks = stored.accuracy, named[1:]
        vectors = strangers.vectors[method.key]
        title = f"Distances: {method.title}"
        charts.append(
            distance_chart(f"distances-{method.key}", title, vectors, labels, threshold, marks)
        )
    note = "The lines are the thresholds that fit these very pairs best, so they flatter a little."
    rows = []
    if stored:
        note = (
            f"Our thresholds come with the model; they were measured on {stored.source}, and not "
            "on the strangers shown here. The line of the other method is the one that fits these "
            "very pairs best. The table says what our thresholds do to the strangers."
        )
        pairs = pair_distances(strangers.ours, labels)
        rates = np.transpose(val_far(*pairs, [value for _, value in named]))
        for (name, value), (val, far) in zip(named, rates, strict=True):
            rows.append([name, decimal(value), percent(val), percent(far)])
    header = ["chosen for", "threshold", "VAL", "FAR"]
    return join(
        tag(
            "p", "How far apart two photos lie: the less the two hills overlap, the better. ", note
        ),
        tag("div", charts, class_="charts"),
        table("Stored thresholds on the strangers", header, rows) if rows else None,
    )


def credit_line(parts: ReportParts) -> Html | None:
    """Say whose photos these are, below every picture of faces."""
    return tag("p", parts.credit, class_="credit") if parts.credit else None
