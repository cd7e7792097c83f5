import numpy as np

from minifacenet.console.groups import MANY, farthest_look, tell_parts


def test_a_part_that_takes_long_is_told_before_it_begins(capsys):
    tell_parts(np.array([MANY, 5]))
    assert capsys.readouterr().out == ""
    tell_parts(np.array([100_000, 25_000]))
    text = " ".join(capsys.readouterr().out.split())
    assert "100,000 of 125,000 faces (80%)" in text
    assert "about 5 min of one core" in text
    assert "A smaller --distance" in text


def test_other_distances_are_looked_at_while_that_is_quick():
    assert farthest_look(MANY) == 2
    assert farthest_look(MANY + 1) == 1
