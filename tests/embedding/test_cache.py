import subprocess
import sys

import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.embedding.cache import EmbeddingCache, embed_in_parts, face_key
from minifacenet.embedding.embedder import Embedder

DIM = 4


class Counting:
    """An embedder that keeps every face it was given; a vector tells its face and its model."""

    def __init__(self, digest="m1", preprocessing="alone", meanwhile=None):
        self.digest, self.preprocessing, self.meanwhile = digest, preprocessing, meanwhile
        self.seen = []

    def transform(self, X):
        self.seen += [face_key(face) for face in X]
        if self.meanwhile is not None:
            self.meanwhile()
        shift = len(self.digest) + len(self.preprocessing) + ord(self.digest[-1])
        flat = X[:, 0, :DIM, 0].astype(np.float32)
        return flat + np.float32(shift)


def faces(count=6, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 5, 5, 1), dtype=np.uint8)


def check(cache, X, new):
    """The right vectors, and `new` faces through the network."""
    before = len(cache.embedder.seen)
    out = cache.transform(X)
    assert len(cache.embedder.seen) - before == new
    np.testing.assert_array_equal(out, Counting(*identity(cache)).transform(X))
    assert (out.dtype, out.shape) == (np.float32, (len(X), DIM))


def identity(cache):
    return cache.embedder.digest, cache.embedder.preprocessing


def test_a_face_passes_the_network_once(tmp_path):
    X = faces()
    cache = EmbeddingCache(tmp_path / "new", Counting())
    check(cache, X[:4], new=4)
    check(cache, X, new=2)
    check(cache, X[::-1], new=0)
    check(EmbeddingCache(tmp_path / "new", Counting()), X[[3, 3, 1]], new=0)
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_what_a_killed_one_left_goes_though_all_faces_are_known(tmp_path):
    X, left = faces(), tmp_path / ".minifacenet-0123abcd.tmp"
    check(EmbeddingCache(tmp_path, Counting()), X, new=6)
    left.mkdir()
    check(EmbeddingCache(tmp_path, Counting()), X, new=0)
    assert not left.exists()


def test_an_interruption_costs_one_part(tmp_path):
    """Three parts of two faces, the second of which is broken off the first time."""
    X, told = faces(), []

    def interrupt():
        if len(cache.embedder.seen) == 4:
            raise KeyboardInterrupt

    cache = EmbeddingCache(tmp_path, Counting(meanwhile=interrupt))
    with pytest.raises(KeyboardInterrupt):
        embed_in_parts(cache, X, part=2)
    cache = EmbeddingCache(tmp_path, Counting())
    vectors = embed_in_parts(cache, X, lambda *numbers: told.append(numbers), part=2)
    assert len(cache.embedder.seen) == 4
    np.testing.assert_array_equal(vectors, Counting().transform(X))
    assert told == [(0, 6), (2, 6), (4, 6), (6, 6)]


def test_copies_within_one_call_pass_the_network_once_and_in_order(tmp_path):
    X = faces()
    cache = EmbeddingCache(tmp_path, Counting())
    check(cache, X[[0, 1, 0, 2, 1, 0]], new=3)
    assert cache.embedder.seen == [face_key(face) for face in X[:3]]
    check(cache, X[[2, 3, 0, 3]], new=1)


def test_equal_bytes_of_another_shape_are_another_face(tmp_path):
    X = faces().reshape(6, 1, 25, 1)
    cache = EmbeddingCache(tmp_path, Counting())
    check(cache, faces(), new=6)
    check(cache, X, new=6)
    assert face_key(faces()[0]) != face_key(X[0])


def test_photos_in_any_memory_order_are_the_same_faces(tmp_path):
    cache = EmbeddingCache(tmp_path, Counting())
    turned = np.rot90(faces(), axes=(1, 2))
    check(cache, turned, new=6)
    check(cache, turned.copy(), new=0)


def test_another_model_or_preparation_never_gives_an_old_vector(tmp_path):
    X = faces()
    for count, kind in enumerate((("m1", "alone"), ("m2", "alone"), ("m1", "both")), start=1):
        check(EmbeddingCache(tmp_path, Counting(*kind)), X, new=6)
        assert len(list(tmp_path.iterdir())) == count
    check(EmbeddingCache(tmp_path, Counting("m1", "alone")), X, new=0)
    cache = EmbeddingCache(tmp_path, Counting())
    cache.embedder.digest = "m3"  # a training went on
    check(cache, X, new=6)


def test_the_real_embedder_is_asked_again_after_a_change_of_one_weight_or_flip(tmp_path):
    model = FaceNet.new(Architecture(size=32, channels=1, dim=8))
    X = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    embedder = Embedder(model)
    cache = EmbeddingCache(tmp_path, embedder)
    first = cache.transform(X)
    np.testing.assert_array_equal(first, embedder.transform(X))
    np.testing.assert_array_equal(cache.transform(X), first)
    embedder.set_params(flip=True)
    np.testing.assert_array_equal(cache.transform(X), embedder.transform(X))
    embedder.set_params(flip=False)
    with model.network.parameters()["fc7128.bias"].edit() as bias:
        bias[0] += 1
    np.testing.assert_array_equal(cache.transform(X), embedder.transform(X))
    assert np.abs(cache.transform(X) - first).max() > 1e-3
    assert len(list(tmp_path.iterdir())) == 3


def test_no_photos_and_wrong_photos(tmp_path):
    cache = EmbeddingCache(tmp_path, Counting())
    check(cache, faces(0), new=0)
    cache.transform(faces())
    for X, message in ((faces().astype(np.int8), r"got int8 \(6, 5, 5, 1\)"),
                       (faces()[0], r"got uint8 \(5, 5, 1\)")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            cache.transform(X)
    with pytest.raises(ValueError, match="most must be at least 1 face, got 0"):
        EmbeddingCache(tmp_path, Counting(), most=0)


def test_it_is_bounded_and_the_oldest_go_first(tmp_path):
    X = faces(10)
    cache = EmbeddingCache(tmp_path, Counting(), most=4)
    check(cache, X[:3], new=3)
    check(cache, X[3:5], new=2)  # pushes out the first
    check(cache, X[1:5], new=0)
    check(cache, X[[0, 4]], new=1)
    check(cache, X, new=6)  # more than fit: all right, and the last four stay
    check(cache, X[6:], new=0)


def test_a_face_costs_544_bytes_at_128_dimensions(tmp_path):
    model = FaceNet.new(Architecture(size=32, channels=1))
    X = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 1), dtype=np.uint8)
    cache = EmbeddingCache(tmp_path, Embedder(model))
    sizes = []
    for count in (4, 8):
        cache.transform(X[:count])
        (file,) = tmp_path.iterdir()
        sizes.append(file.stat().st_size)
    assert abs(sizes[1] - sizes[0] - 4 * 544) <= 8  # the header may gain a digit


# -- Damage --------------------------------------------------------------------------------------


def filled(folder):
    cache = EmbeddingCache(folder, Counting())
    cache.transform(faces())
    (file,) = folder.iterdir()
    return file


def test_any_wrong_byte_and_any_cut_is_one_warning_and_the_right_vectors(tmp_path):
    file = filled(tmp_path)
    whole = file.read_bytes()
    damages = [whole[:length] for length in range(0, len(whole), 7)] + [whole + b"x"]
    for position in range(0, len(whole), 3):
        damages.append(bytearray(whole))
        damages[-1][position] ^= 0x10
    for damage in damages:
        file.write_bytes(damage)
        warnings = []
        check(EmbeddingCache(tmp_path, Counting(), warn=warnings.append), faces(), new=6)
        assert len(warnings) == 1
        assert str(file) in warnings[0]
        assert "embedded anew" in warnings[0]
        assert file.read_bytes() == whole  # replaced


def test_the_default_is_a_python_warning(tmp_path):
    filled(tmp_path).write_bytes(b"x" * 100)
    with pytest.warns(UserWarning, match="not a whole safetensors file.*embedded anew"):
        check(EmbeddingCache(tmp_path, Counting()), faces(), new=6)


def test_a_file_of_another_model_under_this_name_is_not_believed(tmp_path):
    file = filled(tmp_path / "a")
    other = EmbeddingCache(tmp_path / "b", Counting("m2"))
    other.transform(faces())
    (place,) = (tmp_path / "b").iterdir()
    place.write_bytes(file.read_bytes())
    with pytest.warns(UserWarning, match="damaged cache of embeddings"):
        check(EmbeddingCache(tmp_path / "b", Counting("m2")), faces(), new=6)


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path):
    (tmp_path / "file").write_text("no folder")
    warnings = []
    check(EmbeddingCache(tmp_path / "file", Counting(), warn=warnings.append), faces(), new=6)
    assert len(warnings) == 1
    assert "6 new embeddings are not kept" in warnings[0]


def test_vectors_that_are_not_finite_are_returned_and_not_kept(tmp_path):
    class Broken(Counting):
        def transform(self, X):
            return super().transform(X) * np.float32("nan")

    with pytest.warns(
        UserWarning, match="NaN or infinity in vectors: 6 new embeddings are not kept"
    ):
        assert np.isnan(EmbeddingCache(tmp_path, Broken()).transform(faces())).all()
    assert not list(tmp_path.iterdir())


# -- Two processes -------------------------------------------------------------------------------


def test_what_another_process_wrote_meanwhile_is_kept(tmp_path):
    X = faces()
    other = EmbeddingCache(tmp_path, Counting())
    mine = EmbeddingCache(tmp_path, Counting(meanwhile=lambda: other.transform(X[2:5])))
    check(mine, X[:3], new=3)
    check(EmbeddingCache(tmp_path, Counting()), X, new=1)


PROGRAM = """
import sys, warnings
warnings.simplefilter("error")
from tests.embedding.test_cache import Counting, EmbeddingCache, faces
cache = EmbeddingCache(sys.argv[1], Counting())
X = faces(60, seed=int(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
for end in range(1, 61):
    cache.transform(X[:end])
"""


@pytest.mark.slow
def test_two_processes_at_once_never_leave_a_damaged_file(tmp_path):
    # A file of some size, so that a write takes long enough for the other process to meet it.
    EmbeddingCache(tmp_path, Counting()).transform(faces(5000))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, tmp_path, str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for seed in (1, 2)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0  # a warning would have ended it
    assert len(list(tmp_path.iterdir())) == 1  # no temporary file either
    cache = EmbeddingCache(tmp_path, Counting())
    for seed, count in ((0, 5000), (1, 60), (2, 60)):
        np.testing.assert_array_equal(
            cache.transform(faces(count, seed)), Counting().transform(faces(count, seed))
        )
    assert len(cache.embedder.seen) < 60  # most were kept
