from dataclasses import replace

import pytest

from minifacenet.training.health import StepRecord, collapse_message, collapsed_for, diagnosis

RECORD = StepRecord(7, 0.1, 5, 0.5, 0.1, 0.2, 1.2, 8, 0.1)
SOLVED = replace(RECORD, triplets=0, loss=0.0, active=0.0)
COLLAPSED = replace(RECORD, spread=1e-4, loss=0.2)


@pytest.mark.parametrize(
    ("triplets", "spread", "state"),
    [(5, 1.2, "learning"), (0, 1.2, "solved"), (0, 1e-4, "collapsed"), (9, 1e-4, "collapsed")],
)
def test_solved_and_collapsed_are_told_apart_by_the_spread(triplets, spread, state):
    assert replace(RECORD, triplets=triplets, spread=spread).state == state


def test_no_triplet_with_the_negatives_nearer_is_not_solved():
    assert replace(SOLVED, positive_distance=0.3).state == "stuck"


def test_only_the_last_steps_in_a_row_count_as_collapsed():
    assert collapsed_for([]) == 0
    assert collapsed_for([COLLAPSED, COLLAPSED, RECORD]) == 0
    assert collapsed_for([COLLAPSED, RECORD, COLLAPSED, COLLAPSED]) == 2
    assert collapsed_for([COLLAPSED] * 3) == 3


def test_the_diagnosis_names_state_spread_and_idle_steps():
    assert diagnosis([RECORD]) == "learning (spread 1.2, 50% active)"
    solved = diagnosis([RECORD, SOLVED, SOLVED])
    assert solved.startswith("solved (spread 1.2")
    assert "2 of 3 steps found no triplet and changed nothing" in solved
    collapsed = diagnosis([COLLAPSED])
    assert collapsed.startswith("collapsed (spread 0.0001")
    assert "lower --rate" in collapsed


def test_the_message_of_a_collapse_says_what_to_try():
    message = collapse_message([RECORD, COLLAPSED, COLLAPSED])
    assert message.startswith("Stopped: collapsed for 2 steps")
    assert "--mining semi-hard" in message
