"""Measure networks that learned from LFW alone, by LFW's View 1: the guide's table.

    python data_scripts/measure_view1.py IMAGES LISTS MODEL [MODEL ...]     (needs LFW's photos)

IMAGES holds LFW's photos, and LISTS its peopleDevTrain.txt, pairsDevTrain.txt and pairsDevTest.txt.
The networks may have been trained on the 4,038 development people, and are judged once, on the
1,000 test pairs of others. Their threshold is the one in their file, of development people whom
their training held out. Of several networks the mean squared distance is judged, too.

The baselines are fitted on all development photos, cut as the first network knows faces, and take
their threshold from the 2,200 development pairs. Standard errors are those of a jackknife over the
people of the test pairs, left out in ten groups: VAL at a FAR of 0.01 hangs on five pairs, and
jumps where one of these is left out alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minifacenet.classification.lfw import MIN_SIZE, SELECT
from minifacenet.classification.methods import BASELINES, fit_baselines
from minifacenet.classification.pair_lists import read_pairs
from minifacenet.classification.pair_photos import FoundPairs, find_photos, read_pair_photos
from minifacenet.classification.thresholds import Thresholds
from minifacenet.classification.verification_scores import verify
from minifacenet.data_scripts.make_thresholds import photos_of
from minifacenet.embedding.embedder import Embedder
from minifacenet.preprocessing.align_listed import Crops, align_listed, settings_for
from minifacenet.preprocessing.faces import Faces
from minifacenet.preprocessing.read_folder import read_listed
from minifacenet.study.figure import Figure

WORK = Path("runs") / "view1"
GROUPS = 10  # of people, left out one after the other
FARS = (0.1, 0.01)  # 500 different pairs allow 5 false accepts at the second


def crops_of(images: Path, photos: list[str], cut: str, size: int) -> Crops:
    settings = settings_for(cut, size, select=SELECT, min_size=MIN_SIZE)
    work = WORK / f"{cut.replace(' ', '-').replace(',', '')}-{size}"
    return align_listed(images, photos, work, settings, workers=os.cpu_count())[1]


def pairs_of(images: Path, source: Path, embedder: Embedder) -> tuple[FoundPairs, Faces]:
    """The listed pairs, and the faces of their photos, cut as the network knows faces."""
    size, _, channels = embedder.architecture.input_shape
    pairs = read_pairs(source)
    crops = crops_of(images, list(find_photos(images, pairs).paths), embedder.cut, size)
    return read_pair_photos(images, pairs, size, channels, crops=crops)


def people_of(found: FoundPairs) -> np.ndarray:
    """The two people of each pair, (M, 2)."""
    people = np.array([path.partition("/")[0] for path in found.paths])
    return people[np.stack([found.first, found.second], axis=1)]


def scores(distances: np.ndarray, same: np.ndarray, threshold: float) -> np.ndarray:
    judged = verify(distances, same, FARS)
    accuracy = ((distances <= threshold) == same).mean()
    return np.array([accuracy, judged.auc, *(judged.val_at_far[far].val for far in FARS)])


def report(name: str, distances: np.ndarray, found: FoundPairs, threshold: float) -> None:
    people = people_of(found)
    whole = scores(distances, found.same, threshold)
    without = []
    everybody = np.random.default_rng(0).permutation(np.unique(people))
    for group in np.array_split(everybody, GROUPS):
        others = ~np.isin(people, group).any(axis=1)
        without.append(scores(distances[others], found.same[others], threshold))
    columns = ("accuracy", "AUC", *(f"VAL at FAR {far:g}" for far in FARS))
    parts = np.transpose(without)
    figures = [Figure(value, part, left_out=True) for value, part in zip(whole, parts, strict=True)]
    row = ", ".join(
        f"{column} {figure.value:.4f} ± {figure.error:.4f}"
        for column, figure in zip(columns, figures, strict=True)
    )
    print(f"{name}: {row} (threshold {threshold:.3f})", flush=True)


def development_faces(images: Path, lists: Path, embedder: Embedder) -> Faces:
    """All development photos, cut as the network knows faces, with the number of each person."""
    size, _, channels = embedder.architecture.input_shape
    photos = photos_of(lists / "peopleDevTrain.txt", fewer_than=np.inf)
    crops = crops_of(images, photos, embedder.cut, size)
    known = read_listed(crops.folder, list(crops.files.values()), size, channels)
    people = [photo.partition("/")[0] for photo in crops.files]
    labels = np.unique(people, return_inverse=True)[1]
    return Faces(known.images, labels, tuple(sorted(set(people))), tuple(crops.files))


def report_baselines(images: Path, lists: Path, embedder: Embedder) -> None:
    fitted = fit_baselines(development_faces(images, lists, embedder))
    chosen, of_chosen = pairs_of(images, lists / "pairsDevTrain.txt", embedder)
    found, faces = pairs_of(images, lists / "pairsDevTest.txt", embedder)
    for method in BASELINES:
        embed: Callable = fitted[method.key]
        distances = chosen.distances(embed(of_chosen.images))
        threshold = verify(distances, chosen.same, FARS).accuracy_threshold
        report(method.title, found.distances(embed(faces.images)), found, threshold)


def main() -> None:
    images, lists, models = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    everyone, thresholds = [], []
    for model in models:
        embedder, own = Embedder(model, flip=True), Thresholds.of_model(model)
        assert own is not None
        found, faces = pairs_of(images, lists / "pairsDevTest.txt", embedder)
        everyone.append(found.distances(embedder.transform(faces.images)))
        thresholds.append(own.accuracy)
        report(model, everyone[-1], found, own.accuracy)
    if len(models) > 1:
        mean = np.mean(everyone, axis=0)
        report("mean of the networks", mean, found, float(np.mean(thresholds)))
    report_baselines(images, lists, Embedder(models[0], flip=True))


if __name__ == "__main__":
    main()
