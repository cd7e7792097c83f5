"""Measure how well people are named among strangers, and grouped: the README's table.

    python data_scripts/measure_naming.py METHOD IMAGES PEOPLE     (needs LFW's photos)

METHOD is a published network, or 'eigenfaces'. IMAGES holds LFW's photos, PEOPLE is a list of
people with ten photos or more: a name and the number of photos per line. They are in no measurement
of the thresholds (`make_thresholds.py`).

Each of ten draws enrols some of these people with one or three photos each, asks for seven other
photos of each, and for seven photos of each of twenty others (as many as are left), who are
strangers. The gate is the one that `classify fit --far 0.01` takes from the network's file; that of
eigenfaces is measured in the same way. Groups are those of ten photos each of twenty people, cut
where the file says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minifacenet.classification.baselines import Eigenfaces
from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.clustering import cluster
from minifacenet.classification.clustering_scores import bcubed
from minifacenet.classification.identification import gate_threshold
from minifacenet.classification.thresholds import Thresholds
from minifacenet.embedding.cache import EmbeddingCache, embed_in_parts
from minifacenet.embedding.embedder import Embedder
from minifacenet.preprocessing.align_listed import align_listed, settings_for
from minifacenet.preprocessing.read_folder import read_listed

DRAWS, ASKED, STRANGERS, FAR = 10, 7, 20, 0.01
SETTINGS = ((20, 3), (20, 1), (50, 3), (100, 3))  # people enrolled, photos of each
FITTED = 3000  # photos of others that eigenfaces are fitted on, and their gate is measured on

Gate = Callable[[int, int], float]  # of people and photos


def faces_of(method: str, images: Path, photos: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The crops of all photos in which a face is found, and the person of each."""
    network = "dlib_resnet" if method == "eigenfaces" else method
    embedder = Embedder(network, flip=True)
    size, _, channels = embedder.architecture.input_shape
    settings = settings_for(embedder.cut, size, select="center", min_size=40)
    work = Path("runs") / f"thresholds-{network}"
    _, crops = align_listed(images, photos, work, settings, workers=os.cpu_count())
    files = [crops.files[photo] for photo in photos if photo in crops.files]
    faces = read_listed(crops.folder, files, size, channels)
    return faces.images, np.array([p.partition("/")[0] for p in photos if p in crops.files])


def listed(images: Path, people: Path) -> list[str]:
    names = [line.split()[0] for line in people.read_text(encoding="utf-8").splitlines() if line]
    return [
        f"{name}/{photo.name}" for name in names for photo in sorted((images / name).glob("*.jpg"))
    ]


def of_network(method: str, images: Path, photos: list[str]) -> tuple[np.ndarray, np.ndarray, Gate]:
    faces, who = faces_of(method, images, photos)
    cache = EmbeddingCache(Path("runs") / f"thresholds-{method}", Embedder(method, flip=True))
    own = Thresholds.of_model(method)
    assert own is not None

    def gate(people: int, count: int) -> float:
        found = own.gate_for(people, count, FAR)
        assert found is not None
        return found[0]

    return embed_in_parts(cache, faces), who, gate


def of_eigenfaces(images: Path, photos: list[str]) -> tuple[np.ndarray, np.ndarray, Gate]:
    """Fitted on photos of other people, on whom their gate is measured, too."""
    known = {photo.partition("/")[0] for photo in photos}
    others = [p for p in sorted(images.glob("*/*.jpg")) if p.parent.name not in known]
    chosen = np.random.default_rng(0).permutation(len(others))[:FITTED]
    faces, names = faces_of(
        "eigenfaces", images, [f"{others[i].parent.name}/{others[i].name}" for i in sorted(chosen)]
    )
    method = Eigenfaces().fit(faces)
    vectors = method.transform(faces)

    def gate(people: int, count: int) -> float:
        rng, gates = np.random.default_rng(0), []
        counts = {name: np.flatnonzero(names == name) for name in np.unique(names)}
        enough = [name for name, rows in counts.items() if len(rows) >= count]
        for _ in range(DRAWS):
            enrolled = rng.permutation(enough)[:people]
            rows = np.concatenate([rng.permutation(counts[name])[:count] for name in enrolled])
            strangers = ~np.isin(names, enrolled)
            namer = FaceClassifier(threshold=4.0).fit(vectors[rows], names[rows])
            gates.append(gate_threshold(namer.answers(vectors[strangers]).distance, FAR))
        return float(np.median(gates))

    probes, who = faces_of("eigenfaces", images, photos)
    return method.transform(probes), who, gate


def draw(vectors, who, people: int, photos: int, gate: float, rng) -> tuple[float, ...]:
    """The shares of photos named correctly and wrongly, and of strangers' that got a name."""
    order = rng.permutation(np.unique(who))
    enrolled, asked, strangers = [], [], []
    for name in order[:people]:
        rows = rng.permutation(np.flatnonzero(who == name))
        enrolled.append(rows[:photos])
        asked.append(rows[photos : photos + ASKED])
    for name in order[people : people + STRANGERS]:
        strangers.append(rng.permutation(np.flatnonzero(who == name))[:ASKED])
    known, probes, others = map(np.concatenate, (enrolled, asked, strangers))
    namer = FaceClassifier(threshold=gate).fit(vectors[known], who[known])
    answers = namer.answers(vectors[probes])
    right = namer.classes_[answers.person] == who[probes]
    accepted = namer.answers(vectors[others]).known
    return (
        float((right & answers.known).mean()),
        float((~right & answers.known).mean()),
        float(accepted.mean()),
    )


def text(values) -> str:
    values = np.array(values)
    return f"{values.mean():.4f} ± {values.std(ddof=1) / len(values) ** 0.5:.4f}"


def main() -> None:
    method, images, people = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    photos = listed(images, people)
    if method == "eigenfaces":
        own, (vectors, who, gate) = None, of_eigenfaces(images, photos)
    else:
        own, (vectors, who, gate) = Thresholds.of_model(method), of_network(method, images, photos)
    print(f"{method}: {len(vectors)} faces of {len(np.unique(who))} people")
    for number, count in SETTINGS:
        at, rng = gate(number, count), np.random.default_rng(0)
        scores = [draw(vectors, who, number, count, at, rng) for _ in range(DRAWS)]
        right, wrong, accepted = map(text, zip(*scores, strict=True))
        print(
            f"{number} people, {count} photos each, gate {at:.4f}: named correctly {right}, "
            f"wrongly {wrong}, strangers accepted {accepted}"
        )
    if own is not None:
        rng, scores = np.random.default_rng(0), []
        for _ in range(DRAWS):
            rows = np.concatenate(
                [
                    rng.permutation(np.flatnonzero(who == name))[:10]
                    for name in rng.permutation(np.unique(who))[:20]
                ]
            )
            labels = np.unique(who[rows], return_inverse=True)[1]
            scores.append(bcubed(cluster(vectors[rows], own.cut).labels, labels).f1)
        print(f"groups of 200 photos of 20 people: B-cubed F1 {text(scores)}")


if __name__ == "__main__":
    main()
