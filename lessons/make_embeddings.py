"""The embeddings that the lessons read: ORL photos by a network trained on 30 of the 40 people.

    python lessons/make_embeddings.py runs/orl data/orl

`runs/orl` is a run of `make demo`; its model in `open/` was trained without the ten strangers that
its `split.csv` names. 400 x 128 half-precision numbers, 100 kB.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from minifacenet import Embedder, read_faces
from minifacenet.files.atomic import replacing

OUT = Path(__file__).parent / "results" / "orl_embeddings.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("faces", type=Path)
    arguments = parser.parse_args()
    with (arguments.run / "split.csv").open(newline="", encoding="utf-8") as file:
        strangers = {row["photo"] for row in csv.DictReader(file) if row["open"] == "test"}
    embedder = Embedder(arguments.run / "open")
    faces = read_faces(arguments.faces, size=embedder.architecture.size)
    vectors = embedder.transform(faces.images).astype(np.float16)
    stranger = np.array([path in strangers for path in faces.paths])
    OUT.parent.mkdir(exist_ok=True)
    with replacing(OUT) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, vectors=vectors, labels=faces.labels, stranger=stranger)
    print(f"{OUT}: {len(vectors)} embeddings, {stranger.sum()} of strangers")


if __name__ == "__main__":
    main()
