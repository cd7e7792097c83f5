"""A training at one moment becomes a page.

    how far -> how it goes -> figures -> curves -> hardest triplets -> what comes next -> settings

It is one file that opens from a disk. While the training runs the browser reads it again by itself;
what the script adds is how old the page is, and a warning once nothing has come for too long.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from .. import __version__
from ..files.links import real_path
from ..files.words import count_text, duration_text, printable, with_error
from ..report.document import document
from ..report.html import Content, Html, join, tag
from ..report.photos import Album
from ..report.run import flattened
from ..training.ending import command_to_go_on
from .condition import condition
from .curves import Line, panel
from .following import coming_section, files_section
from .moment import Moment
from .triplets import trios_section


def page(moment: Moment) -> str:
    """Make the page as text."""
    album = Album()
    training = moment.config.training
    sections: list[tuple[str, str, Content]] = [("curves", "Curves", _curves(moment))]
    if moment.trios:
        rule = training.rule_at(moment.step)
        trios = trios_section(moment.trios, moment.known, album, moment.step, rule, training.margin)
        sections.append(("triplets", "The hardest triplets", trios))
    sections += [
        ("next", "What comes next", coming_section(moment)),
        ("files", "What file holds what", files_section(moment)),
        ("settings", "Settings", _settings(moment)),
    ]
    name = printable(real_path(moment.out).name)
    word = _word(moment)
    running = moment.ending is None
    return document(
        f"{_share(moment)} {name}: {word.lower()}",
        __package__,
        "live",
        album.symbols(),
        tag("header", _header(moment, name, word)),
        tag("main", _figures(moment), (
            tag("section", tag("h2", heading), content, id=id) for id, heading, content in sections
        )),
        tag("footer", tag("p", f"Written by minifacenet {__version__}.")),
        metas=tag("meta", http_equiv="refresh", content=round(moment.due)) if running else None,
    )  # fmt: skip


def _word(moment: Moment) -> str:
    if moment.ending is not None:
        return moment.ending.word
    if moment.closing:
        return "Closing"
    return "Training" if moment.recent else "Beginning"


def _share(moment: Moment) -> str:
    return f"{100 * moment.step // moment.config.training.steps} %"


def _header(moment: Moment, name: str, word: str) -> Html:
    steps = moment.config.training.steps
    photos, others = moment.held_out
    judges = f"{photos} of {others} others judge it" if photos else "nobody judges it"
    learns = "learns" if moment.ending is None else "learned"
    people = len(np.unique(moment.known.labels))
    architecture = moment.config.architecture
    kind = "running" if moment.ending is None else word.split(":")[0].lower()
    bar = tag(
        "div",
        tag("div", style=f"width:{moment.step / steps:.2%}"),
        class_="progress",
        role="progressbar",
        aria_label="Steps done",
        aria_valuemin=0,
        aria_valuemax=steps,
        aria_valuenow=moment.step,
    )
    return join(
        tag("p", tag("span", word, class_=f"word {kind}"), class_="state"),
        tag("h1", name, dir="auto"),
        tag(
            "p",
            f"{architecture.name} {learns} from {count_text(len(moment.known), 'photo')} of "
            f"{count_text(people, 'person', 'people')}; {judges}.",
            class_="about",
        ),
        tag("p", tag("b", f"Step {moment.step:,} of {steps:,}"), tag("span", _share(moment)),
            class_="far"),
        bar,
        tag("p", _times(moment), class_="times"),
        _said(moment),
    )  # fmt: skip


def _times(moment: Moment) -> Iterator[Html]:
    yield tag("span", f"{duration_text(moment.spent)} spent")
    if moment.ending is None and moment.left is not None and not moment.closing:
        yield tag("span", f"about {duration_text(moment.left)} left")
    elif moment.closing and moment.ending is None:
        yield tag("span", "measuring the thresholds of the model, drawing training.png")
    elif not moment.recent and moment.ending is None:
        yield tag("span", "the first step may compile kernels, once, for a minute or two")
    yield tag(
        "span",
        "written at ",
        tag(
            "time",
            _at(moment.written),
            id="written",
            data_written=round(moment.written),
            data_late=None if moment.ending is not None else round(moment.late),
        ),
        tag("span", id="ago"),
    )


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _said(moment: Moment) -> Html:
    """Say how it ended; or when it must be over, for readers without the script, and with it."""
    command = tag("p", tag("code", printable(command_to_go_on(moment.folder, moment.out))))
    if moment.ending is not None:
        again = moment.ending.can_go_on and moment.saved
        return tag(
            "div",
            (tag("p", line) for line in moment.ending.lines),
            tag("p", "Go on with:") if again else None,
            command if again else None,
            class_="ending",
        )
    clock = _at(moment.written + moment.late).split()[1]
    return join(
        tag(
            "p",
            "This page reads itself again. If nothing newer has come by ",
            tag("b", clock),
            ", the training is not running any more.",
            class_="hint",
        ),
        tag(
            "div",
            tag("p", tag("b", f"Not heard of since {_at(moment.written)}."), " The training was "
                "probably killed, or this computer slept."),
            join(tag("p", "What was saved last is safe. Go on with:"), command)
            if moment.saved else None,
            id="stale", class_="ending", role="alert", hidden=True,
        ),
    )  # fmt: skip


def _figures(moment: Moment) -> Html | None:
    """Show how it goes in words, and the last step in figures."""
    if not moment.recent:
        return None
    last = moment.recent[-1]
    word, why = condition(moment.recent, moment.config.training, _by_vectors(moment))
    val = "–"
    below = "nobody is held out" if not moment.held_out[0] else "not checked yet"
    if moment.checks:
        step, score, error = moment.checks[-1]
        val, _, error_text = with_error(score, error).partition(" ")
        below = f"{error_text} at step {step}, FAR {moment.config.far:g}".strip()
    active = "–" if np.isnan(last.active) else f"{100 * last.active:.0f} %"
    learned = ("Active triplets", active, f"{last.triplets:,} in the last batch")
    if _by_vectors(moment):
        learned = ("Photos in the last batch", f"{last.images:,}", "each beside its older vector")
    cards = (
        ("VAL of held-out people", val, below),
        learned,
        ("Negatives − positives", f"{last.negative_distance - last.positive_distance:.2f}",
         f"{last.negative_distance:.2f} − {last.positive_distance:.2f}, squared"),
        ("Photos a second", f"{last.images / last.seconds:.0f}" if last.seconds else "–",
         f"{duration_text(last.seconds)} for the last step"),
    )  # fmt: skip
    return join(
        tag("div", tag("p", tag("strong", word.capitalize(), class_=word)), tag("p", why),
            class_=f"condition {word}"),
        tag("ul", (
            tag("li", tag("span", name), tag("span", value, class_="figure"), tag("small", small))
            for name, value, small in cards
        ), class_="cards"),
    )  # fmt: skip


def _by_vectors(moment: Moment) -> bool:
    """Whether it is a harmonic training without triplets."""
    return moment.config.harmonic_by == "vectors"


def _curves(moment: Moment) -> Html:
    curves, training, step = moment.curves, moment.config.training, max(moment.step, 1)
    none = "No step is done yet."
    due = min(moment.config.check_every, training.steps)
    unjudged = (
        f"The held-out people are asked for the first time after step {due}."
        if moment.held_out[0]
        else "Nobody is held out, so nothing judges this training."
    )
    judged = Line("VAL", "same", curves["val"], dots=len(moment.checks) <= 60)
    loss = (Line("loss", "plain", curves["loss"]),)
    learned: tuple[Html, ...]
    if _by_vectors(moment):
        learned = (panel("Loss of the photos", loss, step, note=none),)
        about = (
            "It goes well when the loss falls and VAL rises. The loss is the mean squared distance "
            "of the photos from their own vectors of the older model, and so are the positives; "
            "the negatives are the distances from all others."
        )
    else:
        active = (Line("active", "plain", curves["active"]),)
        margin = (f"margin {training.margin:g}", training.margin)
        learned = (
            panel("Share of active triplets", active, step, top=1, percent=True, note=none),
            panel("Loss of the active triplets", loss, step, rule=margin, note=none),
        )
        about = (
            "It goes well when the two distances part and VAL rises. The loss is taken over the "
            "triplets that are still violated, so it need not fall; at the margin all embeddings "
            "would be one point."
        )
    about += " Around VAL stands its standard error."
    panels = (
        panel("Squared distances", (
            Line("negatives", "other", curves["negative_distance"]),
            Line("positives", "same", curves["positive_distance"]),
        ), step, note=none),
        panel(f"VAL of held-out people at FAR {moment.config.far:g}", (judged,), step, top=1,
              note=unjudged),
        *learned,
    )  # fmt: skip
    per = curves["loss"].per
    if per > 1:
        about += (
            f" The curves are thinned: a point is the mean of {per} steps, and the band around it "
            "holds the smallest and the largest of them."
        )
    return join(tag("p", about), tag("div", panels, class_="panels"))


def _settings(moment: Moment) -> Html:
    rows = (("faces", str(moment.folder)), *flattened(asdict(moment.config)))
    return tag(
        "dl",
        (
            tag("div", tag("dt", name), tag("dd", printable(value) or "–", dir="auto"))
            for name, value in rows
        ),
        class_="settings",
    )
