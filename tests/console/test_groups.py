import numpy as np

from minifacenet.classification.near_chain import Level
from minifacenet.console.groups import MANY, farthest_look, tell_level


def test_a_search_of_all_is_told_before_it_begins(capsys):
    tell_level(Level(0.5, 100_000, 7))
    tell_level(Level(np.inf, MANY, 0))
    assert capsys.readouterr().out == ""
    tell_level(Level(np.inf, 100_000, 0))
    text = " ".join(capsys.readouterr().out.split())
    assert "The 100,000 clusters that are left" in text
    assert "about 5 min of one core" in text
    assert "A smaller --distance" in text


def test_other_distances_are_looked_at_while_that_is_quick():
    assert farthest_look(MANY) == 2
    assert farthest_look(MANY + 1) == 1
