import pytest

from minifacenet.files.words import printable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Émilie Łukasz 照 👩‍🔬", "Émilie Łukasz 照 👩‍🔬"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2028", r"\u2028"),
        ("\udcff", r"\udcff"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


def test_shortened():
    assert shortened("x") == "'x'"
    assert len(shortened("x" * 5000)) <= 200
    assert shortened([1] * 500, 20) == "[1, 1, 1, 1, 1,  ..."
