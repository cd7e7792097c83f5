"""Settings and results in text: recipes, what earlier runs say of themselves, notebooks."""

from __future__ import annotations

import json
import re
import sys
import warnings
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from random import Random

import numpy as np

from minifacenet.classification.lfw import other_figures
from minifacenet.classification.library import _made_from
from minifacenet.classification.methods import METHODS
from minifacenet.embedding.architectures import Architecture
from minifacenet.experiment.seeds import MEASURES, _finished, _values
from minifacenet.experiment.settings import RunConfig
from minifacenet.files.atomic import write_csv
from minifacenet.files.stored import is_switch, options_in, with_options
from minifacenet.preprocessing.choose_and_cut import CropSettings
from minifacenet.preprocessing.earlier_run import check_moved, read_earlier
from minifacenet.preprocessing.faces import Faces
from minifacenet.preprocessing.known import Known
from minifacenet.preprocessing.pictures import _load
from minifacenet.preprocessing.results import is_ours
from minifacenet.study.trainings import HEADER, TrainingStudy, left_to_do, result_of
from minifacenet.training.recipe import FOLDER, defaults, read_recipe
from minifacenet.training.settings import TrainConfig, TrainingRunConfig

from .damaged_tables import NUMBERS, bundled, mutated_bundle, mutated_table, unbundled
from .fuzz_small import is_text, naming, seeds_by, write
from .fuzzing import ROOT, Inner, Reader, fuzzed
from .mutations import TEXTS, json_text, mutated_json


def mutated_text(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Damage the value of a text that is JSON."""
    try:
        return json_text(mutated_json(json.loads(data), rng), rng)
    except (ValueError, RecursionError):
        return None


# -- Recipes --------------------------------------------------------------------------------------

VALUES = (
    "true", "false", "[]", "{}", "[1, 2]", '"off"', '""', "1979-05-27", "07:32:00", "0x7f", "+1.5",
    "1_000", "9" * 300, "9" * 5000, "1e999", "-inf", "nan", "[" * 5000, "{a=" * 5000, '"\\u0000"',
    '"\\ud800"', "'''\n'''", '"semi-hard, hardest@200"', "-0.0", "2", '"1"',
)  # fmt: skip


def mutated_recipe(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    """Give a key another value or name, or put a line in."""
    lines = data.decode("utf-8", "replace").split("\n")
    at, kind = rng.randrange(len(lines)), rng.randrange(6)
    key, sign, value = lines[at].partition("=")
    if kind < 3 and sign:
        lines[at] = f"{key}= {rng.choice((*VALUES, *NUMBERS))}"
    elif kind == 3 and sign:
        lines[at] = f"{rng.choice((*TEXTS, *defaults()))} ={value}"
    elif kind == 4:
        lines.insert(at, f"{rng.choice(list(defaults()))} = {rng.choice((*VALUES, *NUMBERS))}")
    else:
        odd = ("[augment]", "[[steps]]", "a.b = 1", "augment.turn = 2", "# \x7f", "'''", "[" * 9000)
        lines.insert(at, rng.choice(odd))
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def read_settings(data: bytes) -> None:
    write(recipe__toml=data)
    with naming("recipe.toml"):
        options = read_recipe("recipe.toml")
    config = with_options(TrainingRunConfig(), defaults() | options)
    switches = {name for name, _, field in options_in(TrainingRunConfig) if is_switch(field)}
    flat = {**vars(config), **vars(config.architecture), **vars(config.training)}
    for name, value in options.items():
        assert name in defaults()
        if name in switches:
            assert isinstance(value, bool)
        if name in flat and name not in switches and isinstance(flat[name], int | float):
            assert abs(flat[name]) <= sys.float_info.max
    json.dumps(asdict(config))


fuzzed(
    Reader(
        name="fuzz-recipe",
        what="recipes with damaged keys and values: settings of a training, or one line",
        read=read_settings,
        seeds=lambda: [path.read_bytes() for path in sorted(FOLDER.glob("*.toml"))],
        errors=(ValueError,),
        guided_by=("minifacenet.training", "minifacenet.files.stored"),
        mutate=mutated_recipe,
    )
)


# -- Metrics of seeds, and tables of studies ------------------------------------------------------

FACES = Faces(np.zeros((8, 2, 2, 1), np.uint8), np.arange(8) // 2, tuple("abcd"), tuple("abcdefgh"))
RUN = RunConfig()
STUDY = TrainingStudy("people", (2, 3), 2, TrainConfig(steps=2), Architecture(channels=1))


def results(place: Path) -> list[bytes]:
    of_method = {name: 0.5 for names in MEASURES.values() for name in names}
    by_method = {method.key: of_method for method in METHODS}
    metrics = {
        "data": {"content": FACES.content}, "config": asdict(RUN), "closed": by_method,
        "open": None, "versions": {},
    }  # fmt: skip
    rows = [
        [one.value, one.seed, 3, 6, 20, 4000, *["0.5"] * (len(HEADER) - 6)]
        for one in STUDY.trainings()
    ]
    write_csv(place / "study.csv", HEADER, rows)
    about = json.dumps(STUDY.identity(FACES)).encode()
    table = (place / "study.csv").read_bytes()
    open_too = {**metrics, "open": by_method}
    return [bundled([json.dumps(one).encode(), table, about]) for one in (metrics, open_too)]


def read_results(data: bytes) -> None:
    files = unbundled(data, 3)
    write(metrics__json=files[0], study__csv=files[1], study__json=files[2])
    write(model__safetensors=b"", report__html=b"")
    out, told = Path(), []
    try:
        with naming("metrics.json", "holds a run"):
            metrics = _finished(out, FACES, RUN, force=False)
        if metrics is not None:
            for values in _values([metrics]).values():
                assert np.isfinite(values.astype(float)).all()
    except ValueError as error:  # the other table is still to be read
        told.append(error)
    with naming("study.csv", "study.json", "another study", "too few pairs"):
        rows, left = left_to_do(FACES, STUDY, out, force=False)
        assert len(left) <= len(STUDY.trainings())
        if not left:
            for row in result_of(STUDY, rows).rows:
                assert all(np.isfinite(figure.value) for figure in row.figures.values())
    for error in told:
        raise error


fuzzed(
    Reader(
        name="fuzz-results",
        what="metrics.json of a seed, or study.csv and study.json, damaged: figures, or one line",
        read=read_results,
        seeds=seeds_by(results),
        errors=(ValueError,),
        guided_by=("minifacenet.experiment.seeds", "minifacenet.study.trainings"),
        mutate=mutated_bundle((mutated_text, mutated_table, mutated_text)),
    )
)


# -- What earlier runs say of themselves ----------------------------------------------------------

CROPS = CropSettings()
NAMES = ("config.json", "metrics.json", "verification.json", "align.json", "pack.json", "lfw.json")


def earlier() -> list[bytes]:
    align = {"format": 1, "photos": "/photos", **asdict(CROPS)}
    verification = {"pairs_same": 3, "auc": 0.5, "model": {"digest": "ab"}, "list": {"file": "x"}}
    return [json.dumps(align).encode(), json.dumps(verification).encode()]


def read_earlier_run(data: bytes) -> None:
    out = Path("out")
    out.mkdir(exist_ok=True)
    for name in NAMES:
        (out / name).write_bytes(data)
        assert is_ours(out / name) in (True, False)
    (out / "show.csv").write_bytes(data)
    assert isinstance(_load(out), dict)
    assert is_text(_made_from(out))
    assert {*other_figures(out / "lfw.json", {"model": 1, "list": 2})} <= {"model", "list"}
    assert read_earlier(out, Path("/photos"), CROPS, force=True).elsewhere == ""
    with naming("out"):
        found = read_earlier(out, Path("/photos"), CROPS, force=False)
        assert is_text(found.elsewhere)
        check_moved(out, Path("/photos"), found, Known({}, {}, {}, ("a.jpg",)))


fuzzed(
    Reader(
        name="fuzz-earlier",
        what="align.json and other files of earlier runs, damaged: known as ours or not, gone on "
        "with, or one line",
        read=read_earlier_run,
        seeds=earlier,
        errors=(ValueError,),
        guided_by=("minifacenet.preprocessing.earlier_run", "minifacenet.preprocessing.results"),
        mutate=mutated_text,
    )
)


# -- Notebooks that learners hand in --------------------------------------------------------------

sys.path.append(str(ROOT / "lessons"))
from grading import notebooks  # noqa: E402

SOURCES = (
    "import numpy as np\n", "def distance(a, b):\n    return ((a - b) ** 2).sum()\n", "TILE = -3\n",
    "%matplotlib inline\n!ls\ncheck('05.1', distance)", "class A:\n  x = 1", "K = (1, [2], 'x')",
)  # fmt: skip
ODD_SOURCES = (
    "(" * 900, "-" * 9000 + "1", "1" + "+1" * 9000, "x = 0x" + "f" * 9000, "x = " + "9" * 9000,
    "\0", "\ud800", "def f(" + "a," * 900 + "): pass", "if 1:\n" * 200, "[" * 250 + "]" * 250,
    "x = '\\N{no}'", "def " * 500, "x: int", "a = b = 1, 2", "f'{f'{1}'}'", "lambda:" * 999, "'''",
    "x = " + "[" * 90 + "]" * 90, "def f():\n" + " " * 9000 + "return", "@" * 999, "1e9999",
)  # fmt: skip


def notebook(cells: list[str]) -> bytes:
    content = [
        {"cell_type": "code", "source": [text], "metadata": {"tags": ["exercise"]}, "outputs": []}
        for text in cells
    ]
    content.append({"cell_type": "markdown", "source": "words", "metadata": {}})
    return json.dumps({"cells": content, "metadata": {}, "nbformat": 4}).encode()


def mutated_notebook(data: bytes, rng: Random, inner: Inner) -> bytes | None:
    if rng.random() < 0.5:
        cells = [*rng.choices(SOURCES, k=2), rng.choice(ODD_SOURCES), rng.choice(SOURCES)]
        at = rng.randrange(4)
        cells[at] = inner(cells[at].encode("utf-8", "replace")).decode("utf-8", "replace")
        return notebook(cells)
    return mutated_text(data, rng, inner)


def read_notebook(data: bytes) -> None:
    path = Path("05_mine.ipynb")
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = notebooks.read(path)
        for text, tagged in found.cells:
            assert is_text(text)
            assert tagged in (True, False)
            for name, source in notebooks.functions(text).items():
                assert is_text(name)
                assert is_text(source)
            assert all(map(is_text, notebooks.definitions(text)))
    assert re.fullmatch(r"\d\d", found.lesson)
    with suppress(ValueError):
        [_] = (ROOT / "lessons").glob(f"{found.lesson}_*.py")


fuzzed(
    Reader(
        name="fuzz-notebook",
        what="damaged notebooks handed in to `lessons/grade.py`: cells and functions, or a row "
        "that says why not",
        read=read_notebook,
        seeds=lambda: [notebook(list(SOURCES)), notebook(list(SOURCES[:2]))],
        errors=(notebooks.Unreadable,),
        guided_by=("grading.notebooks",),
        mutate=mutated_notebook,
    )
)
