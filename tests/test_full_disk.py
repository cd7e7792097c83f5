"""Every message of a file that cannot be written whole names the file, not a hidden one."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from minifacenet.classification.pair_lists import Pairs, write_pairs
from minifacenet.embedding.cache import EmbeddingCache
from minifacenet.embedding.store import Embeddings
from minifacenet.files.arrays import save_arrays
from minifacenet.files.atomic import replacing, write_csv, write_json
from minifacenet.plots.style import save

resource = pytest.importorskip("resource", reason="Windows has no limits of files")
RNG = np.random.default_rng(0)
VECTORS = np.eye(200, dtype=np.float32)
NAMES = tuple(f"{i}.png" for i in range(200))


@pytest.fixture
def full():
    """No file grows beyond 2,000 bytes, as on a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def picture(path):
    with replacing(path) as temporary:
        Image.fromarray(RNG.integers(0, 256, (99, 99), np.uint8)).save(temporary, "PNG")


def figure(path):
    save(Figure().add_subplot(), path)


WRITERS = {
    "model.safetensors": lambda path: save_arrays(path, {"a": VECTORS}, {}),
    "vectors.npy": lambda path: Embeddings(VECTORS, NAMES, NAMES, "m", "p").save(path),
    "short.npy": lambda path: Embeddings(VECTORS[:, :3], NAMES, NAMES, "m", "p").save(path),
    "pairs.txt": lambda path: write_pairs(
        path, Pairs(NAMES, NAMES[1:] + NAMES[:1], (True,) * 200, (1,) * 200)
    ),
    "metrics.json": lambda path: write_json(path, list(range(999))),
    "log.csv": lambda path: write_csv(path, ["a"], [[i] for i in range(999)]),
    "crop.png": picture,
    "roc.png": figure,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_file_is_named_and_the_old_one_stays(tmp_path, full, name):
    path = tmp_path / name
    path.write_text("old")
    with pytest.raises(
        OSError, match=rf"^{re.escape(str(path))}: cannot be written \(.+\)$"
    ) as error:
        WRITERS[name](path)
    assert ".minifacenet" not in str(error.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


class Embedder:
    digest, preprocessing = "m", "p"

    def transform(self, X):
        return np.zeros((len(X), 999), np.float32)


def test_a_cache_warns_of_its_file(tmp_path, full):
    warnings = []
    cache = EmbeddingCache(tmp_path, Embedder(), warn=warnings.append)
    assert cache.transform(np.zeros((1, 2, 2, 1), np.uint8)).shape == (1, 999)
    (warning,) = warnings
    assert re.search(r"/embeddings-.{16}\.safetensors: cannot be written \(.+\): 1 new", warning)


def test_a_cache_that_cannot_be_written_warns_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    done = []

    class Late(Embedder):
        def transform(self, X):
            done.append("embedded")
            return super().transform(X)

    cache = EmbeddingCache(tmp_path / "file", Late(), warn=done.append)
    cache.transform(np.zeros((1, 2, 2, 1), np.uint8))
    assert "cannot be written" in done[0]
    assert done[1:] == ["embedded"]
