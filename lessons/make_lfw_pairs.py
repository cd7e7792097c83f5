"""The distances of LFW's pairs that lesson 21 reads, by our own networks and by others.

    python lessons/make_lfw_pairs.py IMAGES LISTS VIEW2 RUN [RUN ...]      (needs LFW's photos)

IMAGES holds LFW's photos, and LISTS its lists of View 1. VIEW2 is a list of pairs in ten folds.
Each RUN was trained on the development people alone, and holds the threshold of those of them who
were held out. The baselines are fitted to the same people, as in data_scripts/measure_view1.py.

`lessons/results/lfw/pairs.npz` holds no name, no face and no embedding:

    names, view1, thresholds   (M,), (M, 1000), (M,)   methods; distances; thresholds of others
    same1, people1             (1000,), (1000, 2)      which pairs are one person; who, as numbers
    names2, view2              (K,), (K, N)            networks of other data on the pairs in folds
    same2, fold2               (N,)
    known2                     (R, S)                  the RUNs on the pairs whose people they know
    is_known2                  (N,)                    which pairs these are
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from minifacenet.classification.methods import BASELINES, fit_baselines
from minifacenet.classification.pair_lists import read_pairs
from minifacenet.classification.thresholds import Thresholds
from minifacenet.classification.verification_scores import verify
from minifacenet.data_scripts.measure_view1 import development_faces, pairs_of, people_of
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.atomic import replacing

OUT = Path(__file__).parent / "results" / "lfw" / "pairs.npz"
PUBLISHED = ("dlib_resnet", "nn4_small2")


def main() -> None:
    images, lists, view2 = map(Path, sys.argv[1:4])
    runs = [Embedder(run, flip=True) for run in sys.argv[4:]]
    test, chosen = lists / "pairsDevTest.txt", lists / "pairsDevTrain.txt"
    names, rows, thresholds = [], [], []
    for name, embedder in [
        *((run.architecture.name, run) for run in runs),
        *((name, Embedder(name, flip=True)) for name in PUBLISHED),
    ]:
        found, faces = pairs_of(images, test, embedder)
        own = Thresholds.of_model(embedder.model)
        names.append(name)
        rows.append(found.distances(embedder.transform(faces.images)))
        thresholds.append(own.accuracy)
        print(name, flush=True)

    found, faces = pairs_of(images, test, runs[0])
    of_chosen, faces_of_chosen = pairs_of(images, chosen, runs[0])
    known = development_faces(images, lists, runs[0])
    fitted = fit_baselines(known)
    for method in BASELINES:
        embed = fitted[method.key]
        distances = of_chosen.distances(embed(faces_of_chosen.images))
        names.append(method.title)
        rows.append(found.distances(embed(faces.images)))
        thresholds.append(verify(distances, of_chosen.same).accuracy_threshold)
        print(method.title, flush=True)

    in_folds = read_pairs(view2)
    people = np.array(
        [
            [p.partition("/")[0] for p in pair]
            for pair in zip(in_folds.first, in_folds.second, strict=True)
        ]
    )
    is_known = np.isin(people, known.people).all(axis=1)
    row = {photo: i for i, photo in enumerate(known.paths)}
    pairs = [
        (row[a], row[b])
        for a, b, k in zip(in_folds.first, in_folds.second, is_known, strict=True)
        if k
    ]
    first, second = np.array(pairs).T
    used, where = np.unique([first, second], return_inverse=True)
    first, second = where.reshape(2, -1)
    on_known = []
    for run in runs:
        vectors = run.transform(known.images[used])
        on_known.append(np.square(vectors[first] - vectors[second]).sum(axis=1))
    others = []
    for name in PUBLISHED:
        embedder = Embedder(name, flip=True)
        found2, faces2 = pairs_of(images, view2, embedder)
        assert not found2.missing, found2.summary()
        others.append(found2.distances(embedder.transform(faces2.images)))
        print(name, "in folds", flush=True)
    arrays = {
        "names": np.array(names),
        "view1": np.round(rows, 4).astype(np.float32),
        "thresholds": np.array(thresholds),
        "same1": found.same,
        "people1": np.unique(people_of(found), return_inverse=True)[1]
        .reshape(-1, 2)
        .astype(np.int16),
        "names2": np.array(PUBLISHED),
        "view2": np.round(others, 4).astype(np.float32),
        "same2": np.array(in_folds.same),
        "fold2": np.array(in_folds.fold, np.int8),
        "known2": np.round(on_known, 4).astype(np.float32),
        "is_known2": is_known,
    }
    with replacing(OUT) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    print(f"{OUT}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
