import numpy as np
import pytest

from minifacenet.plots.seeds import seed_dots
from minifacenet.plots.style import save

PANELS = {"A": {"ours": [0.9, 0.95, 1.0], "theirs": [0.5, 0.6, 0.7]}, "B": {"ours": [0.8]}}


def test_every_seed_is_a_dot_and_the_first_name_stands_on_top(tmp_path):
    first, second = seed_dots(PANELS, "AUC")
    assert [label.get_text() for label in first.get_yticklabels()] == ["ours", "theirs"]
    bottom, top = first.get_ylim()
    assert bottom > top  # 0 is at the top
    np.testing.assert_allclose(first.lines[0].get_xdata(), [0.9, 0.95, 1.0])
    assert first.get_xlabel() == second.get_xlabel() == "AUC"
    save(first, tmp_path / "dots.png")


def test_the_bar_is_the_standard_error():
    first, _ = seed_dots(PANELS, "AUC")
    (low, high) = first.containers[0][2][0].get_segments()[0][:, 0]
    error = np.std([0.9, 0.95, 1.0], ddof=1) / np.sqrt(3)
    assert (low, high) == pytest.approx((0.95 - error, 0.95 + error))


def test_a_marked_candidate_has_a_line_through_it():
    first, second = seed_dots(PANELS, {"A": "AUC", "B": "VAL"}, marked={"A": "theirs"})
    assert any(line.get_linestyle() == ":" for line in first.lines)
    assert not any(line.get_linestyle() == ":" for line in second.lines)
    assert second.get_xlabel() == "VAL"


def test_panels_fill_rows():
    grid = seed_dots({str(i): {"a": [1, 2]} for i in range(5)}, "AUC", columns=3)
    assert len(grid) == 5
    assert len(grid[0].figure.axes) == 6
    with pytest.raises(ValueError, match="no panels"):
        seed_dots({}, "AUC")


def test_no_name_is_a_formula(tmp_path):
    (ax,) = seed_dots({"$_$": {"$$": [1, 2], "A$AP\nKe$ha": [2, 3]}}, "$ #1 $")
    save(ax, tmp_path / "dots.png")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["$$", r"A$AP\nKe$ha"]
    assert (ax.get_title(loc="left"), ax.get_xlabel()) == ("$_$", "$ #1 $")
