import pytest

from minifacenet.files.words import meant, nearest, printable, shortened


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


@pytest.mark.parametrize(
    ("typed", "near"),
    [("Dlib-ResNet", "dlib_resnet"), ("nn4.small2", "nn4_small2"), ("nn4", None), ("", None)],
)
def test_the_nearest_name(typed, near):
    assert nearest(typed, ("nn4_small2", "dlib_resnet"), 0.7) == near


def test_the_nearest_name_may_have_capitals_of_its_own():
    assert nearest("ada lovelase", ("Ada Lovelace", "Alan Turing")) == "Ada Lovelace"


def test_which_name_was_meant():
    assert meant("stps", ["rate", "steps"]) == "is steps meant?"
    assert meant("x", ["rate", "steps"]) == "there are rate, steps"
