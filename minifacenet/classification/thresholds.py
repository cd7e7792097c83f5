"""Thresholds that travel with a model: where 'the same' ends.

A distance means nothing without a threshold, and a threshold is good for one network only. It must
not be chosen on people whom the network was trained on: each one's photos lie closer together, and
farther from other people's, than anybody else's ever will. So it is measured on people who were
held out, when the model is made, and stored in the model's file.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..embedding.checkpoint import model_file
from ..files.arrays import CheckpointError, load_metadata
from ..files.stored import MOST, is_count, is_number, is_text
from ..files.words import count_text, shortened
from ..preprocessing.faces import Faces
from .classifier import FaceClassifier, check_threshold
from .clustering import average_linkage, cut
from .clustering_scores import bcubed
from .crowding import Crowding
from .identification import gate_threshold
from .verification import pair_distances
from .verification_scores import FAR_TARGETS, verify

GATE_TARGETS = (0.1, 0.05, 0.01, 0.005)  # of strangers' faces that get a name
CUTS = 200  # places at which a tree is tried
MOST_WORDS = 1000  # characters of a source


@dataclass(frozen=True)
class GalleryGate:
    """A gate for naming, by how many people are enrolled, and with how many photos each.

    The more people are enrolled, the nearer the nearest of them comes to a stranger; the more
    photos of each, the better their mean direction is known.

    Attributes
    ----------
    people, photos : int
    gate : dict of float to float
        Thresholds by the share of the strangers' faces that get a name.
    """

    people: int
    photos: int
    gate: dict[float, float]


@dataclass(frozen=True)
class Thresholds:
    """Squared L2 distances, 0 to 4, up to which two embeddings count as one person.

    Attributes
    ----------
    source : str
        The people they were measured on, in words.
    pairs_same, pairs_different : int
        How many pairs `accuracy` and `far` were measured on.
    accuracy : float
        The threshold of the best balanced accuracy, (VAL + 1 - FAR) / 2.
    far : dict of float to float
        Thresholds by false accept rate of pairs. With fewer than 1 / rate different pairs one
        accepts none of them.
    stranger_faces, enrolled_people : int
        How many probes, and how many people in the gallery, `gate` was measured on.
    cut : float
        The threshold for grouping, with the best mean B-cubed F1 where each group of held-out
        people is clustered by average linkage.
    gate : dict of float to float
        Thresholds for naming, by the share of the strangers' faces that get a name, where people
        whom the network was trained on are enrolled. Photos of others lie farther from their own
        mean, so this gate rejects many of them. And the more people are enrolled, the nearer the
        nearest of them comes: for many more people the gate is a little too wide.
    galleries : tuple of GalleryGate
        Gates for galleries of several sizes, of people whom the network was not trained on, where
        there were enough people to measure them. See `gate_for`.
    crowding : Crowding, or None
        Moves a gallery's gate for each person: the galleries' were measured so. None: one for all.
    """

    source: str
    pairs_same: int
    pairs_different: int
    accuracy: float
    far: dict[float, float]
    cut: float
    stranger_faces: int
    enrolled_people: int
    gate: dict[float, float]
    galleries: tuple[GalleryGate, ...] = ()
    crowding: Crowding | None = None

    def __post_init__(self) -> None:
        check_threshold(self.accuracy, "threshold 'accuracy'")
        check_threshold(self.cut, "threshold 'cut'")
        for name in ("far", "gate"):
            for rate, value in getattr(self, name).items():
                check_threshold(value, f"threshold '{name}' at {rate}")

    def as_dict(self) -> dict:
        """Return a JSON-able dictionary, which `Thresholds.of` reads."""
        fields = asdict(self)
        if self.crowding is None:  # nor does an earlier version know it
            del fields["crowding"]
        return fields

    def gate_for(self, people: int, photos: float, far: float) -> tuple[float, str] | None:
        """Return the gate for a gallery, and in words the one that it was measured on.

        That is the gallery nearest in size, by the ratio of the numbers; of two as near the larger
        one, whose gate is the stricter. None if there is no gate for this `far`.
        """
        if not self.galleries:
            if far not in self.gate:
                return None
            return self.gate[far], f"{self.enrolled_people} people"

        def how_far(one: GalleryGate) -> tuple[float, int]:
            ratios = math.log(one.people / people), math.log(one.photos / photos)
            return round(sum(map(abs, ratios)), 9), -one.people

        nearest = min(self.galleries, key=how_far)
        if far not in nearest.gate:
            return None
        words = f"{nearest.people:,} people with {count_text(nearest.photos, 'photo')} each"
        return nearest.gate[far], words

    def gate_rates(self) -> list[float]:
        """Return the shares of strangers' faces for which there is a gate."""
        gates = [self.gate, *(gallery.gate for gallery in self.galleries)]
        return [far for far in self.gate if all(far in gate for gate in gates)]

    @classmethod
    def of(cls, stored: dict) -> Thresholds:
        """Make thresholds from a stored dictionary, whose rates JSON has turned into text.

        Raises
        ------
        ValueError, TypeError, KeyError, AttributeError
            Something is missing, or is not the text, count, rate or distance that belongs there.
        """
        rates = {
            name: {float(rate): value for rate, value in stored[name].items()}
            for name in ("far", "gate")
        }
        found = stored.get("galleries", [])
        if not isinstance(found, list | tuple):
            raise ValueError(f"galleries are a list, got {shortened(found)}")
        galleries = tuple(
            GalleryGate(
                one["people"],
                one["photos"],
                {float(rate): value for rate, value in one["gate"].items()},
            )
            for one in found
        )
        crowding = Crowding.of(stored["crowding"]) if "crowding" in stored else None
        if crowding is not None and not galleries:
            raise ValueError("crowding goes with gates of galleries, and there are none")
        fields = {**stored, **rates, "galleries": galleries, "crowding": crowding}
        thresholds = cls(**fields)
        thresholds._check()
        return thresholds

    def _check(self) -> None:
        distances = [("accuracy", self.accuracy), ("cut", self.cut)]
        tables = [("far", self.far), ("gate", self.gate)]
        for one in self.galleries:
            if not is_count(one.people, 1, MOST) or not is_count(one.photos, 1, MOST):
                sizes = shortened((one.people, one.photos))
                raise ValueError(f"a gallery has people and photos of each, got {sizes}")
            tables.append((f"gate of {one.people} people, {one.photos} photos", one.gate))
        for name, at_rates in tables:
            distances += [(f"{name} at {rate}", value) for rate, value in at_rates.items()]
            for rate in at_rates:
                if not is_number(rate, 0, 1):
                    raise ValueError(f"{name} is by rates from 0 to 1, got {rate}")
        for name, value in distances:  # no dictionary: two galleries may have one name
            if not is_distance(value):
                raise ValueError(f"{name} is a distance from 0 to 4, got {shortened(value)}")
        for name in ("pairs_same", "pairs_different", "stranger_faces", "enrolled_people"):
            if not is_count(getattr(self, name), 0, MOST):
                raise ValueError(f"{name} is a count, got {shortened(getattr(self, name))}")
        if not is_text(self.source, MOST_WORDS):
            got = shortened(self.source)
            raise ValueError(f"source is a text of up to {MOST_WORDS} characters, got {got}")

    @classmethod
    def of_model(cls, model: str | Path) -> Thresholds | None:
        """Load those stored in a model's file or a run's folder; None if there are none."""
        stored = load_metadata(model_file(model)).get("thresholds")
        try:
            return None if stored is None else cls.of(stored)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{model_file(model)}: its thresholds cannot be read ({shortened(error)}): train "
                "it again, or take the version of minifacenet that wrote it"
            ) from None


def is_distance(value: object) -> bool:
    """Return whether a stored value can be a threshold on unit vectors' squared L2 distances."""
    return is_number(value, 0, 4)


@dataclass(frozen=True)
class OpenSet:
    """A set of impostors, and a gallery that they are not in, both embedded by one network.

    Attributes
    ----------
    impostors : ndarray of shape (N, D)
        Embeddings of people whom the network has not been trained on.
    impostor_people : ndarray of shape (N,)
        The person of each.
    gallery : ndarray of shape (M, D)
        Embeddings of the people who are enrolled.
    gallery_people : ndarray of shape (M,)
        The person of each.
    """

    impostors: np.ndarray
    impostor_people: np.ndarray
    gallery: np.ndarray
    gallery_people: np.ndarray

    @classmethod
    def of(cls, embed: Callable, impostors: Faces, gallery: Faces) -> OpenSet:
        """Embed the faces of both by `embed`, a function from photos to vectors."""
        return cls(embed(impostors.images), impostors.labels, embed(gallery.images), gallery.labels)


def measure_thresholds(
    groups: Sequence[OpenSet], source: str, targets: Sequence[float] = FAR_TARGETS
) -> Thresholds:
    """Measure thresholds on one group of impostors, or several, each with its own network.

    Distances are taken within a group, and pooled. `targets` are the false accept rates of pairs.

    Raises
    ------
    ValueError
        The impostors include no pair of one person, or none of two people.
    """
    pairs = [pair_distances(group.impostors, group.impostor_people) for group in groups]
    distances, same = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    with warnings.catch_warnings():  # these are distances: an AUC below 0.5 means a poor network
        warnings.filterwarnings("ignore", "AUC .* is below 0.5")
        verified = verify(distances, same, targets)
    nearest = [
        FaceClassifier(threshold=4.0)
        .fit(group.gallery, group.gallery_people)
        .answers(group.impostors)
        .distance
        for group in groups
    ]
    return Thresholds(
        source=source,
        pairs_same=verified.pairs_same,
        pairs_different=verified.pairs_different,
        accuracy=_possible(verified.balanced_accuracy_threshold),
        far={far: _possible(point.threshold) for far, point in verified.val_at_far.items()},
        cut=_possible(_best_cut(groups)),
        stranger_faces=sum(map(len, nearest)),
        enrolled_people=min(len(np.unique(group.gallery_people)) for group in groups),
        gate={far: gate_threshold(np.concatenate(nearest), far) for far in GATE_TARGETS},
    )


def _possible(threshold: float) -> float:
    """Clip to 0 to 4. A verification accepts nothing at -1, where two people lie at distance 0;
    and the distance of two opposite vectors may be rounded to above 4."""
    return float(np.clip(threshold, 0, 4))


def _best_cut(groups: Sequence[OpenSet]) -> float:
    """Return the best distance to cut the groups' trees at; of a plateau, its middle."""
    trees = [average_linkage(group.impostors) for group in groups]
    heights = np.unique(np.concatenate([tree[:, 2] for tree in trees]))
    if len(heights) > CUTS:
        heights = np.quantile(heights, np.linspace(0, 1, CUTS))
    middles = (heights[:-1] + heights[1:]) / 2
    if not len(middles):  # all faces are equally far apart
        return float(heights[0])
    scores = np.mean(
        [
            [bcubed(cut(tree, at), group.impostor_people).f1 for at in middles]
            for tree, group in zip(trees, groups, strict=True)
        ],
        axis=0,
    )
    best = middles[scores == scores.max()]
    return float(best[len(best) // 2])
