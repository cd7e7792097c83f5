"""What fewer bits cost on LFW, which lesson 19 shows: `results/bytes.csv`.

    minifacenet embed IMAGES --model dlib_resnet --out D      # and nn4_small2, into N
    python lessons/make_bytes.py peopleDevTest.txt dlib_resnet=D nn4_small2=N

All pairs of the photos of LFW's development test people. A row per network and number of bits (32:
as they are), with the mean of all vectors taken away before or not: VAL at FAR 0.001 and 0.01, and
what it changes beside 32 bits, with standard errors by the jackknife over people in ten groups;
and, in `one_sided`, how many entries have one sign in 95 of 100 photos. No distance is kept.
"""

import argparse
from pathlib import Path

import numpy as np

from minifacenet.embedding.store import Embeddings
from minifacenet.files.atomic import write_csv
from minifacenet.study.bits import with_fewer_bits
from minifacenet.study.figure import Figure
from minifacenet.study.pairs import StudyPairs

OUT = Path(__file__).parent / "results" / "bytes.csv"
BITS = (32, 8, 6, 5, 4, 3, 2, 1)
TARGETS = ("0.001", "0.01")
HEADER = (
    "network", "people", "photos", "one_sided", "centred", "bits", "far", "val", "error", "change",
    "change_error",
)  # fmt: skip


def people_of(path: Path) -> set[str]:
    """The names in one of LFW's lists of people."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return {line.split("\t")[0] for line in lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("stores", nargs="+", help="NETWORK=STORE, as `minifacenet embed` writes it")
    arguments = parser.parse_args()
    wanted, rows, whole = people_of(arguments.people), [], {}
    for network, _, path in (store.partition("=") for store in arguments.stores):
        store = Embeddings.load(path)
        mine = np.array([name in wanted for name in store.names])
        people = np.unique(np.array(store.names)[mine], return_inverse=True)[1]
        vectors, pairs = store.vectors[mine], StudyPairs(people)
        positive = (vectors > 0).mean(axis=0)
        one_sided = int((np.maximum(positive, 1 - positive) > 0.95).sum())
        for centred, bits in ((centred, bits) for centred in (0, 1) for bits in BITS):
            start = vectors - vectors.mean(axis=0) if centred else vectors
            figures = pairs.figures(start if bits == 32 else with_fewer_bits(start, bits))
            whole = figures if bits == 32 else whole
            for far in TARGETS:
                val, full = (of[f"val_at_far_{far}"] for of in (figures, whole))
                change = Figure(val.value - full.value, val.parts - full.parts, left_out=True)
                scores = (val.value, val.error, change.value, change.error)
                row = (network, people.max() + 1, len(people), one_sided, centred, bits, far)
                rows.append((*row, *(f"{score:.5f}" for score in scores)))
            print(*rows[-1], flush=True)
    write_csv(OUT, HEADER, rows)


if __name__ == "__main__":
    main()
