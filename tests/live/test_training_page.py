"""The page of a training as text: what it holds, when it is written, and how it ends."""

import os
import re
from dataclasses import replace

import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture
from minifacenet.files import atomic
from minifacenet.live import TrainingPage
from minifacenet.live.condition import condition
from minifacenet.live.curves import thinned, ticks
from minifacenet.live.triplets import hardest_trios, verdict
from minifacenet.training.log import write_log
from minifacenet.training.run import began_with, run_training
from minifacenet.training.settings import TrainConfig, TrainingRunConfig

from ..album.test_album import Page
from .pages import FACES, HOSTILE, Told, make_faces, record

REFRESH = re.compile(r'<meta http-equiv="refresh" content="(\d+)">')


def words(told):
    return " ".join(" ".join(Page(told.text()).texts).split())


def test_it_is_written_at_the_beginning_then_every_ten_seconds_and_at_the_end(tmp_path):
    told = Told(tmp_path)
    writes, real = [], atomic.os.replace
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", lambda *a: writes.append(told.time) or real(*a))
        told.page.start_training("Training", 60)
        told.steps(1, 25)
        assert writes == [0, 10, 20]
        told.page.stop_training()
        told.page.end(told.outcome())
    assert writes == [0, 10, 20, 25, 25]
    assert told.said == [f"Watch it in a browser: {tmp_path / 'training.html'}"]


def test_a_page_that_takes_long_is_written_a_hundred_times_as_seldom(tmp_path):
    told = Told(tmp_path)
    real = atomic.os.replace

    def slowly(*arguments):
        told.tick(0.5)
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", slowly)
        told.page.start_training("Training", 60)
        told.steps(1, 60)
    assert told.time == 60 + 2 * 0.5  # one in the beginning, one after 50 seconds


def test_while_it_runs_it_refreshes_and_says_until_when_to_believe_it(tmp_path):
    told = Told(tmp_path)
    told.page.start_training("Training", 60)
    assert "Beginning" in words(told)
    assert "0 %" in words(told)
    told.steps(1, 50)
    text, page = told.text(), Page(told.text())
    assert 10 <= int(REFRESH.search(text)[1]) <= 12
    said = words(told)
    assert "Step 50 of 60" in said
    assert "about 10 s left" in said
    assert "50 s spent" in said
    assert "After step 60 the held-out people are asked, and the training is saved" in said
    [at] = page.all("time")
    assert int(at["data-written"]) == 1_700_000_050
    assert 45 <= int(at["data-late"]) <= 100
    [stale] = page.all("div", id="stale")
    assert "hidden" in stale


def test_a_check_that_takes_long_is_waited_for(tmp_path):
    """Also where it ends with a page: the next check takes as long."""
    told = Told(tmp_path)
    told.page.start_training("Training", 60)
    told.steps(1, 25, check_every=60)
    told.tick(600)
    told.page.check(25, 0.5, 0.05)
    told.steps(26, 50, check_every=60)
    [at] = Page(told.text()).all("time")
    assert int(at["data-late"]) > 3 * 600


@pytest.mark.parametrize(
    ("stopped", "word", "said"),
    [
        (None, "Finished", "Trained 60 steps: learning"),
        ("interrupted", "Interrupted", "Interrupted after step 60 of 60; saved."),
        ("collapsed", "Collapsed", "all embeddings are one point"),
        ("no better", "Stopped: no better", "4 checks without a VAL within a standard error"),
    ],
)
def test_after_the_end_it_says_how_and_refreshes_no_more(tmp_path, stopped, word, said):
    told = Told(tmp_path, patience=4)
    (tmp_path / "state.safetensors").touch()
    told.page.start_training("Training", 60)
    told.steps(1, 3)
    told.page.end(told.outcome(stopped))
    assert not REFRESH.search(told.text())
    assert word in words(told)
    assert said in words(told)
    assert "Kept the model of step 50: VAL 0.550 ± 0.050 at FAR 0.01" in words(told)
    assert ("Go on with:" in words(told)) == (stopped == "interrupted")
    assert not Page(told.text()).all("div", id="stale")


@pytest.mark.parametrize(
    ("error", "word", "said"),
    [
        (FloatingPointError("not finite any more"), "Failed", "Not finite any more."),
        (OSError(28, "No space left"), "Failed", "No space left"),
        (KeyboardInterrupt(), "Interrupted", "second Ctrl-C"),
    ],
)
def test_an_error_that_ends_the_training_ends_its_page(tmp_path, error, word, said):
    told = Told(tmp_path)
    told.page.start_training("Training", 60)
    with pytest.raises(type(error)), told.page:
        raise error
    assert word in words(told)
    assert said in words(told)
    assert not REFRESH.search(told.text())


def test_a_training_that_never_began_touches_no_page_of_another(tmp_path):
    (tmp_path / "training.html").write_text("another's")
    told = Told(tmp_path)
    with pytest.raises(ValueError, match="at work"), told.page:
        raise ValueError("another process is at work")
    assert told.text() == "another's"


def test_a_page_that_cannot_be_written_is_said_once_and_the_training_goes_on(tmp_path):
    told = Told(tmp_path / "file")
    (tmp_path / "file").write_text("in the way of the folder")
    told.page.start_training("Training", 60)
    told.steps(1, 60)
    told.page.end(told.outcome())
    [line] = told.said
    assert line.startswith("The training goes on without its page: ")
    assert "training.html" in line


def test_nothing_from_outside_becomes_markup(tmp_path):
    told = Told(tmp_path / HOSTILE.replace("/", "_"))
    told.page.start_training("Training", 60)
    told.steps(1, 30)
    page = Page(told.text())
    assert not page.all("img")
    assert not page.all("b", class_="faces")
    assert not [a for _, a in page.elements if any(key.startswith("on") for key in a)]
    assert len(page.all("script")) == 1
    assert f"{FACES}" in page.texts
    assert "two\\nlines" in page.texts
    assert "a\\u202egnp.exe" in told.text()
    [policy] = [a["content"] for a in page.all("meta", **{"http-equiv": "Content-Security-Policy"})]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert "script-src 'sha256-" in policy
    assert "http" not in told.text().replace("http-equiv", "").replace(HOSTILE, "")


def test_six_triplets_are_shown_as_faces_with_their_distances(tmp_path):
    told = Told(tmp_path)
    told.page.start_training("Training", 60)
    told.steps(1, 11)
    page = Page(told.text())
    figures = [a for a in page.all("svg") if a.get("class", "").startswith("face")]
    assert len(figures) == 18
    assert [a["class"] for a in figures[:3]] == ["face", "face same", "face other"]
    photos, distances = told.batch()
    first = hardest_trios(photos, told.faces.labels, distances)[0]
    assert f"{first.to_positive:.2f}" in page.texts
    assert f"{first.to_negative:.2f}" in page.texts
    assert "Of the batch of step 10" in words(told)  # that of the page, not of the next step


@pytest.mark.parametrize("by", ["people", "photos", "vectors"])
def test_a_harmonic_training_shows_what_it_learns_from(tmp_path, by):
    told = Told(tmp_path, harmonic="v1", harmonic_by=by)
    told.page.start_training("Training", 60)
    told.steps(1, 11)
    curves = told.text().split("<main>")[1].split('id="next"')[0]
    assert ("The hardest triplets" in curves) == (by == "people")
    said = {word for word in ("triplet", "pairs", "margin", "semi-hard") if word in curves}
    mined = {"triplet", "pairs", "margin"}
    assert said == {"people": {*mined, "semi-hard"}, "photos": mined, "vectors": set()}[by]
    assert ("all photos were learned from" in curves) == (by == "vectors")


def test_the_hardest_triplets_are_found_by_hand():
    labels = np.array([0, 0, 1, 1, 2])
    points = np.array([0.0, 1.0, 0.5, 0.6, 3.0])
    distances = (points[:, None] - points[None]) ** 2
    photos = np.array([10, 11, 12, 13, 14])
    one, two = hardest_trios(photos, labels, distances)
    assert (one.anchor, one.positive, one.negative) == (11, 10, 13)
    assert (one.to_positive, one.to_negative) == pytest.approx((1.0, 0.16))
    assert (two.anchor, two.positive, two.negative) == (13, 12, 11)
    assert verdict(one, 0.2) == ("hard", "the other person is nearer by 0.84")
    assert verdict(two, 0.2)[0] == "semi-hard"
    assert verdict(two, 0.1)[0] == "easy"
    assert hardest_trios(photos[:2], labels[:2], distances[:2, :2]) == []  # nobody else
    assert hardest_trios(photos[3:], labels[3:], distances[3:, 3:]) == []  # no positive


def test_a_photo_that_is_twice_in_a_batch_is_not_its_own_positive():
    photos, labels = np.array([5, 5, 6, 7]), np.array([0, 0, 0, 1])
    distances = np.array([[0, 0, -1e-7, 1], [0, 0, -1e-7, 1], [-1e-7, -1e-7, 0, 1], [1, 1, 1, 0]])
    [trio] = hardest_trios(photos, labels, distances)
    assert {trio.anchor, trio.positive} == {5, 6}


@pytest.mark.parametrize("number", [500, 501, 2000, 100_000])
def test_a_curve_has_at_most_500_points_and_keeps_every_extreme(number):
    rng = np.random.default_rng(0)
    steps, values = np.arange(1, number + 1), rng.random(number)
    values[number // 3], values[number // 2] = 9, -9
    curve = thinned(steps, values)
    outline = len(curve.steps) * (1 if number <= 500 else 2)
    assert 250 < outline <= 500
    assert (curve.low.min(), curve.high.max()) == (-9, 9)
    assert (curve.steps[0], curve.steps[-1]) == (1, number)
    assert ((curve.low <= curve.values) & (curve.values <= curve.high)).all()
    if number == 2000:
        np.testing.assert_allclose(curve.values, values.reshape(-1, curve.per).mean(axis=1))


def test_what_is_no_number_is_left_out_of_a_curve():
    curve = thinned([1, 2, 3], [np.nan, 0.5, np.inf], [0.1, np.nan, 0.1])
    assert (curve.steps.tolist(), curve.low.tolist(), curve.high.tolist()) == ([2], [0.5], [0.5])


@pytest.mark.parametrize("end", [1e-9, 0.2, 1, 3, 7, 60, 99_999])
def test_ticks_are_few_and_reach_far(end):
    found = ticks(end, 5)
    assert 3 <= len(found) <= 7
    assert found[0] == 0
    assert 0.6 * end < found[-1] <= end * 1.001


def test_long_trainings_say_that_they_are_thinned_and_stay_small(tmp_path):
    told = Told(tmp_path, steps=2000)
    told.page.start_training("Training", 2000)
    for step in range(1, 2001):
        told.tick(10 * (step == 2000))
        told.page.step(record(step, loss=0.1 + (step % 7) / 100))
    assert "a point is the mean of 8 steps" in words(told)
    assert len(told.text()) < 100_000
    for path in re.findall(r' d="(M[^"]*)"', told.text()):
        assert path.count("L") < 500


def test_figures_that_are_no_numbers_do_no_harm(tmp_path):
    told = Told(tmp_path, judges=False)
    nan = float("nan")
    told.page.start_training("Training", 60)
    told.tick(20)
    told.page.step(record(1, active=nan, near=nan, far=nan, spread=nan, seconds=0.0))
    assert "Nobody is held out" in words(told)
    assert "Step 1 of 60" in words(told)


def steps(*spreads, **changes):
    return [record(i, spread=spread, **changes) for i, spread in enumerate(spreads, start=1)]


@pytest.mark.parametrize(
    ("recent", "word", "said"),
    [
        (steps(1, 1), "healthy", "In the last 2 steps 50 % of the anchor-positive pairs"),
        ([*steps(1), record(2, triplets=0)], "healthy", "1 of these steps found no triplet"),
        (steps(1, 0.001), "collapsing", "For the last step all embeddings"),
        (steps(*[0.001] * 10), "collapsed", "For the last 10 steps.*a lower --rate"),
        (steps(0.5, 0.2, 0.09), "collapsing", "since step 1 the spread has fallen from 0.5 to"),
        (steps(0.02, 0.05, 0.09), "healthy", "active"),  # a fresh network that grows out of it
        (steps(1, 1, triplets=0), "solved", "The last 2 steps found no triplet"),
        (steps(1, triplets=0, near=2, far=1), "stuck", "none is semi-hard"),
    ],
)
def test_how_it_goes_is_said_in_words(recent, word, said):
    found, why = condition(recent, TrainConfig())
    assert found == word
    assert re.search(said, why)


@pytest.mark.parametrize(
    ("change", "share"),
    [(dict(mining="all"), "50 % of the triplets"), (dict(mine_every=5), "triplets mined offline")],
)
def test_a_share_says_what_it_is_of(change, share):
    assert share in condition(steps(1), TrainConfig(**change))[1]


def test_by_vectors_no_rule_of_mining_is_a_remedy():
    assert "--mining" in condition(steps(0.001), TrainConfig())[1]
    assert "--mining" not in condition(steps(0.001), TrainConfig(), by_vectors=True)[1]


def test_a_resumed_training_goes_on_with_its_curves(tmp_path):
    write_log(tmp_path / "log.csv", [record(step, loss=step / 100) for step in range(1, 41)])
    (tmp_path / "checks.csv").write_text("step,val,error\n25,0.4,0.1\n40,0.9,nan\n")
    told = Told(tmp_path)
    told.page.start_training("Training", 60, done=30)
    said = words(told)
    assert "Step 30 of 60" in said
    assert "30 s spent" in said
    assert "0.400" in said
    assert "0.900" not in said  # a later check of a killed run, which is done again
    assert "loss 0.300" in said
    told.steps(31, 41)
    assert "Step 40 of 60" in words(told)


CONFIG = TrainingRunConfig(
    Architecture(size=32, channels=1), TrainConfig(steps=4, people=4, photos=3), check_every=2
)


def test_a_training_ends_in_the_same_bits_with_a_page_and_without(tmp_path):
    faces = make_faces(tuple("abcdefg"), 5)
    faces = replace(faces, images=np.repeat(np.repeat(faces.images, 2, 1), 2, 2)[:, :32, :32])

    def train(out, resume=False, page=True):
        config = began_with(out) if resume else CONFIG
        ticking = iter(range(10**6))  # every look at the clock, a page is due
        if not page:
            return run_training(faces, out, config)
        with TrainingPage(FACES, out, config, faces, faces, print,
                          clock=lambda: 1000.0 * next(ticking)) as page:  # fmt: skip
            outcome = run_training(faces, out, config, page, resume)
            page.end(outcome)
        return outcome

    for out, page in ((tmp_path / "without", False), (tmp_path / "with", True)):
        assert len(train(out, page=page).records) == 4
    for name in ("model.safetensors", "state.safetensors", "checks.csv", "config.json"):
        one, two = ((tmp_path / out / name).read_bytes() for out in ("without", "with"))
        assert one == two, name
    train(tmp_path / "with", resume=True)
    assert "Finished" in (tmp_path / "with" / "training.html").read_text(encoding="utf-8")
