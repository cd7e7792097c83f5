"""What the experiments beside this file share: their options, and going on where one stopped."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from minifacenet.nn.device.backend import set_threads

FIRST_SEED = 10  # 0 to 4 are the guide's


def read_options(description: str, results: Path) -> argparse.Namespace:
    """What the command line says: `faces`, `seeds` and `out`; the threads are set."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("faces", type=Path, help="folder of people, such as data/orl")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=results)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        set_threads(options.threads)
    return options


def rows_so_far(path: Path) -> list[list[str]]:
    """The rows of a table of results below its header; none if there is no such file yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]
