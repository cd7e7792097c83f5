"""Boxes and landmarks land where the faces are, at any size of the photo."""

import numpy as np
import pytest

from minifacenet.plots.sheets import shrunk
from minifacenet.preprocessing.choose_and_cut import Face
from minifacenet.preprocessing.draw_boxes import KEPT, NOT_KEPT, VIEW, draw_around, draw_faces

DOTS = ((30.0, 50.0),) * 5
FACES = (
    Face(1, (20.0, 40.0, 60.0, 80.0), 0.99, DOTS),
    Face(2, (100.0, 40.0, 140.0, 80.0), 0.95, DOTS, reason="not the largest"),
    Face(0, reason="no box"),
)


@pytest.mark.parametrize("channels", [1, 3])
def test_frames_and_dots(channels):
    drawn = np.asarray(draw_faces(np.zeros((90, 160, channels), np.uint8), FACES))
    assert drawn.shape == (90, 160, 3)
    assert (drawn[45:75, 20] == KEPT).all()
    assert (drawn[45:75, 100] == NOT_KEPT).all()
    assert (drawn[50, 30] == 255).all()
    assert (drawn[60, 70:90] == 0).all()


def test_a_reduced_photo():
    drawn = np.asarray(draw_faces(np.zeros((45, 80, 1), np.uint8), FACES, scale=2))
    assert (drawn[23:37, 10] == KEPT).all()


def test_labels_stay_in_the_picture():
    whole = Face(1, (0.0, 0.0, 160.0, 90.0))
    corner = Face(2, (150.0, 2.0, 160.0, 9.0), 0.95, reason="not the largest")
    drawn = np.asarray(draw_faces(np.zeros((90, 160, 1), np.uint8), [whole, corner]))
    assert (drawn[:12, 3:10] == 255).all(axis=2).sum() > 10
    assert (drawn[:25, 130:145] == 255).all(axis=2).sum() > 10  # moved left, to be read whole


@pytest.mark.parametrize(
    "boxes",
    [
        [(20, 40, 40, 70), (45, 40, 65, 70)],  # narrower than their labels
        [(20, 40, 40, 70), (45, 42, 65, 72), (70, 40, 90, 70)],
        [(20, 20, 40, 50), (25, 54, 45, 84)],  # below each other
        [(20, 0, 40, 30), (60, 0, 80, 30)],  # no room above
    ],
)
def test_labels_hide_no_other_label_and_no_other_face(boxes):
    faces = [Face(i, tuple(map(float, box)), 0.99) for i, box in enumerate(boxes, start=1)]
    black = np.zeros((100, 120, 1), np.uint8)

    def coloured(*faces):
        return np.asarray(draw_faces(black, faces)).any(axis=2).sum()

    assert coloured(*faces) == sum(coloured(face) for face in faces)


def test_a_large_photo():
    photo = np.zeros((1800, 3200, 1), np.uint8)
    large = Face(1, (400.0, 800.0, 1200.0, 1600.0), 0.99, DOTS)
    drawn = np.asarray(draw_faces(photo, [large]))
    assert drawn.shape == (576, 1024, 3)
    assert (drawn[300:480, 128] == KEPT).all()


@pytest.mark.parametrize("shape", [(40, 63, 3), (63, 40, 1), (7, 90, 3), (1, 90, 1), (90, 1, 3)])
@pytest.mark.parametrize("side", [1, 9, 30])
def test_a_shrunk_photo_holds_the_means_of_its_blocks(shape, side):
    photo = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    small, k = shrunk(photo, side)
    assert k == max(shape[:2]) // side
    assert max(small.shape[:2]) <= 2 * side
    for y, x in np.ndindex(small.shape[:2]):
        block = photo[k * y : k * (y + 1), k * x : k * (x + 1)]
        np.testing.assert_array_equal(small[y, x], block.mean((0, 1)).astype(np.uint8))


def test_a_photo_that_is_small_stays_as_it_is():
    photo = np.zeros((30, 59, 1), np.uint8)
    assert shrunk(photo, 30) == (photo, 1)


def test_a_large_photo_is_drawn_where_its_faces_are():
    drawn = draw_faces(np.zeros((2400, 4096, 1), np.uint8), [Face(1, (1000, 800, 2000, 1800))])
    assert drawn.size == (1024, 600)
    assert (np.asarray(drawn)[210:440, 250] == KEPT).all()


@pytest.mark.parametrize("scale", [1, 2])
def test_a_view_of_one_face_has_its_neighbours(scale):
    chosen = Face(2, (20.0, 40.0, 60.0, 80.0), 0.99, DOTS)
    near = Face(1, (70.0, 40.0, 110.0, 80.0), 0.95, DOTS)
    far = Face(3, (140.0, 40.0, 160.0, 80.0), 0.95, DOTS)
    small = Face(4, (64.0, 40.0, 66.0, 80.0), 0.95, DOTS, reason="smaller than 20 pixels")
    photo = np.zeros((90 // scale, 160 // scale, 1), np.uint8)
    drawn = draw_around(photo, [near, chosen, far, small], chosen, scale)
    assert drawn.shape == (VIEW, VIEW, 3)
    zoom = VIEW / 88  # 2.2 of its sides; the photo's edges are 20 to the left, and 10 below
    middle = round((60 - 2) * zoom)
    assert (drawn[middle, round(20 * zoom)] == KEPT).all()
    assert (drawn[middle, round(70 * zoom)] == NOT_KEPT).all()
    assert (drawn[round(48 * zoom), round(30 * zoom)] == 255).all()
    assert not drawn[middle, round(64 * zoom) : round(67 * zoom)].any()
    alone = draw_around(photo, [near, chosen], chosen, scale)
    assert np.array_equal(drawn, alone)
