import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifacenet.preprocessing.boxes import (
    clipped,
    moved,
    non_maximum_suppression,
    shared_with,
    squared,
)


def brute_force(boxes, scores, limit, overlap):
    """Pixel by pixel: boxes with whole-number edges cover sets of pixels."""

    def pixels(box):
        x0, y0, x1, y1 = map(int, box)
        return {(x, y) for x in range(x0, x1) for y in range(y0, y1)}

    left = sorted(range(len(scores)), key=lambda i: -scores[i])  # stable
    kept = []
    while left:
        best, *left = left
        kept.append(best)
        a = pixels(boxes[best])
        for i in list(left):
            b = pixels(boxes[i])
            whole = len(a | b) if overlap == "union" else min(len(a), len(b))
            if whole and len(a & b) / whole > limit:
                left.remove(i)
    return kept


some_boxes = st.lists(
    st.tuples(*[st.integers(0, 8)] * 2, *[st.integers(0, 6)] * 2, st.integers(0, 4)), max_size=12
)


@given(some_boxes, st.sampled_from([0.0, 0.3, 0.5, 0.7]), st.sampled_from(["union", "min"]))
def test_suppression_is_the_definition(rows, limit, overlap):
    table = np.array(rows, np.float32).reshape(-1, 5)
    boxes = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], axis=1)
    kept = non_maximum_suppression(boxes, table[:, 4], limit, overlap)
    assert kept.tolist() == brute_force(boxes, table[:, 4].tolist(), limit, overlap)


def test_of_equal_scores_the_first_stays():
    boxes = np.array([[0, 0, 4, 4]] * 3, np.float32)
    assert non_maximum_suppression(boxes, np.float32([0.9, 0.9, 0.9]), 0.5).tolist() == [0]


def test_a_small_box_in_a_large_one_falls_to_min_only():
    boxes = np.array([[0, 0, 10, 10], [2, 2, 4, 4]], np.float32)
    scores = np.float32([0.8, 0.9])
    assert non_maximum_suppression(boxes, scores, 0.5, "union").tolist() == [1, 0]
    assert non_maximum_suppression(boxes, scores, 0.5, "min").tolist() == [1]


def test_another_overlap_is_refused():
    with pytest.raises(ValueError, match=r"'union', 'min'.*'iou'"):
        non_maximum_suppression(np.zeros((0, 4), np.float32), np.zeros(0), 0.5, "iou")


def test_what_boxes_share_of_their_union():
    box = np.float32([2, 2, 6, 6])
    others = np.float32([box, [4, 2, 8, 6], [2, 2, 4, 4], [6, 2, 9, 6], [9, 9, 12, 12]])
    np.testing.assert_allclose(shared_with(box, others), [1, 8 / 24, 4 / 16, 0, 0])
    assert shared_with(box, others[:0]).shape == (0,)


def test_edges_move_in_units_of_the_box():
    box = np.array([[10, 20, 30, 60]], np.float32)  # 20 wide, 40 high
    offsets = np.array([[0.1, -0.1, 0, 0.5]], np.float32)
    np.testing.assert_allclose(moved(box, offsets), [[12, 16, 30, 80]])


def test_a_square_keeps_the_centre_and_the_longer_side():
    boxes = np.array([[10, 20, 30, 60], [0, 0, 6, 2], [1, 1, 4, 4]], np.float32)
    np.testing.assert_array_equal(squared(boxes), [[0, 20, 40, 60], [0, -2, 6, 4], [1, 1, 4, 4]])


def test_clipping_to_the_photo():
    boxes = np.array([[-5, 2, 8, 30], [50, 50, 60, 60]], np.float32)
    result = clipped(boxes, height=10, width=20)
    np.testing.assert_array_equal(result, [[0, 2, 8, 10], [20, 10, 20, 10]])
    assert result.dtype == np.float32


@pytest.mark.parametrize("overlap", ["union", "min"])
@pytest.mark.parametrize("dtype", [np.float64, int, np.uint8, np.float16])
def test_boxes_of_whole_numbers_keep_the_limit(dtype, overlap):
    boxes = np.array([[0, 0, 10, 10], [5, 5, 15, 15], [30, 30, 40, 40]])
    scores = np.array([9, 8, 7])
    for limit in (0.1, 0.2, 0.5):
        expected = non_maximum_suppression(boxes.astype(np.float32), scores * 0.1, limit, overlap)
        kept = non_maximum_suppression(boxes.astype(dtype), scores.astype(dtype), limit, overlap)
        assert kept.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("boxes", "scores"),
    [((3, 4), (2,)), ((3, 4), (4,)), ((3, 3), (3,)), ((4,), ()), ((2, 4), (2, 1))],
)
def test_a_score_for_each_box_of_four_edges(boxes, scores):
    with pytest.raises(ValueError, match=r"boxes \(N, 4\) and a score for each are needed, got"):
        non_maximum_suppression(np.ones(boxes), np.ones(scores), 0.5)
