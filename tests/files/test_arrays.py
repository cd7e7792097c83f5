"""What the header of a safetensors file claims is checked before memory is taken for it."""

import json

import numpy as np
import pytest

from minifacenet.files import arrays
from minifacenet.files.arrays import CheckpointError, check_layout, load_arrays, save_arrays


@pytest.mark.parametrize(
    "shape", [[2**63, 0], [0, 2**62, 2], [2**64 - 1, 0], [0, *[1] * 40], [1] * 65]
)
def test_a_shape_that_no_array_has_is_one_line(tmp_path, shape):
    content = b"\0" if 0 not in shape else b""
    about = {"dtype": "U8", "shape": shape, "data_offsets": [0, len(content)]}
    header = json.dumps({"__metadata__": {"minifacenet": "{}"}, "a": about}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + content)
    with pytest.raises(CheckpointError, match=r"a\.safetensors: damaged, a has the shape"):
        load_arrays(path)


def test_a_shape_of_many_sides_is_cut_short_in_a_message():
    needed, found = ({"a": (np.dtype("u1"), shape)} for shape in ((1,), (1,) * 999))
    with pytest.raises(CheckpointError, match="the network needs") as error:
        check_layout("m.safetensors", needed, found)
    assert len(str(error.value)) < 400


def test_a_full_disk_is_told_without_the_file_of_the_library(tmp_path, monkeypatch):
    def full(arrays, path, metadata):
        raise arrays_error(f'I/O error: No space left (os error 28) at path "{path.parent}/.tmpX"')

    arrays_error = arrays.SafetensorError
    monkeypatch.setattr(arrays, "save_file", full)
    with pytest.raises(OSError, match=r"No space left") as error:
        save_arrays(tmp_path / "a.safetensors", {"a": np.ones(3)}, {})
    assert str(error.value).startswith(f"{tmp_path / 'a.safetensors'}: cannot be written")
    assert ".tmp" not in str(error.value)
