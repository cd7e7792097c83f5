"""Values out of files are checked before anybody believes them.

A file may be damaged, edited by hand, or of another version. Code that reads one of ours passes the
values through here, so that a wrong one ends in one line that names it, and not in a TypeError
wherever it is used later.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import Field, field, fields, is_dataclass, replace
from numbers import Integral, Real
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_type_hints

from .words import shortened

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DEEPEST = 32  # levels of JSON; ours have six, and Python's own limit depends on who calls
LARGEST = sys.float_info.max
MOST = 2**53  # of whatever is counted: float64 holds each whole number up to it
WORDS = {int: "a whole number", float: "a finite number", bool: "true or false", str: "a text"}

Settings = TypeVar("Settings")
Config = TypeVar("Config", bound="DataclassInstance")


def json_object(text: str | bytes) -> dict[str, Any]:
    """Return the object that a JSON text holds.

    Raises
    ------
    ValueError
        It is no JSON, or JSON of something else, or nested deeper than `DEEPEST`; the message
        continues 'FILE: damaged, it is'.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"JSON of more than {DEEPEST} levels") from None
    except ValueError as error:  # raised for a number with thousands of digits, too
        raise ValueError(f"no JSON ({error})") from None
    _check_depth(value)
    if not isinstance(value, dict):
        raise ValueError(f"JSON of {shortened(value, 60)} instead of an object")
    return value


def _check_depth(value) -> None:
    """Refuse deep nesting, level by level: recursion would need Python's stack, as `repr` does."""
    level = [value]
    for _ in range(DEEPEST):
        holders = [v for v in level if isinstance(v, dict | list)]
        tables = [v.values() if isinstance(v, dict) else v for v in holders]
        level = [inner for table in tables for inner in table]
        if not level:
            return
    raise ValueError(f"JSON of more than {DEEPEST} levels")


def option(
    default: Any,
    help: str,
    *,
    name: str | None = None,
    min: float | None = None,
    max: float | None = None,
) -> Any:
    """Return a field of a dataclass of settings that commands offer as an option.

    All that they need to know stands here: see `commands.options.options_of`.

    Parameters
    ----------
    default
        A value; or a dataclass, of which each settings object gets one of its own. Then the option
        says whether there is one: --augment or --no-augment. The dataclass may have options, too.
    help : str
        The text of `--help`. The docstring of the class says what the field means.
    name : str, optional
        The option's name where it is not the field's.
    min, max : number, optional
        The smallest and the largest value; `check_fields` refuses others.
    """
    metadata = {"help": help, "name": name, "min": min, "max": max}
    if is_dataclass(default):
        return field(default_factory=cast(type, default), metadata=metadata)
    return field(default=default, metadata=metadata)


def with_options(settings: Config, chosen: Mapping[str, Any]) -> Config:
    """Return the settings, and those that they hold, with the values of the `chosen` options."""
    values: dict[str, Any] = {}
    for one in fields(settings):
        name, value = _name(one), getattr(settings, one.name)
        if name is None:
            if is_dataclass(value) and not isinstance(value, type):
                values[one.name] = with_options(value, chosen)
        elif is_switch(one):
            values[one.name] = _switched(one, value, chosen)
        elif name in chosen:
            values[one.name] = chosen[name]
    return replace(settings, **values)


def _switched(switch: Field, value: Any, chosen: Mapping[str, Any]) -> Any:
    """Return what a switch turns on, with the chosen options of it; None if it is off."""
    name, kind = _name(switch) or switch.name, cast(Any, switch.default_factory)
    turned_on = chosen.get(name, value is not None)
    if not isinstance(turned_on, bool):  # a text such as "off", or a table of its options
        raise ValueError(f"{name} must be {WORDS[bool]}, got {shortened(turned_on)}")
    if turned_on:
        return with_options(value or kind(), chosen)
    for inner, _, one in options_in(kind):
        if chosen.get(inner, one.default) != one.default:
            got = f"{inner} is {shortened(chosen[inner])}"
            raise ValueError(f"{got}, but {name} is off: leave one of the two out")
    return None


def options_in(
    settings: type[DataclassInstance],
) -> Iterator[tuple[str, type[DataclassInstance], Field]]:
    """Yield the options as (name, the dataclass whose field it is, the field)."""
    kinds = get_type_hints(settings)
    for one in fields(settings):
        name = _name(one)
        if name is not None:
            yield name, settings, one
            if is_switch(one):
                yield from options_in(cast(Any, one.default_factory))
        elif is_dataclass(kinds[one.name]):
            yield from options_in(kinds[one.name])


def _name(one: Field) -> str | None:
    """Return the name of a field's option; None if it has none."""
    return (one.metadata["name"] or one.name) if "help" in one.metadata else None


def is_switch(one: Field) -> bool:
    """Whether the option turns the field's dataclass on or off."""
    return is_dataclass(one.default_factory)


def settings_of(cls: type[Settings], stored: object, name: str = "") -> Settings:
    """Return settings of the dataclass `cls`, with the fields of the dictionary `stored`.

    A field that `stored` lacks gets the default of today's class: whoever adds a setting gives it
    the default that does what versions without it did, and their files stay good.

    Raises
    ------
    ValueError
        `stored` is not a dictionary, has a field that `cls` lacks, or a value that `cls` refuses.
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


def check_fields(settings: object) -> None:
    """Refuse a dataclass whose values do not have the types or lie in the ranges of its fields.

    `True` is no number here, and neither is NaN or infinity. An `option` may have a range.

    Raises
    ------
    ValueError
        The message names the first such field, what belongs there, and what was received.
    """
    hints = get_type_hints(type(settings))
    for one in fields(cast(type, type(settings))):
        name, value = one.name, getattr(settings, one.name)
        kinds = get_args(hints[name]) or (hints[name],)
        if not any(_is_a(value, kind) for kind in kinds):
            wanted = " or ".join(WORDS.get(k, k.__name__) for k in kinds if k is not NoneType)
            raise ValueError(f"{name} must be {wanted}, got {shortened(value)}")
        least, most = one.metadata.get("min"), one.metadata.get("max")
        if value is not None and least is not None and value < least:
            raise ValueError(f"{name} must be at least {least}, got {shortened(value)}")
        if value is not None and most is not None and value > most:
            raise ValueError(f"{name} must be at most {most}, got {shortened(value)}")


def _is_a(value, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return is_number(value, -LARGEST, LARGEST)
    if kind is int:
        return is_count(value, -(2**63), 2**63 - 1)  # as NumPy and Numba take them
    return isinstance(value, kind)


def is_number(value: object, low: float, high: float) -> bool:
    """Return whether `value` is a number from `low` to `high`; True, False and NaN are none."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    return low <= (int(value) if isinstance(value, Integral) else float(value)) <= high


def is_text(value: object, most: float = float("inf")) -> bool:
    """Return whether `value` is a text of up to `most` signs that UTF-8 can hold."""
    if not isinstance(value, str) or len(value) > most:
        return False
    return not any("\ud800" <= sign <= "\udfff" for sign in value)


def is_count(value: object, low: int = 0, high: float = float("inf")) -> bool:
    """Return whether `value` is a whole number from `low` to `high`; True and False are none."""
    return isinstance(value, Integral) and is_number(value, low, high)
