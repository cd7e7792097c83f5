"""Lesson 07: which thread computes what, and a tiled matrix product for CUDA.

What stands between the two, five puzzles, is in `lesson_07_puzzles.py`.
"""

import numpy as np

from .core import Wrong, exercise, expect
from .simulator import launch

TILE = 4
SHAPES = ((4, 4, 4), (8, 8, 8), (5, 7, 6), (3, 2, 9), (9, 1, 2), (1, 10, 1), (6, 3, 13))  # m, k, n


@exercise(
    "07.1",
    hints=(
        "Which of x and y runs along a row of the picture?",
        "x runs along a row, so it goes with the column; y goes with the row.",
        "Which block: //. Which thread in it: %.",
    ),
    answer="exercises.answers_07.owner",
)
def owner(answer):
    rng = np.random.default_rng(71)
    for row, column, side in ((0, 3, 4), (5, 2, 4), *rng.integers(1, 99, (20, 3)).tolist()):
        right = ((column // side, row // side), (column % side, row % side))
        got = answer(row, column, side)
        try:
            (bx, by), (tx, ty) = got
            own = ((int(bx), int(by)), (int(tx), int(ty)))
        except (TypeError, ValueError):
            raise Wrong(f"you return {got!r}: it should be two pairs, (x, y) and (x, y)") from None
        about = f"out[{row}, {column}] with blocks of {side} x {side}: you say {own}"
        if own == right and own != ((bx, by), (tx, ty)):
            raise Wrong(f"you return {got!r}: these count, so they are whole numbers: //, not /")
        if own == right:
            continue
        if own == tuple(pair[::-1] for pair in right):
            raise Wrong(f"{about}. That is (y, x): x comes first, and runs along the row")
        if own == right[::-1]:
            raise Wrong(f"{about}. That is the thread first: the block was to come first")
        if own[0] == right[0]:
            raise Wrong(f"{about}. The block is right; a thread's place counts within its block")
        raise Wrong(f"{about}, expected {right}")
    return "The other way round it is what cuda.grid(2) does."


@exercise(
    "07.7",
    hints=(
        "Before a thread multiplies, what must all threads of its block have done?",
        "Take `_tiled_grid` in minifacenet/nn/products/matmul_cuda.py as the plan.",
        "For each slice of k: every thread brings one number of A and one of B, or 0; barrier; "
        "TILE products; barrier.",
    ),
    answer="exercises.answers_07.tiled_matmul",
)
def tiled_matmul(answer):
    rng = np.random.default_rng(77)
    for m, k, n in SHAPES:
        a = rng.integers(-9, 10, (m, k)).astype(np.float32)
        b = rng.integers(-9, 10, (k, n)).astype(np.float32)
        out = np.full((m, n), np.nan, np.float32)
        grid = (-(-n // TILE), -(-m // TILE))
        reads = launch(answer, grid, (TILE, TILE), {"a": a, "b": b, "out": out})
        name = f"({m}, {k}) times ({k}, {n}): out"
        if np.isnan(out).any():
            place = ", ".join(map(str, np.argwhere(np.isnan(out))[0]))
            raise Wrong(
                f"{name}[{place}] is NaN. Either no thread wrote it, or it was summed over numbers "
                "of a tile that nobody had brought: where a tile reaches beyond its matrix, the "
                "thread there brings a 0"
            )
        try:
            expect(name, out, a @ b, 1e-6)
        except Wrong as wrong:
            if k % TILE == 0:
                raise
            raise Wrong(
                f"{wrong}.\n  The last slice is only partly filled here: {k} is no multiple of "
                f"{TILE}. A thread whose number would lie beyond the matrix brings a 0; if it "
                "brings nothing, the number of the slice before still stands there"
            ) from None
        needed = {"a": m * k * grid[0], "b": k * n * grid[1]}
        for factor, count in needed.items():
            if reads[factor] > count and (m, k, n) == SHAPES[-1]:  # all others are right
                raise Wrong(
                    f"{name} is right, but your threads read {reads[factor]} numbers of "
                    f"{factor} from global memory; a tiled kernel needs {count}. Multiply from the "
                    "tiles, and bring each number once"
                )
    return f"{len(SHAPES)} shapes, no race, and no number is read more often than it has to be."
