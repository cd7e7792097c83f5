"""Which faces are kept, why not the others, and where they are in the whole photo."""

import numpy as np
import pytest

from minifacenet.preprocessing.choose_and_cut import UPSIDE, CropSettings, cut, turn_back
from minifacenet.preprocessing.detector import Detections

POINTS = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)])


def detections(*boxes, scores=None):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    scores = np.linspace(0.99, 0.95, len(boxes)) if scores is None else np.array(scores)
    sides = boxes[:, None, 2:] - boxes[:, None, :2]
    return Detections(boxes, scores.astype(np.float32), boxes[:, None, :2] + sides * POINTS)


def seeing(*boxes, **keywords):
    return lambda photo: detections(*boxes, **keywords)


def noise(height=100, width=160, channels=3):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (height, width, channels)).astype(np.uint8)


SMALL_CENTRAL, LARGE, TINY = (70, 40, 90, 60), (0, 0, 60, 50), (100, 0, 110, 15)


@pytest.mark.parametrize(
    ("select", "reasons"),
    [
        ("largest", ["not the largest", "", "smaller than 20 pixels"]),
        ("center", ["", "not the one nearest the centre", "smaller than 20 pixels"]),
        ("all", ["", "", "smaller than 20 pixels"]),
    ],
)
def test_the_rule_chooses_and_every_face_gets_a_reason(select, reasons):
    settings = CropSettings(size=16, select=select)
    faces = cut(noise(), settings, seeing(SMALL_CENTRAL, LARGE, TINY))
    assert [face.reason for face, _ in faces] == reasons
    assert [crop is not None for _, crop in faces] == [not reason for reason in reasons]
    assert [face.number for face, _ in faces] == [1, 2, 3]
    assert all(crop is None or crop.shape == (16, 16, 3) for _, crop in faces)


def test_no_face_is_one_line_that_says_what_was_looked_at():
    [(face, crop)] = cut(noise(50, 80), CropSettings(), seeing(), scale=4)
    assert crop is None
    assert (face.number, face.box, face.score, face.landmarks) == (0, None, None, None)
    assert face.reason == "no face found in 320 x 200 pixels"


def test_sizes_count_the_pixels_of_the_whole_photo():
    settings = CropSettings(min_size=50)
    [(face, _)] = cut(noise(), settings, seeing((10, 10, 30, 36)), scale=2)
    assert face.reason == ""
    assert face.box == (20, 20, 60, 72)
    np.testing.assert_allclose(face.landmarks[0], (20 + 0.3 * 40, 20 + 0.4 * 52), atol=0.01)
    [(face, _)] = cut(noise(), settings, seeing((10, 10, 30, 34)), scale=2)
    assert face.reason == "smaller than 50 pixels"


@pytest.mark.parametrize("turned", UPSIDE)
def test_turned_photos(turned):
    """A face that is seen only in the photo turned by `turned` degrees clockwise: crops as they are
    in the turned photo, coordinates as in the photo that was given."""
    photo = noise(60, 90)
    upright = np.rot90(photo, UPSIDE[turned])
    box = (20, 10, 48, 46)

    def detect(seen):
        right = seen.shape == upright.shape and (seen == upright).all()
        return detections(box) if right else detections()

    settings = CropSettings(size=28, crop="box", try_rotations=True)
    [(face, crop)] = cut(photo, settings, detect)
    assert face.turned == turned
    [(_, expected)] = cut(np.ascontiguousarray(upright), settings, seeing(box))
    np.testing.assert_array_equal(crop, expected)
    x0, y0, x1, y1 = map(int, face.box)
    there, here = photo[y0:y1, x0:x1], upright[10:46, 20:48]
    np.testing.assert_array_equal(np.rot90(there, UPSIDE[turned]), here)
    assert x0 < face.landmarks[2][0] < x1
    assert y0 < face.landmarks[2][1] < y1


def test_the_most_certain_turn_wins():
    photo = noise(60, 90)
    certain = np.rot90(photo, UPSIDE[270])

    def detect(seen):
        if seen.shape == photo.shape:
            return detections()
        best = (seen == certain).all()
        return detections((20, 10, 48, 46), scores=[0.99 if best else 0.91])

    [(face, _)] = cut(photo, CropSettings(try_rotations=True), detect)
    assert face.turned == 270
    [(face, _)] = cut(photo, CropSettings(), detect)
    assert face.reason.startswith("no face")


@pytest.mark.parametrize(("score", "found"), [(0.975, 0), (0.985, 1)])
def test_a_turned_photo_is_believed_less(score, found):
    photo = noise(60, 90)

    def detect(seen):
        upright = seen.shape == photo.shape
        return detections() if upright else detections((20, 10, 48, 46), scores=[score])

    [(face, _)] = cut(photo, CropSettings(min_score=0.5, try_rotations=True), detect)
    assert face.number == found


def test_points_turn_back():
    photo = np.zeros((5, 9))
    photo[1, 6] = 1
    for turned, quarters in UPSIDE.items():
        seen = np.rot90(photo, quarters)
        y, x = np.argwhere(seen)[0]
        assert turn_back([(x + 0.5, y + 0.5)], turned, seen.shape) == [(6.5, 1.5)]


def test_landmarks_count_from_edges_and_crops_from_centres():
    """A face whose landmarks lie as the template has them is copied, not moved by half a pixel."""
    from minifacenet.preprocessing.square_crops import TEMPLATES

    photo = noise(100, 100, 1)
    found = detections((0, 0, 100, 100))
    found.landmarks[0] = TEMPLATES["portrait"].scaled(100) + 0.5
    [(_, crop)] = cut(photo, CropSettings(size=100), lambda photo: found)
    np.testing.assert_array_equal(crop, photo)


def test_what_is_no_face_after_all_is_a_reason():
    found = detections((10, 10, 40, 40))
    found.landmarks[0] = 5  # all in one point
    [(face, crop)] = cut(noise(), CropSettings(), lambda photo: found)
    assert crop is None
    assert "cannot be cut out" in face.reason
    assert "one point" in face.reason


def test_cropped_already():
    [(face, crop)] = cut(noise(40, 60, 1), CropSettings(size=20, crop="centre"), None, scale=2)
    assert face.box == (20, 0, 100, 80)
    assert face.score is None
    assert crop.shape == (20, 20, 1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"select": "biggest"}, "select must be one of largest, center, all, got 'biggest'"),
        ({"crop": "round"}, "crop must be one of aligned, box, centre, got 'round'"),
        ({"template": "dlip"}, "template must be one of portrait, openface, dlib, got 'dlip'"),
        ({"min_size": 5}, "min_size must be from 12 to 100000, got 5"),
        ({"margin": -0.1}, "margin must be from 0 to 10, got -0.1"),
        ({"min_score": float("nan")}, "min_score must be from 0 to 1, got nan"),
    ],
)
def test_settings_say_what_they_take(wrong, words):
    with pytest.raises(ValueError, match="must be") as raised:
        CropSettings(**wrong)
    assert str(raised.value) == words
