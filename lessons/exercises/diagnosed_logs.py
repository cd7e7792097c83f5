"""Logs of trainings with the word that the rule of exercise 12.2 has for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from show import training_logs

from minifacenet.training.health import StepRecord


def cases() -> Iterator[tuple[str, list[StepRecord], str]]:
    """Yield what is special about a log, the log, and the right word for it."""
    logs = training_logs()
    for name, word in zip("ABCD", ("learning", "collapsed", "solved", "asleep"), strict=True):
        yield f"log {name}", logs[name], word
    well, dead, done, still = logs.values()
    yield "log A with one collapsed step at its end", [*well[:-1], dead[-1]], "learning"
    yield "a log that begins collapsed and grows out of it", [*dead[-5:], *well[5:]], "learning"
    nothing = [replace(record, loss=0.0, triplets=0, active=0.0) for record in dead[-20:]]
    yield "a collapsed log in which mining finds no triplet, loss 0", nothing, "collapsed"
    again = [*done[:-3], replace(done[-3], triplets=2, active=0.03), *done[-2:]]
    yield "log C with two triplets in one of its last ten steps", again, "learning"
    yield "the first six steps of log D", still[:6], "asleep"
    wide = [replace(record, active=0.9) for record in well[-30:]]
    yield "a run whose spread is steady, with 90 % active", wide, "learning"
    grown = [replace(record, spread=3 * record.spread) for record in still[-12:]]
    yield "log D, whose spread triples in the end", [*still, *grown], "learning"
    yield from _on_the_edge(still[-1])


def _on_the_edge(record: StepRecord) -> Iterator[tuple[str, list[StepRecord], str]]:
    """Logs in which one step, or a little, decides.

    Each is 20 steps of spread 1, of which `before` changes the last ones, and then ten more.
    """

    def log(*last, before=()):
        steps = [{}] * (20 - len(before)) + [*before, *last]
        plain = {"loss": 0.1, "triplets": 300, "active": 1.0, "spread": 1.0}
        return [replace(record, **plain | step) for step in steps]

    flat, none = {"spread": 0.0099}, {"triplets": 0, "active": 0.0, "loss": 0.0}
    wide, grown = {"spread": 0.0101}, {"spread": 2.0}
    yield "a log with a spread of 0.0099 in just the last ten steps", log(*[flat] * 10), "collapsed"
    yield "a log whose tenth step from the end is not collapsed", log(wide, *[flat] * 9), "learning"
    yield "a log with no triplet in just the last ten steps", log(*[none] * 10), "solved"
    yield "a log whose tenth step from the end has triplets", log({}, *[none] * 9), "learning"
    for share, word in ((0.94, "learning"), (0.96, "asleep")):
        yield f"a log with {share:.0%} active in the end", log(*[{"active": share}] * 10), word
    uneven = log(*[{"active": 0.94}] * 4, *[{"active": 0.98}] * 6)
    yield "a log with 96.4 % active on average, less in four of the last ten", uneven, "asleep"
    for size, word in ((1.45, "asleep"), (1.55, "learning"), (0.55, "asleep"), (0.45, "learning")):
        told = f"a log whose spread ends at {size} of what it was"
        yield told, log(*[{"spread": size}] * 10), word
    yield "a log with one large spread at its end", log(*[{}] * 9, {"spread": 4.0}), "asleep"
    late = log(*[{"spread": 0.6}] * 10)
    late[10] = replace(late[10], spread=9.0)
    yield "a log whose eleventh step has a large spread", late, "asleep"
    ahead = log(*[{}] * 10, before=[grown] * 6)
    yield "a log with six large spreads before the last ten steps", ahead, "asleep"
