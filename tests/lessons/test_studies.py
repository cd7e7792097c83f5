import csv
import sys

import numpy as np
import pytest
import studies
from exercises.answers_15 import supported
from exercises.lesson_15 import CLAIMS

from minifacenet import read_faces


@pytest.fixture
def photos():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (3, 32, 32, 1)).astype(np.uint8)


def test_spoilt_photos_are_new_ones_and_spoilt_more_by_less(photos):
    kept = photos.copy()
    for spoil, settings in (
        (studies.as_jpeg, (5, 50, 95)),
        (studies.with_fewer_pixels, (4, 16, 32)),
    ):
        spoilt = [spoil(photos, setting) for setting in settings]
        off = [np.abs(one.astype(float) - photos).mean() for one in spoilt]
        assert off[0] > off[1] > off[2] or off[2] == 0 < off[1] < off[0]
        assert all(one.shape == photos.shape and one.dtype == np.uint8 for one in spoilt)
    np.testing.assert_array_equal(photos, kept)
    np.testing.assert_array_equal(studies.with_fewer_pixels(photos, 32), photos)


def test_fewer_people_are_some_of_more_and_the_strangers_stay(people):
    faces = read_faces(people, size=32)
    seen = []
    for count in (2, 3):
        _, strangers = studies.trained(faces, 10, count, steps=1, size=32)
        seen.append(set(strangers.labels))
        known = np.unique(faces.labels[~np.isin(faces.labels, strangers.labels)])
        assert len(known) == 3
    assert seen[0] == seen[1]
    assert len(seen[0]) == 2


def test_an_interrupted_run_goes_on(people, tmp_path, monkeypatch, capsys):
    calls = []

    def measure(faces, seed, count):
        calls.append((seed, count))
        yield "people", count, [0.9] * 4
        if len(calls) == 3:
            raise KeyboardInterrupt
        if count == max(studies.PEOPLE):
            yield "pixels", 16, [0.8] * 4

    monkeypatch.setattr(studies, "measure", measure)
    out = tmp_path / "s.csv"
    monkeypatch.setattr(sys, "argv", ["s", str(people), "--seeds", "2", "--out", str(out)])
    with pytest.raises(KeyboardInterrupt):
        studies.main()
    studies.main()
    with out.open(newline="") as file:
        rows = [tuple(row[:3]) for row in csv.reader(file)][1:]
    assert len(rows) == len(set(rows)) == 2 * (len(studies.PEOPLE) + 1)
    assert len(calls) == 2 * len(studies.PEOPLE) + 1
    assert "min left" in capsys.readouterr().out


def test_the_claims_of_lesson_15_are_what_the_stored_figures_say():
    def auc(path, study, setting):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        found = {row[2]: float(row[3]) for row in rows if tuple(row[:2]) == (study, setting)}
        assert len(found) >= 3
        return np.array([found[seed] for seed in sorted(found)])

    def clear(change):
        return change.mean() > 2 * change.std(ddof=1) / np.sqrt(len(change))

    def mine(study, setting):
        return auc(studies.RESULTS, study, str(setting))

    ablations = studies.RESULTS.with_name("ablations.csv")
    full = mine("people", 30)
    drops = {
        (study, setting): (full - mine(study, setting)).mean()
        for study, settings in (
            ("people", studies.PEOPLE),
            ("JPEG quality", studies.QUALITIES),
            ("pixels", studies.SIDES),
        )
        for setting in settings
    }
    wide = auc(ablations, "dimensions", "256") - auc(ablations, "default", "default")
    narrow = auc(ablations, "default", "default") - auc(ablations, "dimensions", "16")
    spoilt = (full - mine("JPEG quality", 10)) + (full - mine("pixels", 32))
    fewer = mine("people", 20) - mine("people", 10) - spoilt
    assert supported() == {
        "a": bool(clear(wide)),
        "b": bool(clear(fewer)),
        "c": bool(clear(full - mine("people", 20))),
        "d": not clear(full - mine("people", 10)) and not clear(full - mine("pixels", 16)),
        "e": max(drops, key=drops.get)[0] == "people" and drops["people", 5] > narrow.mean(),
    }
    mean, error = fewer.mean(), fewer.std(ddof=1) / np.sqrt(len(fewer))
    assert f"-{mean:.3f} ± {error:.3f}, {mean / error:.1f} standard errors" in CLAIMS["b"][1]
