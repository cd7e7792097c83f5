"""ORL's people one by one, upright and aligned, and by networks of other photos: for lesson 23.

    python lessons/make_orl_people.py runs/orl data/orl

`runs/orl` is a run of `make demo`; its model in `open/` never saw the ten people who are strangers
in `orl_embeddings.npz`, too. The detector finds eyes, nose and mouth in all 400 photos
(`minifacenet get mtcnn`). Then `lessons/results/orl_people.npz` gets:

    eyes          (40, 10)           how far the line of the eyes is from level, in degrees
    tried         (3, 4950)          all distances among the strangers' photos by the run's network:
                                     as they are; turned until the eyes are level; aligned
    within        (2, 40, 45)        distances within each person by dlib_resnet and nn4_small2,
                                     each on faces cut as it knows them
    others        (2, 40, 201)       how many of a person's 3,900 pairs with others lie within ...
    thresholds    (2, 201)           ... each of these

The people stand in the order of lesson 14: person p is s(p + 1).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from minifacenet import Embedder, read_faces
from minifacenet.classification.verification import pair_distances
from minifacenet.embedding.distances import squared_distances
from minifacenet.files.atomic import replacing
from minifacenet.preprocessing.align_folder import align_folder
from minifacenet.preprocessing.choose_and_cut import CropSettings
from minifacenet.preprocessing.crop_note import from_words
from minifacenet.preprocessing.square_crops import aligned_crop
from minifacenet.preprocessing.warp import resampled

HERE = Path(__file__).parent
OUT = HERE / "results" / "orl_people.npz"
FOUND = Path("runs") / "orl-landmarks"
PHOTOS = 10
THRESHOLDS = {"dlib_resnet": np.linspace(0, 0.4, 201), "nn4_small2": np.linspace(0, 2, 201)}


def landmarks_of(folder: Path, paths: tuple[str, ...]) -> np.ndarray:
    """The five points of each photo, (N, 5, 2): (x, y), whole numbers at pixels' centres."""
    done = align_folder(folder, FOUND, CropSettings(size=48, min_score=0.7))
    points = {}
    for entry in done.entries:
        kept = [face.landmarks for face in entry.faces if not face.reason]
        if len(kept) != 1:
            raise SystemExit(f"one face is wanted in {entry.photo}, found {len(kept)}")
        points[entry.photo] = kept[0]
    return np.array([points[path] for path in paths]) - 0.5


def upright(photo: np.ndarray, points: np.ndarray, size: int) -> np.ndarray:
    """The photo's centre square, turned about the middle of the face until its eyes are level."""
    height, width = photo.shape[:2]
    side = min(height, width)
    corner = np.array([(width - side) // 2, (height - side) // 2])
    x, y = points[1] - points[0]
    turn = np.array([[x, -y], [y, x]]) / np.hypot(x, y)
    middle = points.mean(axis=0)
    first = corner + 0.5 * side / size - 0.5  # of the square's pixels
    return resampled(photo, turn * side / size, middle + turn @ (first - middle), size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("faces", type=Path)
    arguments = parser.parse_args()
    own = Embedder(arguments.run / "open")
    size = own.architecture.size
    faces = read_faces(arguments.faces, size=size)
    points = landmarks_of(arguments.faces, faces.paths)
    photos = [np.asarray(Image.open(arguments.faces / path))[..., None] for path in faces.paths]

    with np.load(HERE / "results" / "orl_embeddings.npz", allow_pickle=False) as stored:
        rows = np.flatnonzero(stored["stranger"])
    level = [upright(photos[row], points[row], size) for row in rows]
    cut = [aligned_crop(photos[row], points[row], size) for row in rows]
    tried = [
        pair_distances(own.transform(np.asarray(images)), faces.labels[rows])[0]
        for images in (faces.images[rows], level, cut)
    ]

    within, others = [], []
    upper = np.triu_indices(PHOTOS, k=1)
    for name, thresholds in THRESHOLDS.items():
        network = Embedder(name, flip=True)
        _, template, margin = from_words(network.cut)
        images = [
            np.repeat(
                aligned_crop(p, q, network.architecture.size, template, float(margin)), 3, axis=2
            )
            for p, q in zip(photos, points, strict=True)
        ]
        squared = squared_distances(network.transform(np.asarray(images)))
        people = [faces.labels == person for person in np.unique(faces.labels)]
        within.append([squared[np.ix_(own_, own_)][upper] for own_ in people])
        others.append(
            [
                np.searchsorted(np.sort(squared[np.ix_(own_, ~own_)].ravel()), thresholds, "right")
                for own_ in people
            ]
        )
        print(name, flush=True)

    x, y = np.moveaxis(points[:, 1] - points[:, 0], -1, 0)
    with replacing(OUT) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            eyes=np.degrees(np.arctan2(y, x)).reshape(-1, PHOTOS).astype(np.float16),
            tried=np.array(tried, np.float16),
            within=np.array(within, np.float16),
            others=np.array(others, np.uint16),
            thresholds=np.array(list(THRESHOLDS.values())),
        )
    print(f"{OUT}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
