"""Who listens to a training and writes its page, so seldom that the training hardly feels it."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np

from ..files.atomic import write_text
from ..files.words import printable
from ..preprocessing.faces import Faces
from ..training.ending import how_it_ended, what_was_kept
from ..training.health import StepRecord
from ..training.log import read_log, read_rows
from ..training.observer import Observer
from ..training.run import Outcome
from ..training.settings import TrainingRunConfig
from .curves import Curve, thinned
from .moment import Ending, Moment
from .page import page
from .triplets import hardest_trios

FILE = "training.html"
EVERY = 10.0  # seconds between two pages, at least
SHARE = (
    100  # and at least so many times what the last page took: it slows a training by 1 % at most
)
RECENT = 50  # steps that say how it goes
UNHEARD = 1200.0  # seconds without a page that are fine while nobody knows how long a step takes
DRAWN = ("loss", "active", "positive_distance", "negative_distance", "spread")
WORDS = {
    None: "Finished",
    "interrupted": "Interrupted",
    "collapsed": "Collapsed",
    "no better": "Stopped: no better",
}


class TrainingPage(Observer):
    """Writes `training.html` at the beginning, then every so many seconds, and at the end.

    It is a context: whatever ends the training, the last page says so, and refreshes no more. A
    page that cannot be written is said once, and the training goes on.

    Parameters
    ----------
    faces : path
        The folder of people, as it was given.
    out : path
        The folder of the training.
    config : TrainingRunConfig
    known : Faces
        The photos that are trained on, as `split_off_judges` gives them.
    others : Faces or None
        Those that judge.
    tell : callable(text)
        Takes a line: where the page is, or why it cannot be written.
    clock, now : callable
        Seconds that only grow, and seconds since 1970.
    """

    def __init__(
        self,
        faces: Path,
        out: Path,
        config: TrainingRunConfig,
        known: Faces,
        others: Faces | None,
        tell: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ):
        self._folder, self._out, self._config, self._tell = faces, out, config, tell
        self._known, self._clock, self._now = known, clock, now
        self._judges = (0, 0) if others is None else (len(others), len(np.unique(others.labels)))
        self._steps = array("q")
        self._series = {name: array("d") for name in DRAWN}
        self._recent: deque[StepRecord] = deque(maxlen=RECENT)
        self._checks: list[tuple[int, float, float]] = []
        self._seen = np.empty(0, np.int64), np.empty((0, 0), np.float32)
        self._step, self._before = 0, 0.0  # steps done; seconds before this start
        self._began: float | None = None  # on our clock, as the next three
        self._due = self._last = 0.0
        self._times: deque[float] = deque(maxlen=RECENT)
        self._every, self._longest = EVERY, 0.0
        self._closing = self._told = self._failed = False
        self._ending: Ending | None = None

    def start_training(self, title: str, steps: int, done: int = 0) -> None:
        """Take the curves of the steps done before, and write the first page."""
        if done:
            self._read_logs(done)
        self._began = self._last = self._clock()
        self._write()

    def batch(self, photos: np.ndarray, distances: np.ndarray) -> None:
        self._seen = photos, distances

    def step(self, record: StepRecord) -> None:
        now = self._clock()
        self._longest, self._last = max(self._longest, now - self._last), now
        self._times.append(now)
        self._take(record)
        if now >= self._due:
            self._write()

    def check(self, step: int, score: float, error: float) -> None:
        self._checks.append((step, score, error))
        if self._clock() >= self._due:
            self._write()

    def stop_training(self) -> None:
        self._closing = True
        self._write()

    def end(self, outcome: Outcome) -> None:
        """Write the last page."""
        lines = [how_it_ended(self._config, outcome)]
        if outcome.checks:
            lines.append(what_was_kept(self._config, outcome))
        self._ending = Ending(WORDS[outcome.stopped], lines, outcome.stopped == "interrupted")
        self._write()

    def __enter__(self) -> TrainingPage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the last page of a training that an error has ended, if it had begun at all."""
        if error is None or self._ending is not None or self._began is None:
            return
        if isinstance(error, KeyboardInterrupt):
            self._ending = Ending("Interrupted", ["Stopped at once by a second Ctrl-C."], True)
        else:
            said = printable(str(error)) or type(error).__name__
            lines = [f"{said[0].upper()}{said[1:]}."]
            self._ending = Ending("Failed", lines, isinstance(error, OSError))
        self._write()

    def _take(self, record: StepRecord) -> None:
        self._step = record.step
        self._steps.append(record.step)
        for name, values in self._series.items():
            values.append(getattr(record, name))
        self._recent.append(record)

    def _read_logs(self, done: int) -> None:
        """Read what was done before; `run_training` has refused logs that are missing or damaged.

        A killed training may have logged steps that it does again: these are left out.
        """
        for record in read_log(self._out / "log.csv"):
            if record.step <= done:
                self._take(record)
                self._before += record.seconds
        path = self._out / "checks.csv"
        rows = read_rows(path, (int, float, float)) if path.exists() else []
        self._checks = [(step, val, error) for step, val, error in rows if step <= done]

    def _write(self) -> None:
        start = self._clock()
        try:
            write_text(self._out / FILE, page(self._moment()))
        except OSError as error:
            if not self._failed:
                self._tell(f"The training goes on without its page: {error}")
            self._failed = True
        else:
            if not self._told:
                self._tell(f"Watch it in a browser: {self._out / FILE}")
            self._told = True
        stop = self._clock()
        self._every = max(EVERY, SHARE * (stop - start))
        self._last += stop - start  # what a page takes is no step's time; what a check takes is
        self._due = stop + self._every

    def _moment(self) -> Moment:
        now = self._clock()
        pace = self._pace()
        judging = 0.0
        if self._recent:
            judging = self._judges[0] / self._recent[-1].images * self._recent[-1].seconds
        unheard = 3 * self._longest + judging if self._times and not self._closing else UNHEARD
        due = self._every + (pace or 0)
        photos, distances = self._seen
        trios = []
        if self._config.harmonic_by == "people":  # else no triplet has a positive of that person
            trios = hardest_trios(photos, self._known.labels[photos], distances)
        return Moment(
            self._folder, self._out, self._config, self._known, self._judges,
            step=self._step,
            saved=(self._out / "state.safetensors").exists(),
            curves=self._curves(),
            recent=self._recent,
            checks=self._checks,
            trios=trios,
            spent=self._before + now - (now if self._began is None else self._began),
            left=None if pace is None else pace * (self._config.training.steps - self._step),
            written=self._now(),
            due=due,
            late=due + unheard + 30,
            closing=self._closing,
            ending=self._ending,
        )  # fmt: skip

    def _pace(self) -> float | None:
        """Return the seconds that a step takes now, checks and saves among them."""
        if len(self._times) > 1:
            return (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        return None

    def _curves(self) -> dict[str, Curve]:
        curves = {name: thinned(self._steps, values) for name, values in self._series.items()}
        steps, scores, errors = np.array(self._checks, float).reshape(-1, 3).T
        return {**curves, "val": thinned(steps, scores, errors)}
