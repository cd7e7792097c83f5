import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture
from minifacenet.embedding.checkpoint import CheckpointError, load_arrays, load_model, save_model
from minifacenet.preprocessing.faces import Faces
from minifacenet.training import files as training_files
from minifacenet.training import judges as held_out
from minifacenet.training import loop
from minifacenet.training import run as training_run
from minifacenet.training.files import in_the_way
from minifacenet.training.observer import Observer
from minifacenet.training.run import began_with, run_training
from minifacenet.training.selection import longest_within_error
from minifacenet.training.settings import TrainConfig, TrainingRunConfig

TRAINING = TrainConfig(steps=6, people=4, photos=3)
CONFIG = TrainingRunConfig(Architecture(size=32, channels=1), TRAINING, check_every=3, save_every=2)
FILES = {
    "model.safetensors", "state.safetensors", "config.json", "log.csv", "checks.csv", "training.png"
}  # fmt: skip


@pytest.fixture(scope="module")
def faces():
    """Seven people, five photos each: a pattern a person, in noise."""
    rng = np.random.default_rng(0)
    images = rng.integers(60, 196, (7, 1, 32, 32, 1)) + rng.integers(-40, 40, (7, 5, 32, 32, 1))
    return Faces(
        images.reshape(35, 32, 32, 1).astype(np.uint8),
        np.repeat(np.arange(7), 5),
        tuple("abcdefg"),
        tuple(f"{i}.png" for i in range(35)),
    )


@pytest.fixture(scope="module")
def whole(faces, tmp_path_factory):
    """A training that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole")
    run_training(faces, out, CONFIG)
    return out


class Listener(Observer):
    def __init__(self):
        self.said, self.checks = [], []

    def say(self, text):
        self.said.append(text)

    def check(self, step, score, error):
        self.checks.append((step, score, error))


def test_what_a_training_writes_is_known_to_those_who_must_not_lose_it(whole):
    assert {path.name for path in whole.iterdir()} == FILES <= set(training_files.FILES)
    assert set(in_the_way(whole)) == FILES


def test_a_training_without_a_model_is_not_in_the_way(whole, tmp_path):
    for name in ("config.json", "log.csv", "checks.csv"):
        shutil.copy(whole / name, tmp_path)
        assert in_the_way(tmp_path) == []
    (tmp_path / "training.html").touch()
    assert in_the_way(tmp_path) == []
    shutil.copy(whole / "model.safetensors", tmp_path)
    assert len(in_the_way(tmp_path)) == 5
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "config.json").write_text("{}")  # somebody else's
    assert len(in_the_way(tmp_path)) == 4


def test_nobody_else_trains_in_a_folder_meanwhile(faces, whole, tmp_path):
    class Second(Observer):
        def start_training(self, *_, **__):
            with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="at work in it"):
                pool.submit(run_training, faces, tmp_path, CONFIG, resume=resume).result()
            raise KeyError

    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    for resume in (True, False):
        with pytest.raises(KeyError):
            run_training(faces, tmp_path, CONFIG, Second(), resume)


def without_seconds(path):
    return [line.rsplit(",", 1)[0] for line in path.read_text().splitlines()]


def assert_the_same(out, whole):
    for name in ("model.safetensors", "state.safetensors", "checks.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert without_seconds(out / "log.csv") == without_seconds(whole / "log.csv")


def test_it_writes_its_files_and_judges_itself(faces, tmp_path):
    listener = Listener()
    outcome = run_training(faces, tmp_path, CONFIG, listener)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert [r.step for r in outcome.records] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _, _ in outcome.checks] == [3, 6]
    assert listener.checks == outcome.checks
    assert (listener.said, outcome.stopped) == ([], None)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 7
    load_model(tmp_path)


class Killed(BaseException):
    """Stands for SIGKILL: no handler of ours runs for it."""


def test_a_kill_after_any_write_and_a_resume_end_in_the_same_bits(
    faces, whole, tmp_path, monkeypatch
):
    """Between two writes nothing changes on the disk, so these are all the moments there are."""
    monkeypatch.setattr(training_run, "training_figure", lambda *arguments: None)
    real, left = os.replace, 10**6

    def replace_and_die(*arguments):
        nonlocal left
        real(*arguments)
        left -= 1
        if left == 0:
            raise Killed

    monkeypatch.setattr(os, "replace", replace_and_die)
    run_training(faces, tmp_path / "counted", CONFIG)
    writes = 10**6 - left
    assert writes >= 13
    for deadly in range(1, writes + 1):
        out, left = tmp_path / f"{deadly}", deadly
        with pytest.raises(Killed):
            run_training(faces, out, CONFIG)
        begun = (out / "state.safetensors").exists()
        run_training(faces, out, CONFIG, resume=begun)
        assert_the_same(out, whole)


PROGRAM = """
import sys, numpy as np
from pathlib import Path
from minifacenet.nn.device.backend import set_threads
from tests.training.test_run import CONFIG, faces, replace, run_training
set_threads(int(sys.argv[3]))
config = replace(CONFIG, training=replace(CONFIG.training, steps=STEPS), save_every=7)
out = Path(sys.argv[1])
outcome = run_training(faces.__wrapped__(), out, config, resume=sys.argv[2] == "resume")
print(outcome.stopped)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.slow
@pytest.mark.parametrize(
    "sign",
    [signal.SIGKILL, *(pytest.param(s, marks=pytest.mark.full) for s in (2, 15))],
    ids=("SIGKILL", "SIGINT", "SIGTERM"),
)
def test_a_real_signal_and_a_resume_with_fewer_threads_end_in_the_same_bits(tmp_path, sign):
    def process(out, resume, threads):
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM.replace("STEPS", "60"), out, resume, str(threads)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    reference = process(tmp_path / "whole", "begin", 2)
    out = tmp_path / "cut"
    cut = process(out, "begin", 2)
    while not (out / "state.safetensors").exists():
        assert cut.poll() is None
        time.sleep(0.001)
    cut.send_signal(sign)
    printed, _ = cut.communicate(timeout=60)
    assert printed.strip() == ("" if sign == signal.SIGKILL else "interrupted")
    steps = len((out / "log.csv").read_text().splitlines()) - 1
    assert 3 <= steps < 60
    printed, _ = process(out, "resume", 1).communicate(timeout=60)
    assert printed.strip() == "None"
    reference.communicate(timeout=60)
    assert_the_same(out, tmp_path / "whole")
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(training=replace(TRAINING, margin=0.3)), r"training\.margin: 0\.2 -> 0\.3"),
        (dict(training=replace(TRAINING, augmentation=None)), "training.augmentation: .* -> None"),
        (dict(training=replace(TRAINING, steps=9, seed=1)), "steps: 6 -> 9; training.seed: 0 -> 1"),
        (dict(held_out=0.5), r"held_out: 0\.2 -> 0\.5"),
        (
            dict(architecture=Architecture(size=32, channels=1, dim=64)),
            "architecture.dim: 128 -> 64",
        ),
    ],
)
def test_a_changed_configuration_is_refused_by_name(faces, whole, change, message):
    before = (whole / "state.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match=message):
        run_training(faces, whole, replace(CONFIG, **change), resume=True)
    assert (whole / "state.safetensors").read_bytes() == before


def test_other_photos_are_refused(faces, whole):
    fewer = faces.subset(np.arange(34))
    with pytest.raises(CheckpointError, match=r"faces\.photos: 35 -> 34"):
        run_training(fewer, whole, CONFIG, resume=True)


def test_a_training_knows_how_its_faces_are_cut_and_goes_on_with_no_others(faces, tmp_path):
    boxes = replace(faces, cut="box, margin 0")
    config = replace(CONFIG, held_out=0)
    run_training(boxes, tmp_path, config)
    assert load_model(tmp_path).cut == "box, margin 0"
    assert len(run_training(boxes, tmp_path, config, resume=True).records) == 6
    with pytest.raises(CheckpointError, match="but cut: 'box, margin 0' -> 'centre square': leave"):
        run_training(faces, tmp_path, config, resume=True)


def test_habits_may_change(faces, whole):
    outcome = run_training(faces, whole, replace(CONFIG, save_every=1, patience=9), resume=True)
    assert len(outcome.records) == 6
    assert began_with(whole) == CONFIG  # nothing was left to train, so nothing is saved


def test_a_model_is_no_training(faces, whole, tmp_path):
    save_model(tmp_path / "state.safetensors", load_model(whole))
    for attempt in (
        lambda: began_with(tmp_path),
        lambda: run_training(faces, tmp_path, CONFIG, resume=True),
    ):
        with pytest.raises(CheckpointError, match="a model, not a training"):
            attempt()


def scripted(scores, monkeypatch):
    """Replaces the judgement of the held-out people by a list of (VAL, error)."""
    scores = iter(scores)
    monkeypatch.setattr(held_out, "validation_score", lambda *arguments: next(scores))


def test_the_kept_model_is_the_longest_within_an_error_of_the_best(faces, tmp_path, monkeypatch):
    scores = [(0.5, 0.1), (0.7, 0.1), (0.65, 0.1), (0.3, 0.1)]
    scripted(scores, monkeypatch)
    config = replace(CONFIG, training=replace(TRAINING, steps=8), check_every=2, save_every=1)
    outcome = run_training(faces, tmp_path, config)
    assert outcome.kept == longest_within_error(outcome.checks) == 6
    assert load_arrays(tmp_path / "model.safetensors")[1]["training"]["step"] == 6
    assert load_arrays(tmp_path / "state.safetensors")[1]["step"] == 8


def test_many_checks_do_not_slow_the_steps_down(faces, tmp_path, monkeypatch):
    """All checks were looked at for each of them, at every step: 10,000 steps took hours."""
    scripted([(0.5, 0.1)] * 12, monkeypatch)
    looked = []
    monkeypatch.setattr(
        training_run,
        "longest_within_error",
        lambda checks: looked.append(len(checks)) or longest_within_error(checks),
    )
    config = replace(CONFIG, training=replace(TRAINING, steps=12), check_every=1, save_every=20)
    run_training(faces, tmp_path, replace(config, patience=20))
    assert len(looked) <= 12 + 12 + 1  # at each step and each check, and at the end


def test_early_stopping_waits_for_its_patience(faces, tmp_path, monkeypatch):
    scripted(
        [(0.5, 0.01), (0.7, 0.01), (0.6, 0.01), (0.695, 0.01), (0.5, 0), (0.6, 0)], monkeypatch
    )
    config = replace(CONFIG, training=replace(TRAINING, steps=9), check_every=1, patience=2)
    outcome = run_training(faces, tmp_path, config)
    assert (outcome.stopped, outcome.kept, len(outcome.records)) == ("no better", 4, 6)


def test_a_collapsed_training_stops_by_option(faces, tmp_path):
    grey = replace(faces, images=np.full_like(faces.images, 128))
    training = replace(TRAINING, augmentation=None)
    config = replace(CONFIG, training=training, held_out=0, stop_collapsed=4)
    outcome = run_training(grey, tmp_path, config)
    assert (outcome.stopped, len(outcome.records)) == ("collapsed", 4)
    assert run_training(grey, tmp_path / "b", replace(config, stop_collapsed=0)).stopped is None


def test_going_on_with_a_training_that_stopped_itself_changes_nothing(faces, tmp_path):
    grey = replace(faces, images=np.full_like(faces.images, 128))
    training = replace(TRAINING, augmentation=None)
    config = replace(CONFIG, training=training, held_out=0, stop_collapsed=4)
    run_training(grey, tmp_path, config)
    before = (tmp_path / "state.safetensors").read_bytes()
    outcome = run_training(grey, tmp_path, config, resume=True)
    assert (outcome.stopped, len(outcome.records)) == ("collapsed", 4)
    assert (tmp_path / "state.safetensors").read_bytes() == before


class Dying(Observer):
    """Ends a training as a kill would, in the middle of a step."""

    def __init__(self, at):
        self.at = at

    def step(self, record):
        if record.step == self.at:
            raise Killed


CHANGES = {
    "weight decay": dict(training=replace(TRAINING, weight_decay=0.5)),
    "freeze": dict(training=replace(TRAINING, freeze="conv1,conv2a")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_with_an_option_it_ends_elsewhere_and_goes_on_in_the_same_bits(
    faces, whole, tmp_path, change
):
    config = replace(CONFIG, **change)
    run_training(faces, tmp_path / "whole", config)
    files = (out / "model.safetensors" for out in (whole, tmp_path / "whole"))
    before, after = (load_model(file).network.parameters() for file in files)
    assert any((before[name].data != after[name].data).any() for name in after)
    out = tmp_path / "cut"
    with pytest.raises(Killed):
        run_training(faces, out, config, Dying(5))
    run_training(faces, out, began_with(out), resume=True)
    assert_the_same(out, tmp_path / "whole")


def test_a_check_that_cannot_be_is_refused(faces, whole, tmp_path):
    for path in whole.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    header, *rows = (tmp_path / "checks.csv").read_text().splitlines()
    for values in ("nan,0.1", "1.5,0.1", "0.5,inf", "0.5,-1"):
        odd = [f"{row.split(',')[0]},{values}" for row in rows]
        (tmp_path / "checks.csv").write_text("\n".join([header, *odd, ""]))
        with pytest.raises(CheckpointError, match=r"checks\.csv: damaged, at step \d a VAL of"):
            run_training(faces, tmp_path, CONFIG, resume=True)


@pytest.mark.parametrize("name", ["log.csv", "checks.csv"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.rsplit(",", 1)[0], "cannot be read"),
        (lambda text: text.splitlines()[0] + "\n", "0 rows where the training so far has"),
        (lambda text: text + "x" * 200_000 + "\n", r"line \d: field larger than field limit"),
        (lambda text: text + "9" * 9000 + "\n", r"line \d: 1 columns instead of"),
        (lambda text: text.replace("\n3,", "\nthree,"), r"line \d: no numbers, \['three'"),
        (None, "cannot be read"),
    ],
    ids=["cut", "empty", "a long field", "a short row", "a word", "missing"],
)
def test_a_damaged_log_is_named(faces, whole, tmp_path, name, damage, message):
    for path in whole.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / name
    if damage:
        path.write_text(damage(path.read_text()))
    else:
        path.unlink()
    with pytest.raises(CheckpointError, match=message) as error:
        run_training(faces, tmp_path, CONFIG, resume=True)
    assert str(path) in str(error.value)


def test_a_blank_line_in_a_log_does_no_harm(faces, whole, tmp_path):
    for path in whole.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "log.csv").open("a") as file:
        file.write("\n")
    assert len(run_training(faces, tmp_path, CONFIG, resume=True).records) == 6


def test_nan_stops_the_training_and_the_last_good_model_stays(faces, tmp_path, monkeypatch):
    real, broken = loop.train, {}

    def train(network, *arguments):
        for record in real(network, *arguments):
            if record.step == 5:
                with network.parameters()["conv3.weight"].edit() as w:
                    w[0] = 3e38  # finite itself, but not what comes of it
                broken["yes"] = True
            yield record

    monkeypatch.setattr(loop, "train", train)
    config = replace(CONFIG, held_out=0, save_every=1)
    with pytest.raises(FloatingPointError, match=r"first in layer conv3.*good weights of step 4"):
        run_training(faces, tmp_path, config)
    assert broken
    load_model(tmp_path)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 6  # all that was learned


def test_a_fresh_start_leaves_nothing_of_the_old_training(faces, tmp_path):
    run_training(faces, tmp_path, CONFIG)
    (tmp_path / "training.html").touch()
    broken = replace(TRAINING, steps=30, optimizer="sgd", rate=1e6)
    with pytest.raises(FloatingPointError, match="Nothing was saved before"):
        run_training(faces, tmp_path, replace(CONFIG, training=broken, save_every=99))
    assert not (tmp_path / "state.safetensors").exists()
    assert not (tmp_path / "training.html").exists()
    assert not (tmp_path / "checks.csv").exists()


def test_nan_in_the_last_update_is_no_success(faces, tmp_path):
    broken = replace(TRAINING, steps=1, optimizer="sgd", rate=1e30)
    with pytest.raises(FloatingPointError, match=r"first in layer .*Nothing was saved before"):
        run_training(faces, tmp_path, replace(CONFIG, training=broken, held_out=0))


def test_nan_before_the_first_save_says_so(faces, tmp_path):
    training = replace(TRAINING, steps=30, optimizer="sgd", rate=1e6)
    config = replace(CONFIG, training=training, save_every=99, check_every=99)
    with pytest.raises(FloatingPointError, match="Nothing was saved before"):
        run_training(faces, tmp_path, config)


def test_too_few_people_to_hold_any_out_are_all_trained_on(faces, tmp_path):
    listener = Listener()
    few = faces.subset(faces.labels < 3)
    outcome = run_training(few, tmp_path, CONFIG, listener)
    assert outcome.checks == []
    assert outcome.kept == 6
    (line,) = listener.said
    assert line.startswith("Nobody is held out")
    assert not (tmp_path / "checks.csv").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(held_out=1), "held_out.*1"),
        (dict(far=0), "far.*0"),
        (dict(check_every=0), "check_every.*0"),
        (dict(patience=-1), "patience.*-1"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **change)
