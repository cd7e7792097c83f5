import io
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from minifacenet.files.jpeg import write_jpeg

resource = pytest.importorskip("resource")

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@contextmanager
def no_file_beyond(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_a_part_is_an_error(tmp_path):
    whole = io.BytesIO()
    IMAGE.save(whole, "JPEG", quality=90)
    size = len(whole.getvalue())
    path = tmp_path / "a.jpg"
    with no_file_beyond(size - 72), pytest.raises(OSError, match=r"a\.jpg: cannot be written"):
        write_jpeg(path, IMAGE, 90)
    assert not path.exists()
    with no_file_beyond(size):
        write_jpeg(path, IMAGE, 90)
    assert path.read_bytes() == whole.getvalue()
