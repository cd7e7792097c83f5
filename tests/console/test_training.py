import numpy as np
import pytest

from minifacenet.console.training import tell_unseen
from minifacenet.preprocessing.faces import Faces
from minifacenet.training.settings import TrainConfig


@pytest.mark.parametrize(
    ("people", "extra", "told"), [(3, 0, True), (5, 0, False), (3, 2, False), (4, 0, True)]
)
def test_people_whom_no_batch_holds_are_told(capsys, people, extra, told):
    labels = np.repeat(np.arange(6), [1, 1, 2, 3, 2, 4])
    faces = Faces(np.zeros((len(labels), 4, 4, 1), np.uint8), labels, tuple("abcdef"), ())
    tell_unseen(faces, TrainConfig(people=people, extra_negatives=extra))
    assert ("2 of 6 people have one photo" in capsys.readouterr().out) == told
