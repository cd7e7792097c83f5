import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.experiment.settings import RunConfig
from minifacenet.files.stored import check_fields, is_count, is_number, json_object, settings_of
from minifacenet.training.settings import TrainingRunConfig

# -- JSON ----------------------------------------------------------------------------------------


def test_an_object_is_read():
    assert json_object('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    assert json_object('{"\u00e9": 1}'.encode()) == {"\u00e9": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ('{"a"', "no JSON"),
        (b"\xff\xfe\xfd", "no JSON"),
        ("[]", "JSON of \\[\\] instead of an object"),
        ("null", "JSON of None instead of an object"),
        (json.dumps("x" * 9000), "JSON of 'xxx.*instead of an object"),
        ("9" * 5000, "no JSON"),
        ("[" * 200_000, "JSON of more than 32 levels"),
        ('{"a":' * 33 + "1" + "}" * 33, "JSON of more than 32 levels"),
    ],
    ids=lambda text: str(text[:9]),
)
def test_anything_else_is_one_short_line(text, message):
    with pytest.raises(ValueError, match=message) as error:
        json_object(text)
    assert len(str(error.value)) < 250
    assert "\n" not in str(error.value)


def test_as_many_levels_as_allowed_are_read():
    assert json_object('{"a":' * 31 + "1" + "}" * 31)


# -- Settings ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inner:
    much: float = 0.5

    def __post_init__(self):
        check_fields(self)


@dataclass(frozen=True)
class Outer:
    count: int = 3
    name: str = "x"
    on: bool = True
    some: int | None = None
    inner: Inner | None = field(default_factory=Inner)

    def __post_init__(self):
        check_fields(self)


def test_what_is_missing_has_its_default():
    assert settings_of(Outer, {}) == Outer()
    assert settings_of(Outer, {"inner": {}, "count": 4}) == Outer(count=4)
    assert settings_of(Outer, {"inner": None}) == Outer(inner=None)
    assert settings_of(Outer, {"inner": {"much": 1}}) == Outer(inner=Inner(1))


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ([], r"Outer is \[\], not a table of settings"),
        ({"inner": 3}, "inner is 3, not a table of settings"),
        ({"inner": {"more": 1}}, "this version knows no setting 'inner.more', a newer one may"),
        ({"count": True}, "count must be a whole number, got True"),
        ({"count": 2.0}, "count must be a whole number, got 2.0"),
        ({"count": None}, "count must be a whole number, got None"),
        ({"some": "1"}, "some must be a whole number, got '1'"),
        ({"on": 1}, "on must be true or false, got 1"),
        ({"name": b"x"}, "name must be a text, got b'x'"),
        ({"name": ["x" * 9000]}, r"name must be a text, got \['xxx.* \.\.\.$"),
        ({"inner": {"much": True}}, "much must be a finite number, got True"),
        ({"inner": {"much": float("nan")}}, "much must be a finite number, got nan"),
        ({"inner": {"much": float("inf")}}, "much must be a finite number, got inf"),
        ({"inner": {"much": 10**400}}, "much must be a finite number, got 1000.*"),
    ],
    ids=lambda text: str(text)[:20],
)
def test_wrong_settings_are_named(stored, message):
    with pytest.raises(ValueError, match=message):
        settings_of(Outer, stored)


def test_numbers_of_numpy_are_numbers():
    assert Outer(count=np.int64(3), inner=Inner(np.float32(0.5))) == Outer()
    assert is_number(np.float64(1), 0, 4)
    assert is_count(np.int8(3))
    assert not is_number(np.bool_(True), 0, 4)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def places(table: dict) -> list[tuple]:
    """Where the settings stand in nested tables."""
    inner = [(key, *rest) for key, v in table.items() if isinstance(v, dict) for rest in places(v)]
    return [(key,) for key in table] + inner


@pytest.mark.parametrize("config", [RunConfig(), TrainingRunConfig()])
@given(data=st.data())
def test_any_value_anywhere_is_taken_or_refused_in_one_line(config, data):
    stored = json.loads(json.dumps(replace(config).__dict__, default=lambda inner: inner.__dict__))
    assert settings_of(type(config), stored) == config
    *way, last = data.draw(st.sampled_from(places(stored)))
    table = stored
    for key in way:
        table = table[key]
    table[last] = data.draw(ANYTHING)
    message = "none"
    try:
        settings_of(type(config), stored)
    except ValueError as error:
        message = str(error)
    assert 0 < len(message) < 500
