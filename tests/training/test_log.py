"""Logs are compared with the steps that a state claims, which may be any number."""

import pytest

from minifacenet.files.arrays import CheckpointError
from minifacenet.training.log import rows_of_steps


def test_a_state_that_claims_any_number_of_steps_is_one_line(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n1,0.5\n2,0.25\n")
    assert rows_of_steps(path, (int, float), range(1, 3)) == [(1, 0.5), (2, 0.25)]
    with pytest.raises(CheckpointError, match=r"log\.csv: 2 rows where .* has 9007199254740992"):
        rows_of_steps(path, (int, float), range(1, 2**53 + 1))
