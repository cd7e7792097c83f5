"""Crowding: one gate per person, since faces lie closer together in some regions than in others.

A network spreads the faces of those it saw often, and packs the others: on the sphere there are
crowded regions, and how old people are, or where they come from, decides who lies there. One gate
for all is too wide in a crowd, where strangers get a name, and too strict outside, where people's
own photos are refused.

How crowded it is around a person can be seen without any photo more. The faces of many people, one
of each, are divided into a few groups by k-means; the centres c_k are 'mean faces'. With m_p the
direction of the mean of p's photos,

    z_p    = min_k ||m_p - c_k||²                 small where many faces are near
    gate_p = gate + share (z_p - usual)           usual: the mean of z over many people

Why a straight line: the distance from a stranger to p grows with z_p. For a face e near the same
centre, with e - c independent of m_p - c, its expectation is ||m_p - c||² + ||e - c||²: slope 1.
The nearest of many strangers is no typical one, and a person's own photos scatter more outside a
crowd, too; so the best share is below 1, and is measured (data_scripts/make_thresholds.py).

The nearest person stays the nearest: a gate says whether they are named, and not who. A centre is a
mean over a hundred people or so, so no one person's vector travels with a model.

Speaker verification knows this as Z-norm, of which this is the part with the mean (Li and Porter,
'Normalizations and selection of speech segments for speaker recognition scoring', ICASSP 1988), and
as normalisation by a cohort of others (Auckenthaler, Carey and Lloyd-Thomas, 'Score normalization
for text-independent speaker verification systems', Digital Signal Processing 10, 2000).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike
from sklearn.cluster import KMeans

from ..files.stored import is_number
from ..files.words import shortened

CENTRES = 32  # with 16 or 64 dlib_resnet gains as much, within the standard error
DIGITS = 5  # after the point, of a stored centre
STARTS = 3  # of k-means


def personal_gates(threshold: float, allowances: np.ndarray) -> np.ndarray:
    """Return each person's gate, a squared distance from 0 to 4, for that of their gallery."""
    return np.clip(threshold + allowances, 0, 4)


@dataclass(frozen=True)
class Crowding:
    """Where faces lie, and how much of that a person's gate follows.

    Attributes
    ----------
    centres : tuple of K tuples of D floats
        Mean faces, inside the unit sphere.
    share : float
        By how much a gate moves when the squared distance to the nearest centre does; 0 to 1.
    usual : float
        The squared distance, 0 to 4, at which a person's gate is that of the gallery.
    """

    centres: tuple[tuple[float, ...], ...] = field(repr=False)
    share: float
    usual: float

    @classmethod
    def measure(
        cls, faces: ArrayLike, means: ArrayLike, share: float, seed: int = 0, centres: int = CENTRES
    ) -> Crowding:
        """Find the centres of faces, and the distance that is usual.

        Parameters
        ----------
        faces : ndarray of shape (N, D)
            Embeddings, one of each person: who has many photos should not get a centre of their
            own.
        means : ndarray of shape (P, D)
            Unit vectors: the mean directions of people as they are enrolled.
        share : float
        seed : int
        centres : int

        Raises
        ------
        ValueError
            There are fewer faces than centres.
        """
        found = KMeans(centres, n_init=STARTS, random_state=seed).fit(np.asarray(faces, np.float64))
        rounded = np.round(found.cluster_centers_, DIGITS)
        it = cls(tuple(map(tuple, rounded.tolist())), share, 0.0)
        return cls(it.centres, share, float(it.to_centre(means).mean()))

    def to_centre(self, means: ArrayLike) -> np.ndarray:
        """Return the squared L2 distances, shape (P,), from unit vectors to their nearest centres.

        Raises
        ------
        ValueError
            They are not of the centres' length.
        """
        means, centres = np.asarray(means, np.float64), np.array(self.centres)
        if means.ndim != 2 or means.shape[1] != centres.shape[1]:
            raise ValueError(
                f"the model's centres have {centres.shape[1]} numbers, and embeddings of shape "
                f"{means.shape} do not fit them: take those of its own network"
            )
        squares = (means**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)
        return np.maximum(squares - 2 * means @ centres.T, 0).min(axis=1)

    def allowances(self, means: ArrayLike) -> np.ndarray:
        """Return how much wider each person's gate is than the gallery's; negative in a crowd.

        Parameters
        ----------
        means : ndarray of shape (P, D)
            Unit vectors.

        Returns
        -------
        ndarray of shape (P,), float64
        """
        return self.share * (self.to_centre(means) - self.usual)

    @classmethod
    def of(cls, stored: object) -> Crowding:
        """Make it from a stored dictionary.

        Raises
        ------
        ValueError
            Something is missing, or is not what belongs there.
        """
        if not isinstance(stored, dict) or set(stored) != {"centres", "share", "usual"}:
            raise ValueError(f"crowding has centres, share and usual, got {shortened(stored)}")
        centres, share, usual = stored["centres"], stored["share"], stored["usual"]
        if not is_number(share, 0, 1):
            raise ValueError(f"the share of crowding is from 0 to 1, got {shortened(share)}")
        if not is_number(usual, 0, 4):
            raise ValueError(f"the usual distance is from 0 to 4, got {shortened(usual)}")
        rows = isinstance(centres, list | tuple) and centres
        if not rows or not all(isinstance(row, list | tuple) and row for row in centres):
            raise ValueError(f"centres are lists of numbers, got {shortened(centres)}")
        if len(set(map(len, centres))) > 1:
            raise ValueError("centres are of one length, got several")
        for value in chain.from_iterable(centres):
            if not is_number(value, -1, 1):
                raise ValueError(f"a centre has numbers from -1 to 1, got {shortened(value)}")
        return cls(tuple(tuple(map(float, row)) for row in centres), float(share), float(usual))
