"""Every figure of a run: what the training did, what the distances say, what the faces show.

Each function takes arrays, draws on the Axes that it is given or on a new figure, and returns the
Axes. Nothing here touches pyplot or the global settings, so a report may draw without a screen and
in any thread. In a notebook `ax.figure` is the picture; :func:`save` writes it.

Distances are **squared** L2. Images are ndarrays of shape (N, H, W, C), uint8, C = 1 or 3. The
colours are Okabe and Ito's, which colour-blind readers can tell apart, and colour never speaks
alone: lines differ in their dashes, verdicts carry a mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from .files import replacing

SAME, DIFFERENT = "#0072B2", "#D55E00"  # blue: same person, right; vermilion: the others, wrong
HUES = (SAME, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", DIFFERENT, "#F0E442", "#000000")
DASHES = ("-", "--", "-.", ":")
BOLD = {"loc": "left", "fontsize": 11, "fontweight": "bold", "family": "DejaVu Sans"}


def training_curves(
    records: Iterable | Mapping[str, ArrayLike],
    scores: Sequence[tuple[int, float]] | None = None,
    ax: Sequence[Axes] | None = None,
    margin: float | None = None,
) -> np.ndarray:
    """The health of a training: a panel each for loss, active pairs, distances, spread (and AUC).

    Parameters
    ----------
    records : iterable of StepRecord, or mapping of its field names to columns
    scores : sequence of (step, AUC), optional
        Measured on people outside the training; adds the fifth panel.
    ax : four Axes, or five with `scores`, optional
    margin : float, optional
        Drawn into the panels of the loss and of the distances.

    Returns
    -------
    ndarray of Axes, shape (4,) or (5,)
        Faint lines are single steps, strong ones running means over 1/25 of the run.
    """
    step, loss, active, positive, negative, spread = _columns(records)
    axes = _panels(ax, 5 if scores else 4)
    distance, guide = "squared L2 distance", {"color": "0.4", "linestyle": ":"}
    _name(axes[0], "Loss of the active triplets", distance)
    _curve(axes[0], step, loss, HUES[7])
    _name(axes[1], "Active anchor-positive pairs", "share of the pairs (%)")
    _curve(axes[1], step, 100 * active, HUES[2])
    _name(axes[2], "Mean distances to negatives and positives", distance)
    _curve(axes[2], step, negative, DIFFERENT, "--", "d(a,n)")
    _curve(axes[2], step, positive, SAME, "-", "d(a,p)")
    _name(axes[3], "Spread: mean distance of all pairs", distance)
    _curve(axes[3], step, spread, HUES[3])
    axes[3].axhline(2, label="random points on the sphere", **guide)
    if margin is not None:
        axes[0].axhline(margin, label=f"margin {margin:g}", **guide)
        axes[2].plot(step, _smooth(positive) + margin, label=f"d(a,p) + {margin:g}", **guide)
    for panel in axes[:4]:
        top = panel.dataLim.y1  # -inf if there is no value at all
        panel.set_ylim(0, 1.25 * top if top > 0 else 1)  # headroom for the legend
        if panel.get_legend_handles_labels()[0]:
            panel.legend(loc="upper right", ncols=3, fontsize=9, frameon=False)
    axes[1].set_ylim(0, 105)
    if scores:
        at, auc = np.asarray(scores, dtype=np.float64).T
        _name(
            axes[4], f"Verification on people never trained on: AUC {auc[-1]:.3f} at the end", "AUC"
        )
        axes[4].plot(at, auc, color=SAME, marker="o", linewidth=2)
        axes[4].set_ylim(min(0.5, auc.min()), 1.02)
    for panel in axes[2:]:
        panel.tick_params(labelbottom=True)
    for panel in axes[4:] if scores else axes[2:]:
        panel.set_xlabel("training step")
    return axes


def distance_histograms(
    distances: ArrayLike, same: ArrayLike, threshold: float | None = None, ax: Axes | None = None
) -> Axes:
    """How far apart two photos of one person lie, and of two people, each out of 100 %.

    Parameters
    ----------
    distances, same : ndarray of shape (M,), float and bool
        Of all pairs, as from `verification.pair_distances`. One of the two kinds may be missing.
    threshold : float, optional
        Drawn with its VAL and FAR: the shares at or below it.
    """
    distances, same = np.asarray(distances, dtype=np.float64), np.asarray(same, dtype=bool)
    if distances.ndim != 1 or distances.shape != same.shape or not distances.size:
        raise ValueError(
            f"expected one distance and one flag a pair, got {distances.shape} and {same.shape}"
        )
    ax = _axes(ax, 9, 4.5)
    edges = np.linspace(0, max(distances.max(), threshold or 0, 1e-6) * 1.02, 61)
    kinds = {"same person": (same, SAME, "-"), "different people": (~same, DIFFERENT, "--")}
    for name, (kind, colour, dash) in kinds.items():
        share = 100 * np.histogram(distances[kind], edges)[0] / max(kind.sum(), 1)
        label = f"{name} ({kind.sum():,} pairs)"
        ax.stairs(share, edges, fill=True, color=colour, alpha=0.3)
        ax.stairs(share, edges, color=colour, linestyle=dash, linewidth=1.8, label=label)
    low = threshold is None or threshold < edges[-1] / 2
    if threshold is not None:
        ax.axvline(threshold, color="black", linewidth=1.5)
        lines = [f"threshold {threshold:.2f}"]
        for name, kind in (("VAL", same), ("FAR", ~same)):
            if kind.any():
                lines.append(f"{name} {100 * np.mean(distances[kind] <= threshold):.1f} %")
        offset = {"xytext": (6 if low else -6, -4), "textcoords": "offset points"}
        place = {"ha": "left" if low else "right", "va": "top", **offset}
        ax.annotate("\n".join(lines), (threshold, 1), xycoords=("data", "axes fraction"), **place)
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(0, 1.3 * ax.dataLim.y1)  # headroom for the legend
    ax.legend(loc="upper right" if low else "upper left", frameon=False)
    _name(ax, "Distances between two photos", "share of the pairs (%)", "squared L2 distance")
    return ax


def roc(curves: Mapping[str, tuple], ax: Axes | None = None) -> Axes:
    """VAL against FAR of several methods, the first one in front.

    The axis of FAR is logarithmic, because the rates that matter are small, and a logarithm has no
    place for FAR = 0. The smallest rate above is 1 / (number of different pairs): the grey band,
    labelled 0, stands for everything below, and a curve crosses it at the VAL that it reaches
    without any false accept. Curves are steps, as in 'VAL at FAR 0.001': the best at that rate or
    a lower one, never something between two thresholds.

    Parameters
    ----------
    curves : mapping of names to (far, val) or (far, val, auc)
        `far` and `val` of shape (K,), the first two of `verification.roc`; `auc` a number.
    """
    if not curves:
        raise ValueError("no curves to draw")
    ax = _axes(ax, 9, 5.5)
    floor = min(np.min(far, where=np.asarray(far) > 0, initial=1) for far, *_ in curves.values())
    edge = floor / 3
    for number, (name, (far, val, *auc)) in enumerate(curves.items()):
        order = np.lexsort((val, far))
        far, val = np.asarray(far)[order], np.asarray(val)[order]
        ax.plot(
            np.concatenate([[edge], far[far > 0]]),
            np.concatenate([[val[far == 0].max(initial=0)], val[far > 0]]),
            drawstyle="steps-post",
            color=HUES[number % len(HUES)],
            linestyle=DASHES[number % len(DASHES)],
            linewidth=2 if number else 2.8,
            zorder=4 - number / len(curves),
            label=f"{name}, AUC {auc[0]:.3f}" if auc else name,
        )
    chance = np.geomspace(floor, 1, 200)
    ax.plot(chance, chance, color="0.6", linewidth=1, label="chance")
    ax.axvspan(edge, floor, color="0.92")
    ax.set_xscale("log")
    ax.minorticks_off()
    decades = 10.0 ** np.arange(np.ceil(np.log10(floor)), 1)
    names = [np.format_float_positional(decade, trim="-") for decade in decades]
    ax.set_xticks([np.sqrt(edge * floor), *decades], ["0", *names])
    ax.set_xlim(edge, 1)
    ax.set_ylim(0, 1.02)
    ax.legend(loc="lower right", framealpha=1)
    far = "FAR: share of different pairs accepted (logarithmic; grey: none at all)"
    _name(ax, "Verification: ROC curves", "VAL: share of same pairs accepted", far)
    return ax


def embedding_map(
    embeddings: ArrayLike,
    images: ArrayLike,
    labels: ArrayLike,
    ax: Axes | None = None,
    seed: int = 0,
    most: int = 300,
    credit: str | None = None,
) -> Axes:
    """The faces laid out so that near embeddings lie near each other, a frame colour per person.

    t-SNE places the faces (fewer than ten: two principal components); then each takes a near free
    cell of a grid, so that none covers another. Who is next to whom means something, how far apart
    does not. Beyond eight people colours come again: for the next eight from left to right dashed,
    then plain, so that people with the same frame lie apart.

    Parameters
    ----------
    embeddings : ndarray of shape (N, D)
    images : ndarray of shape (N, H, W, C), uint8
    labels : ndarray of shape (N,)
    seed : int
        Of t-SNE, and of which people are drawn where there are more than `most` faces.
    credit : str, optional
        Where the faces come from; small, below the picture.
    """
    embeddings, labels = np.asarray(embeddings, dtype=np.float64), np.asarray(labels)
    images = _checked(images, embeddings, labels)
    people, codes = np.unique(labels, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(people))[codes]
    chosen = np.argsort(order, kind="stable")[:most]  # whole people, except perhaps the last
    cells = _seats(_flatten(embeddings[chosen], seed))
    people, codes = np.unique(labels[chosen], return_inverse=True)
    middles = [cells[codes == code, 0].mean() for code in range(len(people))]
    rank = np.argsort(np.argsort(middles))  # of each person, from left to right

    of = f" of {len(images)}" if len(chosen) < len(images) else ""
    who = f"{len(people)} people" if len(people) > 1 else "one person"
    title = f"{len(chosen)}{of} faces of {who}: near faces have near embeddings"
    ax = _gallery(ax, cells.max(axis=0) + 0.5, title, credit)
    for face, cell, turn in zip(chosen, cells, rank[codes], strict=True):
        dash = DASHES[turn // len(HUES) % 2]
        _face(ax, images[face], cell, HUES[turn % len(HUES)], dash, size=0.86)
    return ax


def naming_sheet(
    images: ArrayLike,
    true_names: Sequence,
    predicted_names: Sequence,
    distances: ArrayLike | None = None,
    ax: Axes | None = None,
    most: int = 40,
    credit: str | None = None,
) -> Axes:
    """A contact sheet of test faces with the names that they got, the wrong ones first.

    Blue and ✓ is right; vermilion, dashed and ✗ is wrong and tells the true name too.

    Parameters
    ----------
    images : ndarray of shape (N, H, W, C), uint8
    true_names, predicted_names : sequence of N names
        Compared as text: a stranger called 'unknown' is right where 'unknown' is its true name.
    distances : ndarray of shape (N,), optional
        Squared L2, those that decided; written into the photos.
    most : int
        How many faces to show.
    credit : str, optional
    """
    images = _checked(
        images, true_names, predicted_names, images if distances is None else distances
    )
    true, given = np.array(true_names).astype(str), np.array(predicted_names).astype(str)
    right = true == given
    order = np.argsort(right, kind="stable")[:most]
    columns = min(8, max(5, len(order)))
    rows = -(-len(order) // columns)
    height = 1.42
    shown = f" ({len(order)} shown, the wrong ones first)" if len(order) < len(images) else ""
    title = f"{right.sum()} of {len(images)} faces named right{shown}"
    ax = _gallery(ax, (columns - 0.5, height * rows - 0.5), title, credit)
    for number, face in enumerate(order):
        x, y = number % columns, height * (number // columns)
        colour, dash, mark = (SAME, "-", "✓") if right[face] else (DIFFERENT, "--", "✗")
        _face(ax, images[face], (x, y), colour, dash, size=0.9)
        text = _short(f"{mark} {given[face]}")
        if not right[face]:
            text += "\n" + _short(f"is {true[face]}")
        _write(ax, x, y + 0.49, text, colour, va="top")
        if distances is not None:
            _write(ax, x + 0.27, y + 0.36, f"{distances[face]:.2f}", colour, box=True)
    return ax


def distance_grid(
    embeddings: ArrayLike,
    images: ArrayLike,
    labels: ArrayLike,
    people: Sequence,
    ax: Axes | None = None,
    photos: int = 4,
    threshold: float | None = None,
    credit: str | None = None,
) -> Axes:
    """The paper's Fig. 1: a row a person, squared distances between neighbouring photos.

    Across a row both photos show one person and the distance should be small; down a column they
    show two people and it should be large. With a `threshold`, ✗ marks those on its wrong side.

    Parameters
    ----------
    embeddings, images, labels : of N photos, as in :func:`embedding_map`
    people : sequence of labels
        The rows; each shows that person's first `photos` photos.
    """
    embeddings, labels = np.asarray(embeddings, dtype=np.float64), np.asarray(labels)
    images = _checked(images, embeddings, labels)
    rows = [np.flatnonzero(labels == person)[:photos] for person in people]
    if not rows or not all(map(len, rows)):
        raise ValueError(f"expected people among the labels, got {list(people)}")
    across, down = np.array([1.5, 0]), np.array([0, 1.3])
    right, bottom = (max(map(len, rows)) - 1) * across + (len(rows) - 1) * down + 0.55
    at = "" if threshold is None else f", threshold {threshold:.2f} (✗: on its wrong side)"
    title = f"Squared L2 distance{at}\nAcross: the same person. Down: different people."
    ax = _gallery(ax, (right, bottom), title, credit, left=-0.85)
    for number, (person, row) in enumerate(zip(people, rows, strict=True)):
        _write(ax, -0.7, number * down[1], _short(str(person)), "black", rotation=90)
        below = rows[number + 1] if number + 1 < len(rows) else []
        for column, face in enumerate(row):
            place = column * across + number * down
            _face(ax, images[face], place, "0.6")
            if column + 1 < len(row):
                other = embeddings[row[column + 1]]
                _compare(ax, place + across / 2, embeddings[face], other, True, threshold)
            if column < len(below):
                other = embeddings[below[column]]
                _compare(ax, place + down / 2, embeddings[face], other, False, threshold)
    return ax


def save(ax: Axes | np.ndarray, path: str | Path, dpi: int = 150) -> None:
    """The whole figure of these Axes as a PNG, atomically: the old file or the new one."""
    with replacing(path) as temporary:
        np.ravel(ax)[0].figure.savefig(temporary, format="png", dpi=dpi)


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The given Axes or those of a new figure of this size in inches, with a light frame."""
    if ax is None:
        ax = Figure(figsize=(width, height), layout="constrained").add_subplot()
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


def _name(ax: Axes, title: str, y: str, x: str = "") -> None:
    ax.set_title(title, **BOLD)
    ax.set_ylabel(y)
    ax.set_xlabel(x)


def _panels(axes: Sequence[Axes] | None, count: int) -> np.ndarray:
    """Two by two panels over the same steps, and a fifth below them."""
    if axes is None:
        rows, heights = ("ab;cd", [1, 1]) if count == 4 else ("ab;cd;ee", [1, 1, 0.8])
        figure = Figure(figsize=(9, 2.7 * sum(heights)), layout="constrained")
        mosaic = figure.subplot_mosaic(rows, sharex=True, height_ratios=heights)
        axes = list(mosaic.values())
    axes = np.ravel(axes)
    if len(axes) != count:
        raise ValueError(f"these curves need {count} Axes, got {len(axes)}")
    return np.array([_axes(panel, 0, 0) for panel in axes])


def _columns(records: Iterable | Mapping[str, ArrayLike]) -> list[np.ndarray]:
    """The fields that :func:`training_curves` draws, step first, each of shape (steps,)."""
    fields = ("step", "loss", "active", "positive_distance", "negative_distance", "spread")
    if not isinstance(records, Mapping):
        records = list(records)
        records = {name: [getattr(record, name) for record in records] for name in fields}
    columns = [np.asarray(records[name], dtype=np.float64) for name in fields]
    if not columns[0].size:
        raise ValueError("no steps to draw: records is empty")
    return columns


def _curve(ax, step, values, colour, dash="-", label=None) -> None:
    """Every step faintly, the running mean strongly."""
    ax.plot(step, values, color=colour, alpha=0.25, linewidth=0.8)
    marker = "o" if len(step) == 1 else None
    ax.plot(step, _smooth(values), dash, color=colour, linewidth=2, marker=marker, label=label)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Mean over a window around each step, of the values that there are (NaN: no value)."""
    window = np.ones(len(values) // 50 * 2 + 1)  # odd, so that it has a middle
    known = np.isfinite(values)
    total = np.convolve(np.where(known, values, 0), window, "same")
    count = np.convolve(known, window, "same")
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0.5)


def _checked(images: ArrayLike, *others: Sequence) -> np.ndarray:
    """The images, if they are uint8 (N, H, W, C) and all `others` have N rows too."""
    images = np.asarray(images)
    if (
        images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[3] not in (1, 3)
        or not images.size
    ):
        raise ValueError(
            "expected uint8 images of shape (N, H, W, C) with C = 1 or 3, "
            f"got {images.dtype} of shape {images.shape}"
        )
    counts = [len(other) for other in others]
    if set(counts) != {len(images)}:
        raise ValueError(f"there are {len(images)} images, but {counts} rows beside them")
    return images


def _flatten(embeddings: np.ndarray, seed: int) -> np.ndarray:
    """A place in the plane for each embedding: (N, D) -> (N, 2)."""
    u, s, _ = np.linalg.svd(embeddings - embeddings.mean(axis=0), full_matrices=False)
    components = np.pad(u * s, [(0, 0), (0, 2)])[:, :2]
    n = len(embeddings)
    if n < 10:
        return components
    from sklearn.manifold import TSNE  # a second to load, and only this figure needs it

    start = (1e-4 * components / max(components.std(), 1e-12)).astype(np.float32)
    # The default perplexity, 30, asks for more neighbours than a person has photos.
    method = TSNE(perplexity=min(15, (n - 1) / 3), init=start, random_state=seed)
    # Its threads wait for each other where other programs keep the cores busy: 24 faces have taken
    # 88 s that way, and take under one second in a single thread.
    with threadpool_limits(1):
        return method.fit_transform(embeddings)


def _seats(places: np.ndarray) -> np.ndarray:
    """The cells (column, row) of a grid, twice as many as faces, nearest to the places in sum."""
    rows = int(np.ceil(np.sqrt(2 * len(places) / 1.5)))
    columns = int(np.ceil(1.5 * rows))
    cells = np.array([(column, row) for row in range(rows) for column in range(columns)])
    span = np.maximum(np.ptp(places, axis=0), 1e-12)
    wanted = (places - places.min(axis=0)) / span * [columns - 1, rows - 1]
    _, seat = linear_sum_assignment(cdist(wanted, cells, "sqeuclidean"))
    return cells[seat] - cells[seat].min(axis=0)


def _gallery(ax, corner, title: str, credit: str | None, left: float = -0.5) -> Axes:
    """Room for faces of size 1 from (0, 0), y downwards, to the lower right `corner`."""
    (right, bottom), top = corner, -0.5
    inches = min(9 / (right - left), 1.8)  # a face, so that a few do not fill a screen
    ax = _axes(ax, 9, 0.7 + inches * (bottom - top))
    ax.spines[:].set_visible(False)
    ax.grid(False)
    ax.set(xticks=[], yticks=[], xlim=(left, right), ylim=(bottom, top), anchor="NW")
    ax.set_title(title, **BOLD)
    ax.set_xlabel(credit or "", fontsize=8, color="0.4", loc="left")
    return ax


def _face(ax, image, centre, colour, dash="-", size=1.0) -> None:
    """One face as a square with a frame; `centre` is (x, y)."""
    left, top = np.asarray(centre) - size / 2
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    ax.imshow(rgb, extent=(left, left + size, top + size, top))
    for edge, line in (("white", "-"), (colour, dash)):  # white shows in the gaps of the dashes
        frame = {"edgecolor": edge, "linestyle": line, "linewidth": 2, "clip_on": False}
        ax.add_patch(Rectangle((left, top), size, size, fill=False, **frame))


def _compare(ax, place, one, other, same: bool, threshold: float | None) -> None:
    """The squared distance of two embeddings, and ✗ if the threshold judges them wrongly."""
    distance = ((one - other) ** 2).sum()
    wrong = threshold is not None and (distance <= threshold) != same
    text = f"{distance:.2f}{' ✗' if wrong else ''}"
    _write(ax, *place, text, SAME if same else DIFFERENT, fontsize=11)


def _write(ax, x, y, text, colour, fontsize=8.5, va="center", rotation=0, box=False) -> None:
    # DejaVu Sans comes with Matplotlib and has both marks, whatever font the reader has chosen.
    place = {"ha": "center", "va": va, "rotation": rotation, "family": "DejaVu Sans"}
    if box:
        place["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    ax.text(x, y, text, color=colour, fontsize=fontsize, **place)


def _short(text: str, most: int = 14) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
