"""Measure how often names are refused, wrong or given to strangers, person by person.

    minifacenet embed LFW --model dlib_resnet --out VECTORS     (of LFW's peopleDevTrain.txt)
    python data_scripts/measure_by_person.py VECTORS [NETWORK]

Who has ten photos or more is asked about; these people are in no measurement of the network's
thresholds (`make_thresholds.py`). Each of the draws enrols fifty of them with one, two, three or
five photos, as `classify fit --far 0.01` does, asks for five other photos of each, and for five of
each of the others, who are strangers. All that a person met in the draws counts for that person:

    refused    share of own photos that got no name
    wrong      share of own photos that got another name
    taken      share of strangers' photos that got this person's name

It prints the mean over people with its standard error, which is one over people, and how people
spread round it; and the same by the number of photos that a person has.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.thresholds import Thresholds
from minifacenet.embedding.checkpoint import model_file
from minifacenet.embedding.store import Embeddings

DRAWS, ENROLLED, ASKED, FAR = 40, 50, 5, 0.01
PHOTOS = (1, 2, 3, 5)
MANY = 10  # photos of who is asked about: those enrolled and those asked for


@dataclass(frozen=True)
class Rates:
    """Shares by person, ndarrays of shape (P,); NaN for who was never enrolled."""

    refused: np.ndarray
    wrong: np.ndarray
    taken: np.ndarray


def rates(vectors: np.ndarray, names: np.ndarray, own: Thresholds, photos: int) -> Rates:
    """The rates of all people with `photos` photos enrolled; seed 0 draws everything."""
    people, counts = np.unique(names, return_counts=True)
    many = people[counts >= MANY]
    rows = {name: np.flatnonzero(names == name) for name in many}
    rng = np.random.default_rng(0)
    met = np.zeros((4, len(many)))  # own photos, refused, wrong; strangers' photos that were asked
    taken = np.zeros(len(many))
    gate = own.gate_for(ENROLLED, photos, FAR)
    assert gate is not None
    for _ in range(DRAWS):
        drawn = np.array([rng.permutation(rows[name])[:MANY] for name in many])
        order = rng.permutation(len(many))
        inside, outside = np.sort(order[:ENROLLED]), order[ENROLLED:]
        namer = FaceClassifier(threshold=gate[0], crowding=own.crowding)
        namer.fit(vectors[drawn[inside, :photos].ravel()], np.repeat(many[inside], photos))
        answers = namer.answers(vectors[drawn[inside, -ASKED:].ravel()])
        right = namer.classes_[answers.person] == np.repeat(many[inside], ASKED)
        for row, bad in enumerate((np.ones_like(right), ~answers.known, answers.known & ~right)):
            met[row, inside] += bad.reshape(-1, ASKED).sum(axis=1)
        strangers = namer.answers(vectors[drawn[outside, -ASKED:].ravel()])
        given = namer.classes_[strangers.person[strangers.known]]
        taken[inside] += [(given == name).sum() for name in many[inside]]
        met[3, inside] += len(outside) * ASKED
    with np.errstate(invalid="ignore"):
        return Rates(met[1] / met[0], met[2] / met[0], taken / met[3])


def described(values: np.ndarray) -> str:
    """Mean, standard error over people, and spread: none at all, a tenth, the most."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    ninth, most = np.quantile(values, 0.9), values.max()
    return (
        f"{values.mean():.5f} ± {error:.5f}  none: {np.mean(values == 0):.2f}  "
        f"a tenth has more than {ninth:.4f}  most: {most:.4f}"
    )


def main(path: str, network: str = "dlib_resnet") -> None:
    kept = Embeddings.load(path)
    names = np.array(kept.names)
    own = Thresholds.of_model(model_file(network))
    assert own is not None
    counts = np.unique(names, return_counts=True)[1]
    counts = counts[counts >= MANY]
    print(f"{len(counts)} people with {counts.min()} to {counts.max()} photos, {DRAWS} draws")
    for photos in PHOTOS:
        found = rates(kept.vectors, names, own, photos)
        print(f"\n{photos} enrolled")
        for what in ("refused", "wrong", "taken"):
            values = getattr(found, what)
            print(f"  {what:8} {described(values)}")
        print(f"  a stranger's photo gets a name: {ENROLLED * found.taken.mean():.4f}")
        top, tenth = np.sort(found.taken)[::-1], len(found.taken) // 10
        print(f"  the {tenth} most taken have {top[:tenth].sum() / top.sum():.2f}")
        for low, high in ((10, 14), (15, 29), (30, 9999)):
            some = (counts >= low) & (counts <= high)
            print(f"  {some.sum()} with {low} to {high}: {described(found.refused[some])}")


if __name__ == "__main__":
    main(*sys.argv[1:])
