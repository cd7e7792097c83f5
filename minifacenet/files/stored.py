"""Values out of files: looked at before anybody believes them.

A file may be damaged, edited by hand, or of another version. What reads one of ours takes the
values through here, so that a wrong one ends in one line that names it, and not in a TypeError of
whoever uses it later.
"""

from __future__ import annotations

import json
import sys
from dataclasses import is_dataclass
from numbers import Integral, Real
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from .words import shortened

DEEPEST = 32  # levels of JSON; ours have six, and Python's own limit depends on who calls
LARGEST = sys.float_info.max
WORDS = {int: "a whole number", float: "a finite number", bool: "true or false", str: "a text"}

Settings = TypeVar("Settings")


def json_object(text: str | bytes) -> dict[str, Any]:
    """The object that a JSON text holds.

    Raises
    ------
    ValueError
        It is no JSON, or JSON of something else, or nested deeper than `DEEPEST`; the message goes
        on after 'FILE: damaged, it is'.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"JSON of more than {DEEPEST} levels") from None
    except ValueError as error:  # of a number with thousands of digits, too
        raise ValueError(f"no JSON ({error})") from None
    _check_depth(value)
    if not isinstance(value, dict):
        raise ValueError(f"JSON of {shortened(value, 60)} instead of an object")
    return value


def _check_depth(value) -> None:
    """Level by level: a function that calls itself would need Python's stack, as `repr` does."""
    level = [value]
    for _ in range(DEEPEST):
        holders = [v for v in level if isinstance(v, dict | list)]
        tables = [v.values() if isinstance(v, dict) else v for v in holders]
        level = [inner for table in tables for inner in table]
        if not level:
            return
    raise ValueError(f"JSON of more than {DEEPEST} levels")


def settings_of(cls: type[Settings], stored: object, name: str = "") -> Settings:
    """The dataclass `cls` of settings, whose fields stand in the dictionary `stored`.

    A field that `stored` lacks has the default of today's class: whoever adds a setting gives it
    the default that does what versions without it did, and their files stay good.

    Raises
    ------
    ValueError
        `stored` is no dictionary, has a field that `cls` lacks, or a value that `cls` refuses.
    """
    if not isinstance(stored, dict):
        raise ValueError(f"{name or cls.__name__} is {shortened(stored)}, not a table of settings")
    kinds, values = get_type_hints(cls), {}
    for key, value in stored.items():
        inner = f"{name}.{key}" if name else key
        if key not in kinds:
            raise ValueError(f"this version knows no setting {shortened(inner)}, a newer one may")
        table = next((k for k in (kinds[key], *get_args(kinds[key])) if is_dataclass(k)), None)
        if isinstance(table, type) and value is not None:
            values[key] = settings_of(table, value, inner)
        else:
            values[key] = value
    return cls(**values)


def check_types(settings: object) -> None:
    """Refuse a dataclass whose values are not of the types that its fields name.

    `True` is no number here, and neither is NaN or infinity.

    Raises
    ------
    ValueError
        Naming the first such field, what belongs there, and what was received.
    """
    for name, kind in get_type_hints(type(settings)).items():
        value, kinds = getattr(settings, name), get_args(kind) or (kind,)
        if not any(_is_a(value, kind) for kind in kinds):
            wanted = " or ".join(WORDS.get(k, k.__name__) for k in kinds if k is not NoneType)
            raise ValueError(f"{name} must be {wanted}, got {shortened(value)}")


def _is_a(value, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return is_number(value, -LARGEST, LARGEST)
    return isinstance(value, Integral if kind is int else kind)


def is_number(value: object, low: float, high: float) -> bool:
    """Whether `value` is a number from `low` to `high`; True and False are none, nor is NaN."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    return low <= (int(value) if isinstance(value, Integral) else float(value)) <= high


def is_count(value: object, low: int = 0, high: float = float("inf")) -> bool:
    """Whether `value` is a whole number from `low` to `high`; True and False are none."""
    return isinstance(value, Integral) and is_number(value, low, high)
