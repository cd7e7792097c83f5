"""How two published networks see 111 people of LFW, person by person: what lesson 23 reads.

    python lessons/make_lfw_people.py IMAGES PEOPLE        (needs LFW's photos)

IMAGES holds LFW's photos, and PEOPLE is its peopleDevTrain.txt. Of everybody in it with ten photos
or more the first ten are cut out by our own stage 1, and embedded by dlib_resnet and nn4_small2.

`lessons/results/lfw/people.npz` holds no name, no face and no embedding. For each network:

    within      (111, 45)    the squared distances within each person
    others      (111, 201)   how many of a person's 11,000 pairs with others are accepted
    accepted    (111, 111)   how many of the 100 pairs of two people do at a FAR of 0.001
    crowding    (111,)       squared distance from a person to the nearest of the network's centres
    share, usual             how far a person's threshold follows that: crowding.py
    thresholds   (201,)      the columns of others

The people stand in the order of their VAL by dlib_resnet at a FAR of 0.001, the smallest first.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from minifacenet.classification.thresholds import Thresholds
from minifacenet.classification.verification import pair_distances
from minifacenet.classification.verification_scores import verify
from minifacenet.embedding.distances import squared_distances
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.atomic import replacing
from minifacenet.preprocessing.align_listed import align_listed, settings_for
from minifacenet.preprocessing.read_folder import read_listed

OUT = Path(__file__).parent / "results" / "lfw" / "people.npz"
WORK = Path("runs") / "lfw-people"
NETWORKS = ("dlib_resnet", "nn4_small2")
PHOTOS, FAR = 10, 0.001
THRESHOLDS = {"dlib_resnet": np.linspace(0, 0.4, 201), "nn4_small2": np.linspace(0, 2, 201)}


def photos_of(people: Path) -> list[str]:
    """The first ten photos of everybody with ten or more, one person after the other."""
    lines = [line.split("\t") for line in people.read_text(encoding="utf-8").splitlines()[1:]]
    many = [name for name, count in lines if int(count) >= PHOTOS]
    return [f"{name}/{name}_{i + 1:04d}.jpg" for name in many for i in range(PHOTOS)]


def embeddings_of(name: str, images: Path, photos: list[str]) -> np.ndarray:
    embedder = Embedder(name, flip=True)
    size, _, channels = embedder.architecture.input_shape
    settings = settings_for(embedder.cut, size, select="center", min_size=40)
    _, crops = align_listed(images, photos, WORK / name, settings, workers=os.cpu_count())
    if crops.reasons:
        raise SystemExit(f"no face was found in {', '.join(crops.reasons)}")
    faces = read_listed(crops.folder, [crops.files[photo] for photo in photos], size, channels)
    return embedder.transform(faces.images)


def described(name: str, vectors: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of one network; the people in the order of their photos."""
    people = len(vectors) // PHOTOS
    labels = np.repeat(np.arange(people), PHOTOS)
    limit = verify(*pair_distances(vectors, labels), (FAR,)).val_at_far[FAR].threshold
    squared = squared_distances(vectors)
    blocks = squared.reshape(people, PHOTOS, people, PHOTOS).transpose(0, 2, 1, 3)
    upper = np.triu_indices(PHOTOS, k=1)
    within = np.array([blocks[person, person][upper] for person in range(people)])
    others = np.array(
        [
            np.searchsorted(
                np.sort(np.delete(blocks[person], person, axis=0).ravel()),
                THRESHOLDS[name],
                side="right",
            )
            for person in range(people)
        ]
    )
    accepted = (blocks <= limit).sum(axis=(2, 3))
    np.fill_diagonal(accepted, 0)
    crowding = Thresholds.of_model(name).crowding
    means = vectors.reshape(people, PHOTOS, -1).mean(axis=1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return {
        "within": within.astype(np.float32),
        "others": others.astype(np.uint16),
        "accepted": accepted.astype(np.uint8),
        "crowding": crowding.to_centre(means).astype(np.float32),
        "share": np.float32(crowding.share),
        "usual": np.float32(crowding.usual),
        "threshold": np.float32(limit),
        "thresholds": THRESHOLDS[name],
    }


def main() -> None:
    images, people = Path(sys.argv[1]), Path(sys.argv[2])
    photos, arrays, order = photos_of(people), {}, None
    for name in NETWORKS:
        found = described(name, embeddings_of(name, images, photos))
        if order is None:
            order = np.argsort((found["within"] <= found["threshold"]).mean(axis=1), kind="stable")
        for key, array in found.items():
            by_person = key in ("within", "others", "accepted", "crowding")
            arrays[f"{name}.{key}"] = array[order] if by_person else array
        arrays[f"{name}.accepted"] = arrays[f"{name}.accepted"][:, order]
        arrays[f"{name}.within"] = np.round(arrays[f"{name}.within"], 4)
    with replacing(OUT) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    print(f"{OUT}: {len(order)} people, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
