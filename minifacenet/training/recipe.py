"""Recipes: settings of a training in a file that a person can read, copy and change.

    # what it is for, and what it reached
    network = "nn1_mini_bn"
    steps = 1200
    rate = 1e-3

It is TOML, and its keys are the options of `minifacenet train`: --check-every is check_every. What
it leaves out has its default. Some recipes come with the package, and go by name.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ..files.reading import read_whole
from ..files.stored import is_switch, options_in, with_options
from ..files.words import meant, nearest, shortened
from .settings import TrainingRunConfig

FOLDER = Path(__file__).parent / "recipes"


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_recipe(source: str | Path) -> dict[str, Any]:
    """Return the options of a recipe by name, from its file or by its name.

    Raises
    ------
    ValueError
        There is none, it is no TOML, or it has a key that is no option, or a value that the option
        does not take. The message names the file, and the nearest option.
    """
    path = _file(str(source))
    try:
        options = tomllib.loads(read_whole(path, piped=True).decode("utf-8-sig"))
    except RecursionError:  # of brackets within brackets
        raise ValueError(f"recipe {path} cannot be read (it is nested too deeply)") from None
    except (ValueError, OSError) as error:  # of TOML, of the text, of the file
        raise ValueError(f"recipe {path} cannot be read ({shortened(str(error))[1:-1]})") from None
    known = defaults()
    for key in options:
        if key not in known:
            which = meant(key, known)
            raise ValueError(f"recipe {path}: there is no option {shortened(key)}: {which}")
    try:
        with_options(TrainingRunConfig(), known | options)
    except ValueError as error:
        raise ValueError(f"recipe {path}: {error}") from None
    return options


def defaults() -> dict[str, Any]:
    """Return all options of a training by name, with their defaults."""
    return {
        name: True if is_switch(field) else field.default
        for name, _, field in options_in(TrainingRunConfig)
    }


def _file(source: str) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    names = recipe_names()
    if source in names:
        return FOLDER / f"{source}.toml"
    near = nearest(source, names)
    which = f"is {near!r} meant?" if near else f"name a file, or one of {', '.join(names)}"
    raise ValueError(f"there is no recipe {shortened(source)}: {which}")
