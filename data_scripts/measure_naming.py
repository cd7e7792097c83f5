"""Measure how well people are named among strangers, and grouped: the guide's table.

    python data_scripts/measure_naming.py METHOD IMAGES PEOPLE [OPTIONS]

It needs LFW's photos. METHOD is a published network, or 'eigenfaces'. IMAGES holds the photos,
PEOPLE is a list of people with ten photos or more: a name and the number of photos per line. They
are in no measurement of the thresholds (`make_thresholds.py`). Options are --draws, --far (the gate
is for this share of strangers) and --thresholds FILE, which holds other ones for the network:
`make_thresholds.py NAME IMAGES PEOPLE 0 FILE` makes those of one gate for all.

Each of ten draws enrols some of these people with one or three photos each, asks for seven other
photos of each, and for seven photos of each of twenty others (as many as are left), who are
strangers. Names are given as `classify fit --far FAR` does, and as `recognise` does. The gate of
eigenfaces is measured in the same way as that of a network. Groups are those of ten photos each of
twenty people, cut where the file says.

Of the strangers with a name it is told who they are, since a few photos decide: two of these people
are sisters, and one photo is listed among the errors of LFW (it shows whom it is taken for). And it
is told how many of them lie in a crowd, and elsewhere (`crowding_measures.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from minifacenet.classification.baselines import Eigenfaces
from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.clustering import cluster
from minifacenet.classification.clustering_scores import bcubed
from minifacenet.classification.identification import gate_threshold
from minifacenet.classification.library import RecognitionSettings
from minifacenet.classification.name_faces import name_faces
from minifacenet.classification.named_faces import NamedFace
from minifacenet.classification.thresholds import Thresholds
from minifacenet.data_scripts.crowding_measures import in_a_crowd
from minifacenet.embedding.cache import EmbeddingCache, embed_in_parts
from minifacenet.embedding.checkpoint import add_to_model, model_file
from minifacenet.embedding.embedder import Embedder
from minifacenet.preprocessing.align_listed import align_listed, settings_for
from minifacenet.preprocessing.read_folder import read_listed

DRAWS, ASKED, STRANGERS, FAR = 10, 7, 20, 0.01
SETTINGS = ((20, 3), (20, 1), (50, 3), (100, 3))  # people enrolled, photos of each
FITTED = 3000  # photos of others that eigenfaces are fitted on, and their gate is measured on
SISTERS = {"Serena_Williams", "Venus_Williams"}
MISLABELLED = {"Michael_Schumacher/Michael_Schumacher_0008.jpg"}  # in the errata of LFW


@dataclass(frozen=True)
class Named:
    """How faces were named: the person nearest, or the SVM's, and whether they got the name."""

    people: np.ndarray
    known: np.ndarray


Namer = Callable[[np.ndarray, np.ndarray, np.ndarray], Named]  # enrolled, their names, asked


@dataclass(frozen=True)
class Faces:
    """Embeddings, with the photo and the person of each."""

    vectors: np.ndarray
    photos: np.ndarray
    who: np.ndarray


def crops_of(method: str, images: Path, photos: list[str]) -> tuple[np.ndarray, list[str]]:
    """The crops of all photos in which a face is found, and these photos."""
    network = "dlib_resnet" if method == "eigenfaces" else method
    embedder = Embedder(network, flip=True)
    size, _, channels = embedder.architecture.input_shape
    settings = settings_for(embedder.cut, size, select="center", min_size=40)
    work = Path("runs") / f"thresholds-{network}"
    _, crops = align_listed(images, photos, work, settings, workers=os.cpu_count())
    found = [photo for photo in photos if photo in crops.files]
    faces = read_listed(crops.folder, [crops.files[photo] for photo in found], size, channels)
    return faces.images, found


def people_of(photos: Sequence[str]) -> np.ndarray:
    return np.array([photo.partition("/")[0] for photo in photos])


def listed(images: Path, people: Path) -> list[str]:
    names = [line.split()[0] for line in people.read_text(encoding="utf-8").splitlines() if line]
    return [
        f"{name}/{photo.name}" for name in names for photo in sorted((images / name).glob("*.jpg"))
    ]


def of_network(method: str, images: Path, photos: list[str]) -> Faces:
    crops, found = crops_of(method, images, photos)
    cache = EmbeddingCache(Path("runs") / f"thresholds-{method}", Embedder(method, flip=True))
    return Faces(embed_in_parts(cache, crops), np.array(found), people_of(found))


def as_classify(own: Thresholds, far: float) -> Namer:
    def named(vectors: np.ndarray, names: np.ndarray, asked: np.ndarray) -> Named:
        people, counts = np.unique(names, return_counts=True)
        found = own.gate_for(len(people), float(np.median(counts)), far)
        assert found is not None
        namer = FaceClassifier(threshold=found[0], crowding=own.crowding).fit(vectors, names)
        answers = namer.answers(asked)
        return Named(namer.classes_[answers.person], answers.known)

    return named


def as_recognise(model: Path, far: float) -> Namer:
    embedder, settings = Embedder(model, flip=True), RecognitionSettings(model, far=far)

    def named(vectors: np.ndarray, names: np.ndarray, asked: np.ndarray) -> Named:
        rows = [NamedFace(f"{number}.jpg", 1, (0, 0, 1, 1)) for number in range(len(asked))]
        faces, known = (asked, rows), (vectors, names.tolist())
        found, _ = name_faces(embedder, faces, known, settings, _silent)
        return Named(np.array([row.nearest for row in found]), np.array([r.known for r in found]))

    return named


def _silent(title: str):
    raise AssertionError(f"{title}: the model has gates, and nothing takes long")


def of_eigenfaces(images: Path, photos: list[str], far: float) -> tuple[Faces, Namer]:
    """Fitted on photos of other people, on whom their gate is measured, too."""
    known = {*people_of(photos)}
    others = [p for p in sorted(images.glob("*/*.jpg")) if p.parent.name not in known]
    chosen = np.random.default_rng(0).permutation(len(others))[:FITTED]
    crops, found = crops_of(
        "eigenfaces", images, [f"{others[i].parent.name}/{others[i].name}" for i in sorted(chosen)]
    )
    method, names = Eigenfaces().fit(crops), people_of(found)
    fitted = method.transform(crops)

    def gate(people: int, count: int) -> float:
        rng, gates = np.random.default_rng(0), []
        counts = {name: np.flatnonzero(names == name) for name in np.unique(names)}
        enough = [name for name, rows in counts.items() if len(rows) >= count]
        for _ in range(DRAWS):
            enrolled = rng.permutation(enough)[:people]
            rows = np.concatenate([rng.permutation(counts[name])[:count] for name in enrolled])
            strangers = ~np.isin(names, enrolled)
            namer = FaceClassifier(threshold=4.0).fit(fitted[rows], names[rows])
            gates.append(gate_threshold(namer.answers(fitted[strangers]).distance, far))
        return float(np.median(gates))

    gates: dict[tuple[int, int], float] = {}

    def named(vectors: np.ndarray, enrolled: np.ndarray, asked: np.ndarray) -> Named:
        people, counts = np.unique(enrolled, return_counts=True)
        size = len(people), int(counts[0])
        if size not in gates:
            gates[size] = gate(*size)
        namer = FaceClassifier(threshold=gates[size]).fit(vectors, enrolled)
        answers = namer.answers(asked)
        return Named(namer.classes_[answers.person], answers.known)

    crops, found = crops_of("eigenfaces", images, photos)
    return Faces(method.transform(crops), np.array(found), people_of(found)), named


def draw(faces: Faces, people: int, photos: int, rng) -> tuple[np.ndarray, ...]:
    """The rows of enrolled photos, of other photos of these people, and of strangers' photos."""
    order = rng.permutation(np.unique(faces.who))
    enrolled, asked, strangers = [], [], []
    for name in order[:people]:
        rows = rng.permutation(np.flatnonzero(faces.who == name))
        enrolled.append(rows[:photos])
        asked.append(rows[photos : photos + ASKED])
    for name in order[people : people + STRANGERS]:
        strangers.append(rng.permutation(np.flatnonzero(faces.who == name))[:ASKED])
    return tuple(map(np.concatenate, (enrolled, asked, strangers)))


def text(values) -> str:
    values = np.array(values)
    return f"{values.mean():.4f} ± {values.std(ddof=1) / len(values) ** 0.5:.4f}"


def tell_names(faces: Faces, namer: Namer, draws: int, own: Thresholds | None) -> None:
    for people, photos in SETTINGS:
        rng, scores, rows, accepted = np.random.default_rng(0), [], [], []
        names: Counter = Counter()
        for _ in range(draws):
            known, probes, others = draw(faces, people, photos, rng)
            asked = np.concatenate([probes, others])
            answer = namer(faces.vectors[known], faces.who[known], faces.vectors[asked])
            mine, theirs = np.split(answer.known, [len(probes)])
            right = answer.people[: len(probes)] == faces.who[probes]
            scores.append(((right & mine).mean(), (~right & mine).mean(), theirs.mean()))
            rows.append(others)
            accepted.append(theirs)
            whose = answer.people[len(probes) :]
            names.update(zip(faces.photos[others[theirs]], whose[theirs], strict=True))
        correct, wrong, strangers = map(text, zip(*scores, strict=True))
        print(
            f"{people} people, {photos} photos each: named correctly {correct}, "
            f"wrongly {wrong}, strangers accepted {strangers}",
            flush=True,
        )
        tell_strangers(faces, np.concatenate(rows), np.concatenate(accepted), names, own)


def tell_strangers(
    faces: Faces, rows: np.ndarray, accepted: np.ndarray, names: Counter, own: Thresholds | None
) -> None:
    """Print who of the strangers got a name, in all draws together."""
    kinds = {"sisters": 0, "the mislabelled photo": 0, "others": 0}
    for (photo, person), count in names.items():
        sisters = {photo.partition("/")[0], person} == SISTERS
        kind = "the mislabelled photo" if photo in MISLABELLED else "others"
        kinds["sisters" if sisters else kind] += count
    told = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
    print(f"  {accepted.sum()} of {len(rows)} photos of strangers: {told}")
    if own is not None and own.crowding is not None:
        crowded = in_a_crowd(own.crowding, faces.vectors[rows].astype(np.float64))
        print(
            f"  in a crowd {accepted[crowded].mean():.4f} of {crowded.sum()}, "
            f"elsewhere {accepted[~crowded].mean():.4f} of {(~crowded).sum()}"
        )
    pairs: Counter = Counter()
    for (photo, person), count in names.items():
        pairs[" and ".join(sorted((photo.partition("/")[0], person)))] += count
    print(f"  most often: {', '.join(f'{pair} {n}' for pair, n in pairs.most_common(8))}")


def tell_groups(faces: Faces, own: Thresholds, draws: int) -> None:
    rng, scores = np.random.default_rng(0), []
    for _ in range(draws):
        rows = np.concatenate(
            [
                rng.permutation(np.flatnonzero(faces.who == name))[:10]
                for name in rng.permutation(np.unique(faces.who))[:20]
            ]
        )
        labels = np.unique(faces.who[rows], return_inverse=True)[1]
        scores.append(bcubed(cluster(faces.vectors[rows], own.cut).labels, labels).f1)
    print(f"groups of 200 photos of 20 people: B-cubed F1 {text(scores)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("method")
    parser.add_argument("images", type=Path)
    parser.add_argument("people", type=Path)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--far", type=float, default=FAR)
    parser.add_argument("--thresholds", type=Path)
    options = parser.parse_args()
    photos = listed(options.images, options.people)
    if options.method == "eigenfaces":
        faces, namer = of_eigenfaces(options.images, photos, options.far)
        tell_names(faces, namer, options.draws, None)
        return
    faces = of_network(options.method, options.images, photos)
    print(f"{options.method}: {len(faces.who)} faces of {len(np.unique(faces.who))} people")
    with TemporaryDirectory() as folder:
        model = model_file(options.method)
        if options.thresholds is not None:
            stored = json.loads(options.thresholds.read_text(encoding="utf-8"))
            model = Path(shutil.copy(model, folder))
            add_to_model(model, "thresholds", stored)
        own = Thresholds.of_model(model)
        assert own is not None
        ways = {
            "classify": as_classify(own, options.far),
            "recognise": as_recognise(model, options.far),
        }
        for way, namer in ways.items():
            print(f"named as `{way}` does:")
            tell_names(faces, namer, options.draws, own)
        tell_groups(faces, own, options.draws)


if __name__ == "__main__":
    main()
