"""A network row by row and as a whole, forward and backward: `minifacenet bench`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..nn.batchnorm import BatchNorm
from ..nn.layer import Sequential
from .clock import Timing, time_row
from .sides import PASSES, WHOLE, Ours, Part, Side
from .traffic import least_bytes

OUTPUT_ERROR = 1e-4  # of the output's size; float32 with another order of summation is far below
GRADIENT_ERROR = 1e-2  # at a kink of ReLU or a maximum, rounding may pass a value or stop it


def parts_of(network: Sequential, shape: tuple[int, ...]) -> dict[str, Part]:
    """Return the rows of the network's table for images of `shape` (H, W, C), with their layers.

    From here on its batch norms leave their running means as they are, for the same work: however
    often a side has trained, both compute the same for inference.
    """
    for layer in network.walk():
        if isinstance(layer, BatchNorm):
            layer.momentum = 0
    stages: dict[str, list] = {}
    for name, layer in network.layers.items():
        stages.setdefault(name.partition(".")[0], []).append((name, layer))
    return {row.name: Part(row, Sequential(*stages[row.name])) for row in network.table(shape)}


def time_network(
    parts: dict[str, Part],
    batch: int = 8,
    rounds: int = 5,
    against: Side | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
    device: str = "cpu",
) -> list[Timing]:
    """Time every row, the network without its LRN rows if it has any, and all of it ('total').

    Each row gets the input that it has in the network when that is given random photos.

    Parameters
    ----------
    parts : dict of Part
        As from `parts_of`.
    batch : int
        Photos that go through at once.
    against : Side, optional
        The yardstick, made of the same parts.
    tell : callable
        Called as tell(rows done, rows) before each row.
    device : 'cpu' or 'cuda'
        Where ours computes: the parts' parameters move there, after the yardstick has been made.

    Raises
    ------
    ValueError
        The two sides do not compute the same.
    """
    photos = x = random_photos(parts, batch)
    whole = _whole(list(parts))
    timings: list[Timing] = []
    ours, count = Ours(parts, device), len(parts) + len(whole)
    for name in parts:
        tell(len(timings), count)
        out = ours.output([name], x)
        timings.append(time_layers(name, [name], x, out, ours, against, rounds))
        x = out
    for name, rows in whole.items():
        tell(len(timings), count)
        timings.append(time_layers(name, rows, photos, x, ours, against, rounds))
    return timings


def _whole(rows: list[str]) -> dict[str, list[str]]:
    """Return the rows of the whole network by its name in the table, the full one last."""
    without = [name for name in rows if not name.startswith("rnorm")]
    names = WHOLE if len(without) < len(rows) else WHOLE[1:]
    return dict(zip(names, [without, rows][-len(names) :], strict=True))


def random_photos(parts: dict[str, Part], count: int) -> np.ndarray:
    """Return random input for the first row, (count, H, W, C), float32 in -1..1 as of photos."""
    shape = next(iter(parts.values())).row.input
    return np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype(np.float32)


def time_layers(
    title: str,
    names: Sequence[str],
    x: np.ndarray,
    out: np.ndarray,
    ours: Ours,
    against: Side | None,
    rounds: int,
) -> Timing:
    """Time these rows, run one after another on x; `out` has the output's shape and dtype."""
    dout = np.random.default_rng(1).standard_normal(out.shape, out.dtype)
    if against is not None:
        check_agreement(title, ours.values(names, x, dout)[""], against.values(names, x, dout))
    parts = [ours.parts[name] for name in names]
    traffic = [least_bytes(part, len(x)) for part in parts] if ours.device == "cuda" else []
    return time_row(
        title,
        _sum([part.operations(len(x)) for part in parts]),
        ours.calls(names, x, dout)[""],
        against.calls(names, x, dout) if against is not None else {},
        rounds,
        ours.device,
        _sum(traffic),
    )


def _sum(counts: list[dict[str, int]]) -> dict[str, int]:
    """Return the sum of the rows' counts, pass by pass."""
    return {which: sum(each[which] for each in counts) for which in PASSES}


def check_agreement(title: str, ours: tuple, theirs: dict[str, tuple]) -> None:
    """Raise ValueError unless outputs and input gradients are the same, up to rounding."""
    for layout, values in theirs.items():
        for what, a, b, bound in zip(
            ("output", "dx"), ours, values, (OUTPUT_ERROR, GRADIENT_ERROR), strict=True
        ):
            if a is None and b is None:
                continue
            shapes = [None if array is None else array.shape for array in (a, b)]
            if shapes[0] != shapes[1]:
                raise ValueError(f"{title}: our {what} is {shapes[0]}, theirs {shapes[1]}")
            error = np.linalg.norm(a - b) / max(np.linalg.norm(a), np.finfo(a.dtype).tiny)
            if not error <= bound:
                raise ValueError(
                    f"{title}: our {what} and theirs ({layout}) differ by {error:.2g} of its size, "
                    f"more than {bound:g}: two things that are not the same cannot be compared"
                )
