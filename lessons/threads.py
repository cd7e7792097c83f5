"""A drawing of what the threads of a kernel do: who reads which numbers, and who writes where.

The kernel runs in the exercises' simulator, which notes each access; so the drawing shows what the
code does and not what somebody meant it to do. Memory is a line, as it is in a GPU: an array of two
axes lies there row after row.
"""

from __future__ import annotations

import textwrap

import numpy as np
from exercises.core import Wrong
from exercises.simulator import Access, launch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minifacenet.plots.style import HUES

MOST = 40  # numbers of an array that can still be told apart
APART = 1.7  # between two lines of cells; a cell is 1 wide
BEFORE, AFTER = "threads", "threads "  # before a barrier, and after it


def show_threads(kernel, blocks: int, threads: int, arguments: dict) -> Figure:
    """Run a kernel over a line of blocks, and draw who reads and who writes what.

    `arguments` are the kernel's arrays, by name and in order; the last one is what it writes to.
    They hold at most `MOST` numbers each.

    From top to bottom: the arrays that are read; the threads, with a colour for each block, and
    hatched if they touch nothing; where there is shared memory that memory, and the threads once
    more; and the result. A line is an access. If the simulator finds a fault, such as a race, the
    title tells it, and all that happened before is drawn.
    """
    sizes = {name: array.size for name, array in arguments.items()}
    if max(sizes.values()) > MOST:
        raise ValueError(f"an array of at most {MOST} numbers can be drawn: got {sizes}")
    log: list[Access] = []
    fault = ""
    try:
        launch(kernel, (blocks, 1), (threads, 1), arguments, log)
    except Wrong as wrong:
        fault = str(wrong)
    return _draw(arguments, blocks, threads, log, fault)


def _draw(arrays, blocks, threads, log, fault) -> Figure:
    *sources, target = arrays
    shared = sorted({one.array for one in log if one.array not in arrays})
    size = 1 + max((place for one in log if one.array in shared for place in one.places), default=0)
    cells = {name: arrays[name].size for name in sources} | {BEFORE: blocks * threads}
    if shared:
        cells |= {name: blocks * size for name in shared} | {AFTER: blocks * threads}
    cells[target] = arrays[target].size
    widest = max(cells.values())
    level = {name: -APART * line for line, name in enumerate(cells)}

    figure = Figure(figsize=(9.5, 0.62 * len(cells) + 0.9), layout="constrained")
    ax = figure.add_subplot()
    busy = {_number(one, threads) for one in log}
    for name, count in cells.items():
        ax.text(-1.2, level[name], name.strip(), ha="right", va="center", fontsize=9)
        for place in range(count):
            of_threads = name in (BEFORE, AFTER)
            block = place // (threads if of_threads else size)
            colour = HUES[block % 5] if of_threads or name in shared else "0.95"
            text = "" if name in shared else _text(name, place, arrays, threads)
            idle = of_threads and place not in busy
            _cell(ax, place, level[name], text, colour, idle)
    for one in log:
        upper, lower = _between(one, shared, target)
        thread = upper if upper in (BEFORE, AFTER) else lower
        number = _number(one, threads)
        for place in one.places:
            place += one.block[0] * size if one.array in shared else 0
            ends = {thread: number, one.array: place}
            x = [ends[name] for name in (upper, lower)]
            y = [level[upper] - 0.42, level[lower] + 0.42]
            ax.plot(x, y, color=HUES[one.block[0] % 5], linewidth=1.1)
    ax.set(xlim=(-1.5, widest - 0.3), ylim=(min(level.values()) - 0.6, 0.6))
    ax.axis("off")
    ax.set_title(_told(sources, log, fault), loc="left", fontsize=9)
    return figure


def _number(one: Access, threads: int) -> int:
    return one.block[0] * threads + one.thread[0]


def _between(one: Access, shared, target) -> tuple[str, str]:
    """The two lines of cells that an access joins, the upper one first."""
    after = AFTER if shared else BEFORE
    if one.array in shared:
        return (BEFORE, one.array) if one.did == "writes" else (one.array, AFTER)
    return (after, target) if one.array == target else (one.array, BEFORE)


def _text(name: str, place: int, arrays, threads: int) -> str:
    """What stands in a cell: a thread's number in its block, or the number in memory."""
    if name in (BEFORE, AFTER):
        return f"{place % threads}"
    value = arrays[name].ravel()[place]
    return "" if np.isnan(value) else f"{value:g}"


def _cell(ax: Axes, x: float, y: float, text: str, colour: str, idle: bool) -> None:
    style = {"facecolor": "white", "hatch": "////", "edgecolor": "0.6"} if idle else {}
    style = style or {"facecolor": colour, "alpha": 0.45, "edgecolor": "0.3"}
    ax.add_patch(Rectangle((x - 0.42, y - 0.42), 0.84, 0.84, linewidth=0.8, **style))
    ax.text(x, y, "" if idle else text, ha="center", va="center", fontsize=8)


def _told(sources, log, fault: str) -> str:
    """How many numbers were read from each array, or the fault that ended it."""
    if fault:
        return textwrap.fill(fault, 110)
    counts = {n: sum(len(o.places) for o in log if o.array == n) for n in sources}
    return ", ".join(f"{count} reads of {name}" for name, count in counts.items())
