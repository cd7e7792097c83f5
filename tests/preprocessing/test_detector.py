"""The cascade with stand-ins for the nets that know where a planted square is, and random nets."""

from pathlib import Path

import numpy as np
import pytest

from minifacenet.files.arrays import CheckpointError, arrays_digest, save_arrays
from minifacenet.nn.device import backend
from minifacenet.preprocessing import detector as module
from minifacenet.preprocessing import mtcnn
from minifacenet.preprocessing.detector import Detector, pyramid
from minifacenet.preprocessing.mtcnn import FILE, FORMAT, MTCNN
from minifacenet.preprocessing.photo import read_photo
from tests.conftest import need

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """A file of random weights, in which the offsets are small enough to stay on the photo."""
    nets = MTCNN.new(np.random.default_rng(5))
    arrays = {name: p.data.copy() for name, p in nets.parameters().items()}
    for net in ("pnet", "rnet", "onet"):
        arrays[f"{net}.heads.weight"] *= 0.2
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_arrays(path, arrays, {"format": FORMAT})
    return path, arrays_digest(arrays)


@pytest.fixture
def weights(random_weights, monkeypatch):
    """The path of that file, which passes for the published weights."""
    path, digest = random_weights
    monkeypatch.setattr(mtcnn, "DIGEST", digest)
    return path


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


class Proposer:
    """Stands for P-Net: a face is where a window holds all of something white, ringed by black."""

    def forward(self, x):
        white = (x[0] * 128 + 127.5).min(axis=-1) / 255
        rows, columns = (white.shape[0] - 12) // 2 + 1, (white.shape[1] - 12) // 2 + 1
        heads = np.zeros((1, rows, columns, 6), np.float32)
        for p, q in np.ndindex(rows, columns):
            window = white[2 * p : 2 * p + 12, 2 * q : 2 * q + 12]
            ring = window.sum() - window[1:-1, 1:-1].sum()
            heads[0, p, q, 1] = window.sum() / 10 if window.sum() > 30 and ring < 0.1 else -9
        return heads


class Constant:
    """Stands for R-Net or O-Net: always a face, its edges moved by these offsets."""

    def __init__(self, columns, offsets):
        self.heads = np.zeros(columns, np.float32)
        self.heads[1], self.heads[2:6] = 5, offsets

    def output_shape(self, shape):
        return self.heads.shape

    def forward(self, x):
        return np.tile(self.heads, (len(x), 1))


class Surveyor:
    """Stands for R-Net or O-Net: its offsets put the box around the white, with that margin."""

    def __init__(self, columns, margin):
        self.columns, self.margin = columns, margin

    def output_shape(self, shape):
        return (self.columns,)

    def forward(self, x):
        white = (x * 128 + 127.5).min(axis=-1) / 255
        heads = np.zeros((len(x), self.columns), np.float32)
        heads[:, 1] = 5
        for i, axis in ((0, 1), (1, 2)):  # x from the columns' profile, y from the rows'
            profile = white.max(axis=axis)
            size = profile.sum(axis=1)
            middle = (profile * (np.arange(profile.shape[1]) + 0.5)).sum(axis=1) / size
            reach = (0.5 + self.margin) * size
            heads[:, 2 + i] = (middle - reach) / profile.shape[1]
            heads[:, 4 + i] = (middle + reach) / profile.shape[1] - 1
        heads[:, 6:] = [0, 1, 0.5, 0.25, 0.75, 0.1, 0.2, 0.5, 1, 0.9][: self.columns - 6]
        return heads


def surveying(weights, **options):
    detector = Detector(weights, **options)
    detector.nets = MTCNN(Proposer(), Surveyor(6, margin=0.1), Surveyor(16, margin=0))
    return detector


@pytest.mark.parametrize(
    ("height", "width", "x", "y", "side", "options"),
    [
        (90, 120, 50, 23, 37, {}),
        (120, 90, 31, 60, 20, {"factor": 0.6}),
        (200, 151, 40, 30, 70, {}),
        (1200, 1600, 500, 300, 500, {"max_side": 150}),  # reduced for the search, and back
        (27, 900, 800, 6, 14, {}),  # the copy, 16x540, is not reduced alike in x and y
    ],
)
def test_a_planted_square_is_found_where_it_is(weights, height, width, x, y, side, options):
    photo = np.zeros((height, width, 1), np.uint8)
    photo[y : y + side, x : x + side] = 255
    found = surveying(weights, **options).detect(photo)
    assert len(found) == 1
    np.testing.assert_allclose(found.boxes, [[x, y, x + side, y + side]], atol=0.02 * side)
    points = [(0, 0.1), (1, 0.2), (0.5, 0.5), (0.25, 1), (0.75, 0.9)]  # five x, then five y
    seen, corner = 1.2 * side, np.array([x, y]) - 0.1 * side  # what the third net was shown
    np.testing.assert_allclose(
        found.landmarks[0], corner + seen * np.array(points), atol=0.02 * side
    )


def test_two_squares_are_two_faces(weights):
    photo = np.zeros((100, 160, 3), np.uint8)
    photo[20:50, 20:50] = photo[40:80, 90:130] = 255
    boxes = surveying(weights).detect(photo).boxes
    boxes = boxes[np.argsort(boxes[:, 0])]
    np.testing.assert_allclose(boxes, [[20, 20, 50, 50], [90, 40, 130, 80]], atol=0.8)


def test_a_photo_without_a_face_gives_empty_arrays(weights):
    found = surveying(weights).detect(np.zeros((100, 100, 3), np.uint8))
    assert len(found) == 0
    shapes = (found.boxes.shape, found.scores.shape, found.landmarks.shape)
    assert shapes == ((0, 4), (0,), (0, 5, 2))
    assert {a.dtype for a in vars(found).values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("second", "third"),
    [
        ((2, 0, 0, 0), (0, 0, 0, 0)),  # the left edge behind the right one
        ((0, 0, 0, -1), (0, 0, 0, 0)),  # no height
        ((0, 0, 0, 0), (2, 0, 0, 0)),
        ((0, 0, 0, 0), (90, 0, 90, 0)),  # off the photo
        ((90, 0, 90, 0), (0, 0, 0, 0)),
    ],
)
def test_a_box_that_a_net_moves_away_or_to_nothing_is_no_face(weights, second, third):
    photo = np.zeros((60, 60, 3), np.uint8)
    photo[20:40, 20:40] = 255
    detector = Detector(weights)
    stay = (0, 0, 0, 0)
    detector.nets = MTCNN(Proposer(), Constant(6, stay), Constant(16, stay))
    assert len(detector.detect(photo)) == 1
    detector.nets = MTCNN(Proposer(), Constant(6, second), Constant(16, third))
    assert len(detector.detect(photo)) == 0


@pytest.mark.parametrize(
    "size", [(0, 0), (0, 200), (1, 1), (11, 11), (1, 500), (500, 1), (19, 19), (3000, 8)]
)
def test_a_photo_too_small_for_a_face_gives_none(weights, size):
    assert len(Detector(weights, thresholds=(0, 0, 0)).detect(noise(*size, 3))) == 0


@pytest.mark.parametrize("size", [(20, 20), (21, 40), (64, 23)])
def test_random_nets_that_let_all_pass_keep_the_rules(weights, size):
    photo = noise(*size, 3)
    found = Detector(weights, thresholds=(0, 0, 0)).detect(photo)
    assert len(found) > 0
    assert (np.diff(found.scores) <= 0).all()
    assert ((found.scores > 0) & (found.scores <= 1)).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes[:, 2:] <= (size[1], size[0])).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert found.landmarks.shape == (len(found), 5, 2)


def test_a_face_within_a_face_is_one_face(weights, monkeypatch):
    detector = Detector(weights)
    detector.nets = MTCNN(Proposer(), None, Constant(16, (0, 0, 0, 0)))
    nested = np.array([[0, 0, 40, 40], [10, 10, 30, 30]], np.float32)
    monkeypatch.setattr(detector, "_refined", lambda copies, boxes: nested)
    np.testing.assert_array_equal(detector.detect(noise(60, 60, 3)).boxes, nested[:1])


def test_landmarks_are_the_median_over_the_boxes_of_their_face(weights, monkeypatch):
    # One face a row: its best box comes second, the third is another size, the last is unlikely.
    shifts, sides, scores = [0, 2, 4, 0, 0], [40, 40, 40, 20, 40], [5, 9, 4, 3, -9]
    places = [(x, y, side) for y in (0, 60) for x, side in zip(shifts, sides, strict=True)]
    squares = [[x, y, x + side, y + side] for x, y, side in places]
    heads = np.zeros((10, 16), np.float32)
    heads[:, 1] = scores * 2
    heads[:, 6:] = np.linspace(0, 0.9, 10)
    heads[0, 6:11] += 0.5  # one box sees all x far to the right
    detector = Detector(weights)
    monkeypatch.setattr(detector, "_refined", lambda *_: np.array(squares, np.float32))
    monkeypatch.setattr(module, "_seen_by", lambda *_: heads)
    found = detector.detect(noise(120, 60, 3))
    np.testing.assert_array_equal(found.boxes, [[2, 0, 42, 40], [2, 60, 42, 100]])
    x, y = np.linspace(0, 0.9, 10).reshape(2, 5) * 40
    np.testing.assert_allclose(found.landmarks[0], np.stack([x + 4, y], axis=1), atol=1e-4)
    np.testing.assert_allclose(found.landmarks[1], np.stack([x + 2, y + 60], axis=1), atol=1e-4)


def test_the_same_photo_gives_the_same_bits_whatever_the_threads(weights):
    detector, photo = Detector(weights, thresholds=(0, 0, 0)), noise(60, 80, 3)
    results = []
    for threads in (1, 2, 2):
        backend.set_threads(threads)
        results.append(detector.detect(photo))
    for other in results[1:]:
        for one, two in zip(vars(results[0]).values(), vars(other).values(), strict=True):
            np.testing.assert_array_equal(one, two)


def test_the_photo_is_left_alone_and_may_be_a_view(weights):
    detector, photo = Detector(weights, thresholds=(0, 0, 0)), noise(40, 80, 3)
    before, expected = photo.copy(), detector.detect(photo).boxes
    np.testing.assert_array_equal(photo, before)
    read_only = photo.copy()
    read_only.flags.writeable = False
    for view in (np.repeat(photo, 2, axis=1)[:, ::2], read_only):
        np.testing.assert_array_equal(detector.detect(view).boxes, expected)


def test_batches_change_nothing(weights, monkeypatch):
    detector, photo = Detector(weights, thresholds=(0, 0, 0)), noise(60, 80, 3)
    expected = detector.detect(photo)
    monkeypatch.setattr(module, "BATCH_PIXELS", 48 * 48 * 2)
    sizes = []
    monkeypatch.setattr(module, "to_input", lambda crops: (sizes.append(len(crops)), crops)[1])
    detector.detect(photo)
    assert max(sizes) <= 8
    monkeypatch.undo()
    monkeypatch.setattr(module, "BATCH_PIXELS", 48 * 48 * 2)
    found = detector.detect(photo)
    assert len(found) == len(expected) > 2
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)


def test_grey_is_three_equal_channels_and_colour_is_red_green_blue(weights, monkeypatch):
    detector, seen = Detector(weights, thresholds=(0, 0, 0)), []
    grey = noise(40, 50, 1)
    np.testing.assert_array_equal(
        detector.detect(grey).boxes, detector.detect(np.repeat(grey, 3, axis=2)).boxes
    )
    forward = detector.nets.pnet.forward
    monkeypatch.setattr(detector.nets.pnet, "forward", lambda x: (seen.append(x), forward(x))[1])
    photo = np.zeros((40, 40, 3), np.uint8)
    photo[..., 0], photo[..., 1] = 255, 128
    detector.detect(photo)
    np.testing.assert_allclose(seen[0][0, 5, 5], [127.5 / 128, 0.5 / 128, -127.5 / 128], atol=1e-5)


@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        ((250, 250), {}, [(150, 150), (106, 106), (75, 75), (53, 53), (38, 38), (27, 27)]),
        ((100, 40), {"min_size": 12}, [(100, 40), (71, 28), (50, 20), (36, 14)]),
        ((20, 20), {}, [(12, 12)]),
        ((19, 400), {}, []),
        ((30, 30), {"min_size": 10}, [(36, 36), (26, 26), (18, 18), (13, 13)]),
        ((6000, 9000), {"max_side": 60, "factor": 0.5}, [(40, 60), (20, 30)]),
    ],
)
def test_the_pyramid(size, options, expected):
    options = {"min_size": 20, "factor": 0.709, "max_side": 1280} | options
    sizes = pyramid(size, **options)
    assert sizes[: len(expected)] == expected
    assert all(min(level) >= 12 and max(level) <= options["max_side"] for level in sizes)
    if len(expected) < 6:
        assert len(sizes) == len(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_size": 0}, "min_size.*0"),
        ({"thresholds": (0.5, 0.6)}, r"three numbers.*\(0.5, 0.6\)"),
        ({"thresholds": (0.5, 0.6, 7)}, "three numbers.*7"),
        ({"factor": 1}, "factor.*1"),
        ({"max_side": 11}, "at least 12 pixels, got 11"),
    ],
)
def test_what_cannot_be_is_refused_with_its_value(weights, options, message):
    with pytest.raises(ValueError, match=message):
        Detector(weights, **options)


@pytest.mark.parametrize("photo", [np.zeros((5, 5)), np.zeros((5, 5, 4), np.uint8)])
def test_what_is_no_photo_is_refused(weights, photo):
    with pytest.raises(ValueError, match=r"uint8 photo of shape \(H, W, 1\).* got (float64|uint8)"):
        Detector(weights).detect(photo)


def test_a_missing_file_says_what_to_check(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"none\.safetensors: .* are not there: check the path"
    ):
        Detector(tmp_path / "none.safetensors")


@pytest.mark.extra
def test_the_trained_nets_find_the_hundred_faces_of_the_readmes_figure():
    need((ROOT / FILE).is_file(), f"no {FILE}: `minifacenet get mtcnn` makes it")
    found = Detector(ROOT / FILE).detect(read_photo(ROOT / "lessons" / "figures" / "strangers.jpg"))
    assert 97 <= (found.scores > 0.9).sum() <= 100
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    places = (found.landmarks - found.boxes[:, None, :2]) / sides[:, None]
    left_eye, right_eye, nose, left_mouth, right_mouth = np.median(places, axis=0)
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
