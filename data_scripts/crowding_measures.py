"""What `make_thresholds.py` measures for a gate per person: centres, the share, and what it does.

Everything is measured on people who had no part in the centres. Around those who had one it looks a
little more crowded than around others, and gates measured there would accept too many strangers:
where all 32 centres came from the people of the galleries, 1.1 to 1.3 % in place of 1 %. So a
person's surroundings are those of centres made without them and a tenth of the others (`Folds`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from minifacenet.classification.crowding import Crowding
from minifacenet.classification.identification import gate_threshold

FOLDS = 10
SHARES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)
HALVES, DRAWS = 10, 5  # divisions of the people, and galleries of each
PEOPLE, PHOTOS, ASKED = 80, (1, 3), 3  # of a gallery; photos asked for, at most, of each person
FAR = 0.01
CROWDED = 0.25  # of the centres: those with the least scatter around them


class Sample:
    """The embeddings of some people, by person."""

    def __init__(self, vectors: np.ndarray, rows: dict[str, np.ndarray]):
        self.vectors, self.rows = vectors, rows
        self.names = np.array(sorted(rows))

    @classmethod
    def of(cls, vectors: np.ndarray, people: np.ndarray) -> Sample:
        rows = {str(name): np.flatnonzero(people == name) for name in np.unique(people)}
        return cls(vectors.astype(np.float64), rows)

    def part(self, names: Sequence[str]) -> Sample:
        return Sample(self.vectors, {name: self.rows[name] for name in names})

    def one_each(self, rng: np.random.Generator) -> np.ndarray:
        return self.vectors[[rng.choice(self.rows[name]) for name in self.names]]

    def means(self) -> np.ndarray:
        return directions([self.vectors[self.rows[name]] for name in self.names])


def directions(groups: Sequence[np.ndarray]) -> np.ndarray:
    """The mean direction of each group of vectors, (P, D)."""
    means = np.stack([group.mean(axis=0) for group in groups])
    return means / np.linalg.norm(means, axis=1, keepdims=True)


@dataclass(frozen=True)
class Folds:
    """The centres of all people, and for each fold of them those of the others."""

    whole: Crowding
    parts: tuple[Crowding, ...]
    fold: dict[str, int]

    @classmethod
    def of(cls, sample: Sample, rng: np.random.Generator, folds: int = FOLDS) -> Folds:
        """Everybody's gate moves with the distance to a centre, so far: the share is 1."""
        deal = [part.tolist() for part in np.array_split(rng.permutation(sample.names), folds)]
        parts = []
        for own in deal:
            others = sample.part(sorted(set(sample.names.tolist()) - set(own)))
            faces = others.one_each(rng)
            parts.append(Crowding.measure(faces, sample.part(own).means(), share=1.0))
        usual = float(np.mean([part.usual for part in parts]))
        whole = Crowding.measure(sample.one_each(rng), sample.means(), share=1.0)
        fold = {name: number for number, own in enumerate(deal) for name in own}
        return cls(
            replace(whole, usual=usual), tuple(replace(part, usual=usual) for part in parts), fold
        )

    def with_share(self, share: float) -> Folds:
        parts = tuple(replace(part, share=share) for part in self.parts)
        return replace(self, whole=replace(self.whole, share=share), parts=parts)

    def allowances(self, names: Sequence[str], means: np.ndarray) -> np.ndarray:
        """Those of people as the centres of others give them."""
        folds = np.array([self.fold[str(name)] for name in names])
        found = np.empty(len(means))
        for number in np.unique(folds):
            found[folds == number] = self.parts[number].allowances(means[folds == number])
        return found


@dataclass(frozen=True)
class Draw:
    """A gallery, and how its nearest people lie to photos of its own and of strangers.

    Distances are of shape (N,), and `who` numbers the nearest person, in the order of `names`.
    """

    names: list[str]
    means: np.ndarray
    right: np.ndarray  # whether the nearest is the person
    own: tuple[np.ndarray, np.ndarray]  # distances, who
    strangers: tuple[np.ndarray, np.ndarray]
    faces: np.ndarray  # of strangers

    @classmethod
    def of(cls, sample: Sample, photos: int, rng: np.random.Generator) -> Draw:
        enough = [name for name in sample.names.tolist() if len(sample.rows[name]) > photos]
        names = rng.permutation(enough)[:PEOPLE].tolist()
        rows = [rng.permutation(sample.rows[name]) for name in names]
        means = directions([sample.vectors[own[:photos]] for own in rows])
        asked = [own[photos : photos + ASKED] for own in rows]
        truth = np.repeat(np.arange(len(names)), [len(own) for own in asked])
        others = sample.part(sorted(set(sample.names.tolist()) - set(names)))
        faces = others.one_each(rng)
        own, strangers = (nearest(means, v) for v in (sample.vectors[np.concatenate(asked)], faces))
        return cls(names, means, own[1] == truth, own, strangers, faces)

    def at(self, gate: float, allowances: np.ndarray) -> tuple[float, np.ndarray]:
        """The share of own photos named correctly, and which strangers are accepted."""
        (near, who), (far, whose) = self.own, self.strangers
        known = self.right & (near - allowances[who] <= gate)
        return float(known.mean()), far - allowances[whose] <= gate

    def gate(self, allowances: np.ndarray) -> float:
        far, whose = self.strangers
        return gate_threshold(far - allowances[whose], FAR)


def nearest(means: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each face's squared distance to the nearest of the means, and which that is."""
    distances = np.maximum(2 - 2 * faces @ means.T, 0)
    return distances.min(axis=1), distances.argmin(axis=1)


def halves(sample: Sample, rng: np.random.Generator) -> tuple[Sample, Sample]:
    order = rng.permutation(sample.names)
    middle = len(order) // 2
    return sample.part(sorted(order[:middle])), sample.part(sorted(order[middle:]))


def choose_share(sample: Sample, rng: np.random.Generator) -> float:
    """The smallest share whose gain is within a standard error of the best one's.

    Centres are those of one half of the people, galleries and strangers are of the other. The score
    is how many photos are named correctly where just 1 % of these strangers are, the mean of
    galleries with one photo and with three.
    """
    scores = np.zeros((HALVES, len(SHARES)))
    for score in scores:
        known, asked = halves(sample, rng)
        crowding = Crowding.measure(known.one_each(rng), known.means(), share=1.0)
        for photos in PHOTOS * DRAWS:
            draw = Draw.of(asked, photos, rng)
            moved = crowding.allowances(draw.means)
            for number, share in enumerate(SHARES):
                score[number] += draw.at(draw.gate(share * moved), share * moved)[0]
    scores /= DRAWS * len(PHOTOS)
    best = scores.mean(axis=0).argmax()
    behind = scores[:, best : best + 1] - scores
    error = behind.std(axis=0, ddof=1) / HALVES**0.5
    for share, column, left, by in zip(SHARES, scores.T, behind.mean(axis=0), error, strict=True):
        print(f"share {share}: {column.mean():.4f}, behind the best {left:.4f} ± {by:.4f}")
    return SHARES[int(np.flatnonzero(behind.mean(axis=0) <= error)[0])]


def check_by_halves(sample: Sample, share: float, rng: np.random.Generator) -> None:
    """Print what the gates of one half of the people do to the other half, by both rules."""
    for photos in PHOTOS:
        found: dict[str, list] = {"one gate for all": [], "a gate per person": []}
        for _ in range(HALVES):
            known, asked = halves(sample, rng)
            folds = Folds.of(known, rng).with_share(share)
            here = [Draw.of(known, photos, rng) for _ in range(DRAWS)]
            there = [Draw.of(asked, photos, rng) for _ in range(DRAWS)]
            for rule, rows in found.items():
                factor = float(rule == "a gate per person")
                moved = [factor * folds.allowances(draw.names, draw.means) for draw in here]
                gate = float(np.median([draw.gate(m) for draw, m in zip(here, moved, strict=True)]))
                scores = []
                for draw in there:
                    moved_there = factor * folds.whole.allowances(draw.means)
                    correct, accepted = draw.at(gate, moved_there)
                    crowded = in_a_crowd(folds.whole, draw.faces)
                    scores.append(
                        (correct, accepted.mean(), accepted[crowded].mean(),
                         accepted[~crowded].mean(), crowded.mean())
                    )  # fmt: skip
                rows.append(np.mean(scores, axis=0))
        for rule, rows in found.items():
            mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / HALVES**0.5
            correct, accepted, crowded, elsewhere, share_in = (
                f"{m:.4f} ± {e:.4f}" for m, e in zip(mean, error, strict=True)
            )
            print(
                f"other half, {PEOPLE} people, {photos} photos, {rule}: named correctly {correct}, "
                f"strangers accepted {accepted}, in a crowd {crowded}, elsewhere {elsewhere}; in a "
                f"crowd are {share_in} of them",
                flush=True,
            )


def in_a_crowd(crowding: Crowding, faces: np.ndarray) -> np.ndarray:
    """Whether the nearest centre of each face is one of the quarter with the least scatter.

    The mean squared distance of unit vectors to their mean c is 1 - ||c||²: the longest centres.
    """
    centres = np.array(crowding.centres)
    longest = np.argsort(-(centres**2).sum(axis=1))[: round(CROWDED * len(centres))]
    distances = (centres**2).sum(axis=1) - 2 * faces @ centres.T
    return np.isin(distances.argmin(axis=1), longest)
