"""What comes next in a training, what its files hold by now, and what they are good for."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ..files.words import printable
from ..report.html import Html, join, tag
from ..training.selection import longest_within_error
from .moment import Moment

FILES = (
    ("state.safetensors", "the training as it stood at the last save, to go on with"),
    ("log.csv", "one row per step, up to the last save"),
    ("checks.csv", "VAL of the held-out people along the way"),
    ("config.json", "the settings"),
    ("training.png", "the curves as a picture, drawn at the end"),
    ("training.html", "this page"),
)


def coming_section(moment: Moment) -> Html:
    """Say what the training does next, or what to do with what it has made."""
    if moment.ending is not None:
        return _uses(moment)
    return tag("ul", (tag("li", line) for line in _coming(moment)), class_="lines")


def _coming(moment: Moment) -> Iterator[str]:
    config, step, last = moment.config, moment.step, moment.config.training.steps
    if step < last and not moment.closing:
        check = min((step // config.check_every + 1) * config.check_every, last)
        save = min((step // config.save_every + 1) * config.save_every, last)
        begin = f"After step {save}"
        if moment.held_out[0]:
            asked = f"After step {check} the held-out people are asked"
            if save < check:
                yield f"{asked}."
            else:  # whatever is checked is saved
                begin = f"{asked}, and"
        yield f"{begin} the training is saved: a kill loses no more than the steps since."
    if config.patience:
        yield (
            f"It ends early after {config.patience} checks without a VAL within a standard error "
            "of the best."
        )
    if config.stop_collapsed:
        yield f"It ends early after {config.stop_collapsed} collapsed steps in a row."
    yield "Ctrl-C in its terminal ends it after the present step: it saves, and says how to go on."
    if moment.held_out[0]:
        yield "At the end the thresholds of the model are measured on the held-out people."


def _uses(moment: Moment) -> Html:
    if not (moment.out / "model.safetensors").exists():
        return tag("p", "No model was saved.")
    run = shlex.quote(str(moment.out))
    commands = (
        ("To name people, enrol them, one folder per person:",
         f"minifacenet classify fit FACES --model {run} --out PEOPLE"),
        ("To see whether two photos show one person:",
         f"minifacenet compare A.jpg B.jpg --model {run}"),
        ("To measure it on people whom it has never seen:",
         f"minifacenet verify FACES --model {run}"),
    )  # fmt: skip
    return join(
        join(tag("p", words), tag("p", tag("code", printable(command))))
        for words, command in commands
    )


def files_section(moment: Moment) -> Html:
    """Name the files of the training, and what they hold by now."""
    step = longest_within_error(list(moment.checks)) if moment.checks else None
    model = "the network, as it stood at the last save"
    if step is not None:
        model = f"the network of step {step}: the last check within a standard error of the best"
    if moment.config.average:
        model += ", as the running average of its weights"
    missing = "not there yet: " if moment.ending is None else "not there: "
    lines = (
        tag("div", tag("dt", tag("code", name)),
            tag("dd", "" if (moment.out / name).exists() or name == "training.html" else missing,
                words))
        for name, words in (("model.safetensors", model), *FILES)
        if moment.held_out[0] or name != "checks.csv"
    )  # fmt: skip
    return join(
        tag("p", "In ", tag("code", printable(str(moment.out)), dir="auto"), ":"),
        tag("dl", lines, class_="files"),
    )
