import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.files.texts import Texts

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])))


@given(TEXTS, TEXTS)
def test_texts_come_back(some, more):
    packed = Texts.of(some) + Texts.of(more)
    assert list(packed) == some + more
    assert packed[1:] == (some + more)[1:]
    assert list(Texts(packed.data, packed.ends)) == some + more
    if len(packed):
        assert packed[-1] == (some + more)[-1]
    with pytest.raises(IndexError):
        packed[len(packed)]


def test_packed_texts_are_not_packed_again():
    packed = Texts.of(["Ada", "", "Zoë"])
    assert Texts.of(packed) is packed
    assert (packed.data.dtype, packed.ends.tolist()) == (np.uint8, [3, 3, 7])


@pytest.mark.parametrize(
    ("data", "ends", "says"),
    [
        (b"Ada", [2], "do not fit 3 bytes"),
        (b"Ada", [2, 1, 3], "do not fit"),
        (b"Ada", [-1, 3], "do not fit"),
        (b"Ada", [], "do not fit"),
        (b"\xff", [1], "UTF-8"),
        ("ë".encode(), [1, 2], "within a character"),
    ],
)
def test_damage_is_refused(data, ends, says):
    with pytest.raises(ValueError, match=says):
        Texts(np.frombuffer(data, np.uint8), np.array(ends, np.int64))


def test_other_arrays_and_texts_without_utf8_are_refused():
    with pytest.raises(ValueError, match=r"got float64 \(1,\) instead of int64"):
        Texts(np.zeros(1, np.uint8), np.ones(1))
    with pytest.raises(ValueError, match="no valid Unicode"):
        Texts.of(["\ud800"])
