"""Labeled Faces in the Wild from whole photos (Huang et al., 2007), by the book.

    plan = LfwPlan.of("lfw", Embedder("runs/vgg", flip=True))
    crops = plan.cut_faces("runs/lfw-vgg")[1]
    found, faces = read_pair_photos(plan.images, plan.pairs, 96, 3, crops=crops)
    found = in_whole_folds(found, plan.source)
    judged = judge(found, plan.embedder.transform(faces.images))
    judged.result.accuracy, judged.result.accuracy_standard_error

The list fixes the pairs and the folds, and the rules fix the rest: no photo of LFW trains the
network ("unrestricted, labelled outside data"), and the threshold for a fold comes from the nine
others. A photo in which no face is found takes its pairs with it. The others keep their folds, but
fewer pairs are another benchmark, so the numbers of both are among the figures.

Faces are cut as the network knows them, by the words that it keeps. Another way shows what that is
worth: the plain box of the paper beside faces that were aligned.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..embedding.embedder import Embedder
from ..files.reading import read_whole
from ..files.stored import json_object
from ..machine.places import where
from ..machine.versions import versions
from ..preprocessing.align_folder import Alignment
from ..preprocessing.align_listed import Crops, align_listed, are_crops, settings_for
from ..preprocessing.choose_and_cut import CropSettings
from ..preprocessing.crop_note import CENTRE_SQUARE, from_words, in_words
from .pair_lists import Pairs, PairsError, read_pairs
from .pair_photos import FoundPairs, find_photos
from .pair_scores import JudgedPairs
from .thresholds import Thresholds

LIST = "pairs.txt"
SELECT = "center"  # each photo is centred on the person that it is named after
MIN_SIZE = 40  # pixels; faces take about 100 of a photo's 250, and smaller ones stand behind them


@dataclass(frozen=True, eq=False)
class LfwPlan:
    """What is evaluated, and on what.

    Attributes
    ----------
    images, source : Path
        The folder of photos, and the list of pairs.
    pairs : Pairs
    photos : tuple of str
        Those of the listed photos that are there and have a partner, relative to `images`.
    embedder : Embedder
    cut : str
        How faces are cut, in words.
    settings : CropSettings or None
        None where the photos are taken as they are: they are crops already, or the network knows
        centre squares.
    against : Embedder or None
        An older model, whose vectors are to compare with those of `embedder`.
    """

    images: Path
    source: Path
    pairs: Pairs
    photos: tuple[str, ...]
    embedder: Embedder
    cut: str
    settings: CropSettings | None
    against: Embedder | None = None

    @classmethod
    def of(
        cls,
        images: str | os.PathLike,
        embedder: Embedder,
        source: str | os.PathLike | None = None,
        crop: str | None = None,
        against: Embedder | None = None,
    ) -> LfwPlan:
        """Find the list and its photos, and decide how faces are cut.

        Parameters
        ----------
        images : path
            With photos as `Name/Name_0001.jpg`, or crops of them.
        embedder : Embedder
        source : path, optional
            The list of pairs; see `find_list`.
        crop : {'aligned', 'box'}, optional
            Cut faces in this way, and not in the one that the network knows.
        against : Embedder, optional
            Faces are cut at the larger size of the two networks.

        Raises
        ------
        PairsError
            The list is missing or damaged, or none of its pairs is there.
        ValueError
            There is no way to cut faces so, or the two models do not compare.
        """
        if against is not None:
            check_comparable(embedder, against)
        images = Path(images)
        source = find_list(images) if source is None else Path(source)
        pairs = read_pairs(source)
        photos = find_photos(images, pairs).paths
        cut, settings = cut_for(embedder.cut, crop), None
        if are_crops(images, photos):
            if crop is not None:
                raise ValueError(
                    f"'{images}' holds faces that were cut out already, and no photos to cut them "
                    f"out of by '{crop}': pass the photos"
                )
        elif cut != CENTRE_SQUARE:
            size = max(m.architecture.input_shape[0] for m in (embedder, against) if m is not None)
            settings = settings_for(cut, size, select=SELECT, min_size=MIN_SIZE)
        return cls(images, source, pairs, photos, embedder, cut, settings, against)

    def cut_faces(self, out: str | os.PathLike, **arguments: Any) -> tuple[Alignment, Crops]:
        """Cut out the faces of the listed photos, or go on with that; see `align_listed`."""
        if self.settings is None:
            raise ValueError(f"the photos of '{self.images}' are taken as they are: {self.cut}")
        return align_listed(self.images, self.photos, out, self.settings, **arguments)

    def identity(self) -> dict[str, Any]:
        """Return what two evaluations have in common if they are the same, as JSON has it."""
        return {
            "images": str(self.images.absolute()),
            "list": {"file": self.source.name, "sha256": _digest(self.source)},
            "model": {
                "digest": self.embedder.digest,
                "preprocessing": self.embedder.preprocessing,
                **({} if self.against is None else {"against": self.against.digest}),
            },
            "cut": self.cut,
            "crop": None if self.settings is None else asdict(self.settings),
        }

    def figures(
        self, judged: JudgedPairs, found: FoundPairs, own: Thresholds | None
    ) -> dict[str, Any]:
        """Return all figures, JSON-able, with what they depend on.

        `own` are the thresholds of the model, or of the older one where there is one: those are
        the ones in use, and their key says so.
        """
        thresholds = "thresholds" if self.against is None else "thresholds_of_against"
        return {
            **judged.result.as_dict(),
            "by_fold": [score.as_dict() for score in judged.result.folds],
            "pairs_listed": len(self.pairs),
            "pairs_found": len(found.same),
            "pairs_scored": len(judged.same),  # those in folds with both kinds
            "photos": len(found.paths),
            "photos_missing": list(found.missing),
            **self.identity(),
            thresholds: None if own is None else own.as_dict(),
            "versions": versions(),
        }


def check_comparable(new: Embedder, old: Embedder) -> None:
    """Refuse two models whose vectors have two lengths, or that know faces cut in two ways."""
    if new.architecture.dim != old.architecture.dim:
        raise ValueError(
            f"vectors of {new.architecture.dim} and of {old.architecture.dim} numbers do not "
            "compare: name two models of one --dim"
        )
    if new.cut != old.cut:
        raise ValueError(
            f"one model knows faces by '{new.cut}', the other by '{old.cut}': name two models "
            "of one cut"
        )


def find_list(images: str | os.PathLike) -> Path:
    """Return LFW's list of pairs: in the folder of photos, beside it, or where `get` puts it.

    Raises
    ------
    PairsError
        It is in none of these places; the message names them.
    """
    images = Path(images).absolute()
    tried = list(dict.fromkeys([images / LIST, images.parent / LIST, where("lfw") / LIST]))
    for path in tried:
        if path.is_file():
            return path
    places = ", ".join(map(str, tried))
    raise PairsError(
        f"no list of pairs, tried {places}: name one with --pairs, or run `minifacenet get lfw`"
    )


def cut_for(known: str, crop: str | None) -> str:
    """Return how to cut faces for a network that knows them cut so, in words.

    `crop` asks for another way, 'aligned' or 'box', with the usual template and no margin.
    """
    found = from_words(known)
    if crop is None or (found is not None and found[0] == crop):
        return known
    return in_words(crop, CropSettings.template, 0)


def other_figures(path: Path, identity: dict[str, Any]) -> list[str]:
    """Return what the figures in a file do not have in common with these: names of `identity`.

    It is all of them where the file holds no such figures, and none where there is no file.
    """
    if not path.exists():
        return []
    try:
        stored = json_object(read_whole(path))
    except ValueError:
        stored = {}
    return [name for name, value in identity.items() if stored.get(name, ...) != value]


def _digest(path: Path) -> str:
    return hashlib.sha256(read_whole(path)).hexdigest()
