"""One training with its files: it checks itself, can be interrupted, and resumes where it was.

    model.safetensors   the model: the last, or the best of those checked on held-out people (of the
                        average of the weights, if there is one)
    state.safetensors   the training as it stands, for `resume`
    config.json         its settings
    log.csv             one row per step
    checks.csv          VAL of the held-out people along the way
    training.png        both as curves

An observer may keep a page of it there too, `training.html` (see the room `live`).

Early stopping looks at held-out people and never at the loss: the loss of the active triplets says
how hard the mined ones are, and these get harder as the network gets better.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..embedding.architectures import FaceNet
from ..embedding.batches import to_input
from ..embedding.checkpoint import save_model
from ..files.arrays import CheckpointError
from ..files.atomic import write_csv
from ..files.locks import locked
from ..machine.gpu import memory_text
from ..machine.interrupt import postponed_interrupt
from ..machine.ranks import ALONE, Ranks
from ..nn.device.backend import to_device
from ..preprocessing.faces import Faces
from . import state as stored
from .average import WeightAverage
from .files import last_good, make_ready, refuse_other_folder
from .harmonic import Harmonic, old_vectors, with_old
from .health import StepRecord, collapsed_for, not_finite
from .judges import Check, add_thresholds, split_off_judges
from .log import TYPES, checks_of_steps, rows_of_steps, training_figure, write_log
from .loop import TrainingState, is_due, train_watched
from .observer import Observer
from .selection import longest_within_error
from .settings import TrainingRunConfig
from .starting import take_over, with_start


@dataclass
class Outcome:
    """How a training ended.

    Attributes
    ----------
    records : list of StepRecord
    checks : list of (step, VAL, standard error)
        Empty if nobody was held out.
    kept : int
        The step whose weights are in `model.safetensors`.
    stopped : None, 'interrupted', 'collapsed' or 'no better'
        Why it ended before its last step.
    began : int
        The steps that were done before: 0, or more if it went on.
    """

    records: list[StepRecord]
    checks: list[tuple[int, float, float]]
    kept: int
    stopped: str | None = None
    began: int = 0


def began_with(out: Path) -> TrainingRunConfig:
    """Read the configuration of the training whose state is in `out`.

    Raises
    ------
    CheckpointError
        There is no such training, a file is damaged, or this version does not know a setting.
    """
    path = out / "state.safetensors"
    settings = stored.load_settings(path)
    try:
        config = TrainingRunConfig.of(settings)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: its settings cannot be gone on with ({error}): start anew, or take the "
            "version of minifacenet that wrote it"
        ) from None
    stored.check_weights(path, config.architecture)
    return config


def steps_done(out: Path) -> int:
    """Read how many steps the training in `out` had done when its state was saved."""
    return stored.load_step(out / "state.safetensors")


def run_training(
    faces: Faces,
    out: Path,
    config: TrainingRunConfig,
    observer: Observer | None = None,
    resume: bool = False,
    device: str = "cpu",
    folder: Path | None = None,
    ranks: Ranks = ALONE,
) -> Outcome:
    """Train a new network on `faces`, or go on with the training in `out`; see the file's top.

    It may go on with another device than it began on: `device` is 'cpu' or 'cuda'. `folder` is
    where the paths of `faces` begin: `config.harmonic` may take photos of another size, and then
    they are read again. Several `ranks` call it alike, and the first one writes; a training may go
    on with another number of them.

    Raises
    ------
    CheckpointError
        `resume` with other settings or faces than it began with, or faces cut differently; or the
        model to begin with, or to compare with, cannot be read.
    FloatingPointError
        The embeddings are not finite any more: the last good weights are in `model.safetensors`.
    ValueError
        Another process is at work in `out`, or one of these models does not fit.
    """
    observer = observer or Observer()
    with ExitStack() as stack:
        ranks.on_first(lambda: stack.enter_context(locked(out)))
        return _run_training(faces, out, config, observer, resume, device, folder, ranks)


def _run_training(
    faces: Faces, out: Path, config: TrainingRunConfig, observer: Observer, resume: bool,
    device: str, folder: Path | None, ranks: Ranks,
) -> Outcome:  # fmt: skip
    config, old = with_old(config, out)
    start = None
    if not resume or config.init_digest is None:
        config, start = with_start(config)
    if resume:
        model = FaceNet.blank(config.architecture, faces.cut)
    else:
        model = FaceNet.new(config.architecture, config.training.seed, faces.cut)
        if start is not None:
            observer.say(f"{take_over(model, start, str(config.init))}.")
    model.network.to(device)
    state = TrainingState(model.network, config.training)
    average = WeightAverage(model.network, config.average) if config.average else None
    ranks.refuse_difference("settings", config.settings(faces))
    ranks.on_first(lambda: make_ready(out, config.settings(faces), resume))
    refuse_other_folder(out, ranks)
    probe = to_device(to_input(faces.images[:2]), device)
    run = _Run(out, config, model, state, config.settings(faces), probe, average, ranks)
    if resume:
        path, completed = out / "state.safetensors", TrainingRunConfig.completed
        stored.load_state(path, model, state, run.settings, completed, average)
    run.refuse_difference()
    known, others = split_off_judges(faces, config, observer)
    if state.queue.max(initial=0) >= len(known):
        raise CheckpointError(f"{out / 'state.safetensors'}: damaged, its triplets are of others")
    harmonic = gallery = None
    if old is not None:
        old.network.to(device)

        def embedded(photos: Faces) -> np.ndarray:
            return ranks.array_of_first(
                lambda: old_vectors(old, photos, folder, out, observer, str(config.harmonic))
            )

        harmonic = Harmonic(embedded(known), config.harmonic_by)
        gallery = None if others is None else embedded(others)
    check = None if others is None else Check(others, config.far, gallery, ranks)
    began = state.step
    if resume:
        run.read_logs(checked=check is not None)
    told = "\nFinishing this step, then saving. Ctrl-C again stops at once."
    also = [signal.SIGUSR1] if ranks.size > 1 else []
    with postponed_interrupt(lambda: observer.say(told), also) as asked:

        def after_step(records: list[StepRecord]) -> bool:
            if device == "cuda" and len(records) == 1 and (text := memory_text()):
                observer.say(text)
            return run.after_step(records[-1], check, observer, ranks.any(asked.is_set()))

        try:
            train_watched(
                model.network, known, config.training, observer, "Training",
                steps=began if run.stopped else None, state=state, after_step=after_step,
                harmonic=harmonic, ranks=ranks,
            )  # fmt: skip
        except FloatingPointError as error:
            ranks.on_first(run.write_logs)
            raise FloatingPointError(f"{error}. {last_good(out)}") from None
    if others is not None and run.stopped != "interrupted":
        add_thresholds(out / "model.safetensors", known, others, ranks)
    margin = None if config.harmonic_by == "vectors" else config.training.margin
    judge = f"VAL at FAR {config.far:g}"
    ranks.on_first(lambda: training_figure(out, run.records, run.checks, margin, judge))
    return Outcome(run.records, run.checks, run.kept(), run.stopped, began)


class _Run:
    """The records and checks of one training, and the times at which they are written."""

    def __init__(self, out, config, model, state, settings, probe, average, ranks):
        self.out, self.config, self.model, self.state, self.ranks = out, config, model, state, ranks
        self.settings, self.probe, self.average = settings, probe, average
        self.records: list[StepRecord] = []
        self.checks: list[tuple[int, float, float]] = []
        self.stopped: str | None = None

    def kept(self) -> int:
        return longest_within_error(self.checks) if self.checks else self.state.step

    def judged(self) -> FaceNet:
        """Return what is checked and kept: the model, or that of the average of its weights."""
        return self.model if self.average is None else self.average.of(self.model)

    def after_step(
        self, record: StepRecord, check: Callable | None, observer: Observer, interrupted: bool
    ) -> bool:
        """Check, decide whether to stop, save; return whether the training ends here."""
        self.records.append(record)
        if self.average is not None:
            self.average.update()
        config, step = self.config, record.step
        last = step == config.training.steps
        if not self._is_check(step):
            check = None
        saved = check is not None or is_due(step, config.save_every, config.training.steps)
        if saved or interrupted:
            self._refuse_broken()
        if check is not None:
            value, error = check(self.judged())
            decides = self.ranks.array_of_first(lambda: np.array([value, error]))
            self.checks.append((step, *decides.tolist()))
            observer.check(*self.checks[-1])
        self.stopped = self._reason(interrupted and not last)
        if saved or self.stopped:
            self.refuse_difference()
            self.ranks.on_first(lambda: self.save(checked=check is not None))
        return self.stopped is not None

    def refuse_difference(self) -> None:
        """Refuse weights that are not the same bits on all ranks: they would drift apart unseen."""
        if self.ranks.size > 1:
            self.ranks.refuse_difference(f"weights after step {self.state.step}", self.model.digest)

    def _is_check(self, step: int) -> bool:
        return is_due(step, self.config.check_every, self.config.training.steps)

    def _reason(self, interrupted: bool) -> str | None:
        config = self.config
        if config.patience:
            kept = self.kept()  # once: it looks at all checks, and this runs at every step
            if sum(step > kept for step, _, _ in self.checks) >= config.patience:
                return "no better"
        if config.stop_collapsed and collapsed_for(self.records) >= config.stop_collapsed:
            return "collapsed"
        return "interrupted" if interrupted else None

    def save(self, checked: bool) -> None:
        """Save the state last: once it is on disk, everything else up to its step is there too."""
        if not self.checks or (checked and self.kept() == self.state.step):
            save_model(
                self.out / "model.safetensors",
                self.judged(),
                {"step": self.state.step, **self.settings},
            )
        self.write_logs()
        stored.save_state(
            self.out / "state.safetensors", self.model, self.state, self.settings, self.average
        )

    def _refuse_broken(self) -> None:
        """Refuse finite weights that give embeddings that are not: the last good ones stay."""
        layer = self.model.network.first_not_finite(self.probe)
        if layer is not None:
            raise not_finite(layer)

    def write_logs(self) -> None:
        write_log(self.out / "log.csv", self.records)
        if self.checks:
            header = ["step", f"val_at_far_{self.config.far:g}", "standard_error"]
            write_csv(self.out / "checks.csv", header, self.checks)

    def read_logs(self, checked: bool) -> None:
        """Read the rows up to the state's step; later ones of a killed run are computed again.

        Raises
        ------
        CheckpointError
            Rows are missing or damaged: the best check so far would be forgotten.
        """
        steps = range(1, self.state.step + 1)
        rows = rows_of_steps(self.out / "log.csv", TYPES, steps)
        self.records = [StepRecord(*row) for row in rows]
        if checked:
            due = [step for step in steps if self._is_check(step)]
            self.checks = checks_of_steps(self.out / "checks.csv", due)
        if self.state.step:
            self.stopped = self._reason(interrupted=False)
