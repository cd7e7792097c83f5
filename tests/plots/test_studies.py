"""The two panels of a study."""

import numpy as np

from minifacenet.plots.studies import study_panels
from minifacenet.study.drawing import draw_study
from minifacenet.study.figure import Figure
from minifacenet.study.spoiling import Row, StudyResult


def test_the_papers_shares_stand_at_their_own_places():
    measures = {"AUC": ([0.8, 0.9, 0.95], [0.01, 0.02, np.nan])}
    left, right = study_panels(
        measures, ([0.7, 0.9, 1.0], [0.1, 0.05, 0]), [1, 2, 3], ["10", "20", "as it is"],
        "quality", ([0.0, 1.0], [0.5, 0.75]), ["5", "10"], untouched=True,
    )  # fmt: skip
    lines = {line.get_label(): line for line in right.get_lines()}
    np.testing.assert_array_equal(lines["the paper, VAL at FAR 0.001"].get_xdata(), [0, 1])
    np.testing.assert_array_equal(lines["measured"].get_xdata(), [1, 2])  # a pale line goes on
    assert [text.get_text() for text in right.get_xticklabels()] == ["5", "10", "20", "as it is"]
    assert [text.get_text() for text in left.get_xticklabels()] == ["10", "20", "as it is"]


def result(name, settings):
    rows = [
        Row(setting, str(setting), {"auc": Figure(0.9, np.array([0.8, 1.0]))})
        for setting in settings
    ]
    return StudyResult(name, name, tuple(rows))


def test_each_study_is_drawn(tmp_path):
    for name, settings in (("jpeg", (15, 50, None)), ("dim", (16, 64)), ("people", (5, 30))):
        path = tmp_path / f"{name}.png"
        draw_study(result(name, settings), path)
        assert path.read_bytes().startswith(b"\x89PNG")
