"""The closed protocol: everybody is known. Half of each person's photos name the other half."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..classification.methods import baselines, network
from ..files.atomic import write_csv
from ..preprocessing.faces import Faces
from ..training.loop import is_trainable
from ..training.observer import Observer
from ..training.splits import Split, split_photos
from .choosing_steps import fit
from .figures import naming_figure
from .scores import score_naming, verify_pairs
from .settings import RunConfig


def name_known_people(
    faces: Faces, split: Split, out: Path, config: RunConfig, rng, observer: Observer, device: str
) -> tuple[dict, dict]:
    """The figures, and what the report shows of it."""
    known, asked = faces.subset(split.train), faces.subset(split.test)
    photos = np.bincount(known.labels).max()
    inner = split_photos(known.labels, (photos - 1) / photos, rng)  # one of each person held out
    others = baselines(known)  # first: photos that they refuse need no network either
    model, steps, _ = fit(known, inner, None, out, config, "Known people", observer, device)
    result = {
        "people": len(np.unique(known.labels)),
        "train_photos": len(known),
        "test_photos": len(asked),
        "steps": steps,
    }
    vectors, answers = {}, {}
    for method, embed in {"facenet": network(model, config.flip), **others}.items():
        vectors[method] = embed(asked.images)
        accuracy, answers[method] = score_naming(
            embed(known.images), known.labels, vectors[method], asked.labels
        )
        result[method] = {"svm_accuracy": accuracy}
    _write_names(out / "names.csv", asked, answers["facenet"])
    naming_figure(out, asked, answers["facenet"], config.credit)
    if is_trainable(asked.labels):  # two photos of one person and one of another: pairs to verify
        verify_pairs(out, asked, vectors, result, config)
    else:
        observer.say("Nobody has two photos among those to be named: no verification of them.")
    shown = {"known": asked, "named": answers["facenet"], "known_vectors": vectors["facenet"]}
    return result, shown


def _write_names(path: Path, faces: Faces, answers) -> None:
    people = np.array(faces.people)
    rows = zip(faces.paths, people[faces.labels], people[answers], strict=True)
    write_csv(path, ["photo", "person", "named"], rows)
