"""Lesson 07, five puzzles: from a guard to a halo, each for one thread of many."""

import numpy as np

from .core import Wrong, exercise, expect
from .simulator import launch

BLOCK = 8  # threads of a block, in the puzzles with shared memory
SIDE = 4  # and of a side of one, or of a whole one, in those without
LENGTHS = (8, 16, 10, 3, 1, 13)
SHAPES = ((5, 7), (4, 4), (8, 12), (3, 9), (9, 2), (1, 6))
TAPS = 3


def _numbers(rng, *shape):
    return rng.integers(1, 10, shape).astype(np.float32)  # no 0: it could pass for a right answer


def _run(answer, grid, threads, shape, right, **arrays):
    """Launch a kernel on fresh memory, expect what is right, and return its reads and its log."""
    out = np.full(shape, np.nan, np.float32)
    log = []
    reads = launch(answer, grid, threads, {**arrays, "out": out}, log)
    name = " and ".join(f"{key} of shape {value.shape}" for key, value in arrays.items())
    if not any(one.did == "writes" and one.array == "out" for one in log):
        raise Wrong(f"{name}: no thread has written a number to out")
    if np.isnan(out).any():
        place = ", ".join(map(str, np.argwhere(np.isnan(out))[0]))
        raise Wrong(
            f"{name}: out[{place}] is NaN. Either no thread has written it, or what went into it "
            "was never given a value: neither out nor a shared array begins with zeros"
        )
    expect(f"{name}: out", out, right, 1e-6)
    return reads, log


def _one_each(log, what):
    """`Wrong` if one thread writes several numbers of out, while others have nothing to do."""
    by = [(one.block, one.thread) for one in log if one.did == "writes" and one.array == "out"]
    most = max(by.count(who) for who in set(by))
    if most > 1:
        raise Wrong(
            f"the result is right, but one thread writes {most} numbers of out, while the others "
            f"have nothing to do: one thread for each {what}"
        )


def _once(reads, array, needed, advice):
    """`Wrong` if more numbers were read from global memory than there is any need for."""
    if reads[array] > needed:
        raise Wrong(
            f"the result is right, but your threads read {reads[array]} numbers of {array} from "
            f"global memory, and {needed} would do. {advice}"
        )


@exercise(
    "07.2",
    hints=(
        "Four blocks of four are sixteen threads. What should the last three do if there are "
        "thirteen pixels?",
        "`cuda.grid(1)` says which thread of all it is; `out.shape[0]` says how many pixels there "
        "are. `who_am_i` above has a guard for two axes.",
        "i = ...; if i < ...: out[i] = ...",
    ),
    answer="exercises.answers_07.brighten",
)
def brighten(answer):
    rng = np.random.default_rng(72)
    for n in LENGTHS:
        x = _numbers(rng, n)
        reads, log = _run(answer, (-(-n // SIDE), 1), (SIDE, 1), n, x + 10, x=x)
        _one_each(log, "pixel")
        _once(reads, "x", n, "Each thread needs its own alone")
    return f"{len(LENGTHS)} lengths, and nobody reads or writes beyond the end."


@exercise(
    "07.3",
    hints=(
        "Which pixel of a row ends up in the place of column 0? And in that of column 1?",
        "`column, row = cuda.grid(2)`: x first. The guard has two conditions, one per axis, and "
        "`out.shape` is (rows, columns).",
        "if row < ... and column < ...: out[row, column] = image[row, (last column) - column]",
    ),
    answer="exercises.answers_07.mirror",
)
def mirror(answer):
    rng = np.random.default_rng(73)
    for shape in SHAPES:
        image = _numbers(rng, *shape)
        grid = (-(-shape[1] // SIDE), -(-shape[0] // SIDE))
        try:
            reads, log = _run(answer, grid, (SIDE, SIDE), shape, image[:, ::-1], image=image)
        except Wrong as wrong:
            if shape[0] != shape[1] and "NaN" in str(wrong):
                raise Wrong(f"{wrong}. Are x and y in their order? x is the column") from None
            raise
        _one_each(log, "pixel")
        _once(reads, "image", image.size, "Each thread needs one pixel")
    return f"{len(SHAPES)} shapes. A map: each output has its own thread, and reads one number."


@exercise(
    "07.4",
    hints=(
        "There are as many threads as rows. How often does each of them go through a loop?",
        "One thread reads all columns of its own row. Where does it keep the sum while it does? "
        "out is global memory, far away; a variable of its own is a register.",
        "total = float32(0); for k in range(...): total += ...; and in the end out[row] = total, "
        "all of it behind the guard.",
    ),
    answer="exercises.answers_07.row_sums",
)
def row_sums(answer):
    rng = np.random.default_rng(74)
    for shape in SHAPES:
        a = _numbers(rng, *shape)
        grid = (-(-shape[0] // SIDE), 1)
        reads, log = _run(answer, grid, (SIDE, 1), shape[0], a.sum(axis=1), a=a)
        _once(reads, "a", a.size, "Each thread reads its own row, once")
        writes = sum(one.did == "writes" and one.array == "out" for one in log)
        if reads["out"] or writes > shape[0]:
            raise Wrong(
                f"the sums are right, but out is read {reads['out']} times and written {writes} "
                f"times, for {shape[0]} rows. Add up in a variable, which stays near, and write "
                "it once"
            )
        _one_each(log, "row")
    return "A loop inside of a thread: no race, since nobody else writes to that row's sum."


@exercise(
    "07.5",
    hints=(
        "Who may add up, and what must all the others have done by then?",
        "Every thread brings one number into `cuda.shared.array(BLOCK, float32)`, or a 0 if it "
        "lies beyond the end. `mirrored` above shows where the barrier goes.",
        "tile[t] = x[i] if i < n else 0; cuda.syncthreads(); and then only thread 0 of the block "
        "adds up the tile and writes out[cuda.blockIdx.x]. (Faster: half of the threads add the "
        "other half's numbers, then a quarter, with a barrier after each.)",
    ),
    answer="exercises.answers_07.block_sums",
)
def block_sums(answer):
    rng = np.random.default_rng(75)
    for n in (8, 16, 13, 3, 1, 20):
        x = _numbers(rng, n)
        blocks = -(-n // BLOCK)
        right = [x[b * BLOCK : (b + 1) * BLOCK].sum() for b in range(blocks)]
        reads, log = _run(answer, (blocks, 1), (BLOCK, 1), blocks, right, x=x)
        alone = [one for one in log if one.array == "x"]
        most = max(sum(one[:2] == other[:2] for other in alone) for one in alone)
        if most > 1:
            raise Wrong(
                f"the sums are right, but one thread reads {most} numbers of x, while the others "
                "have nothing to do. Let each thread fetch one, all at once, into shared memory"
            )
        _once(reads, "x", n, "Add up from the shared array")
    return "All fetch at once, all wait, and only then somebody adds up."


@exercise(
    "07.6",
    hints=(
        "A block of 8 outputs needs 10 numbers of x. Which two does none of its 8 threads own?",
        "The tile has BLOCK + 2 places: x[i] of thread t goes to place t + 1. Thread 0 also brings "
        "the number to the left of the block, the last thread the one to the right, and a 0 where "
        "x has ended. All that before the barrier.",
        "tile[t + 1] = own or 0; if t == 0: tile[0] = left or 0; if t == BLOCK - 1: "
        "tile[BLOCK + 1] = right or 0; cuda.syncthreads(); and the guard around the one write.",
    ),
    answer="exercises.answers_07.smooth",
)
def smooth(answer):
    rng = np.random.default_rng(76)
    for n in (8, 16, 13, 3, 1, 25):
        x, w = _numbers(rng, n), np.array([2, 3, 5], np.float32)
        framed = np.pad(x, 1)
        right = w[0] * framed[:-2] + w[1] * framed[1:-1] + w[2] * framed[2:]
        blocks = -(-n // BLOCK)
        try:
            reads, _ = _run(answer, (blocks, 1), (BLOCK, 1), n, right, x=x, w=w)
        except Wrong as wrong:
            raise _about_the_edge(wrong, answer, x, w, right) from None
        starts = range(0, n, BLOCK)
        needed = sum(min(s + BLOCK + 1, n) - max(s - 1, 0) for s in starts)
        _once(reads, "x", needed, "A block fetches its 8 numbers and one on either side, once each")
    return "Neighbours fetch the overlap twice, two numbers for a block. Everything else, once."


def _about_the_edge(wrong, answer, x, w, right):
    """The fault, with what is behind it if that can be seen from where the result is off."""
    out = np.full(len(x), np.nan, np.float32)
    try:
        launch(answer, (-(-len(x) // BLOCK), 1), (BLOCK, 1), {"x": x, "w": w, "out": out})
    except Wrong:
        return wrong
    off = np.flatnonzero(~np.isclose(out, right))
    if len(x) > 1 and off.tolist() == [0] and np.isclose(out[0], right[0] + w[0] * x[-1]):
        return Wrong(
            f"{wrong}.\n  x[-1] is the last number, as always in Python: to the left of x there is "
            "nothing, so bring a 0 there"
        )
    if len(off) and set(off % BLOCK) <= {0, BLOCK - 1} and len(x) > BLOCK and 0 not in off:
        return Wrong(
            f"{wrong}.\n  It is off where two blocks meet: the neighbour's number belongs to "
            "another block, whose shared memory nobody else can see. So this one has to fetch it: "
            "its halo"
        )
    return wrong
