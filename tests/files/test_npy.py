"""Headers of .npy files are read by their form, and compared with the file's length."""

import io

import numpy as np
import pytest
from numpy.lib import format as npy_format

from minifacenet.files.npy import read_header


def saved(array, version=None):
    file = io.BytesIO()
    npy_format.write_array(file, array, version)
    return file.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3), np.float32), np.zeros(4, np.int8), np.array(1.5), np.zeros((0, 7)),
        np.zeros((2, 3, 1, 2), np.uint8), np.zeros((2, 3), ">i2"), np.zeros((3, 2)).T,
    ],
)  # fmt: skip
def test_what_numpy_has_written_is_read(array, version):
    data = saved(array, version)
    header = read_header(file := io.BytesIO(data))
    assert (header.dtype, header.shape) == (array.dtype, array.shape)
    assert header.fortran == (array.ndim > 1 and not array.flags.c_contiguous)
    assert file.tell() == header.offset == len(data) - array.nbytes


WHOLE = saved(np.zeros((2, 3), np.float32))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin"),
        (b"x" * 200, "does not begin"),
        (WHOLE[:6] + b"\x07" + WHOLE[7:], r"version \(7, 0\)"),
        (WHOLE[:-1], r"has 151 bytes, not 152 as its header means with <f4 and \(2, 3\)"),
        (WHOLE + b"x", "has 153 bytes, not 152"),
        (WHOLE.replace(b"(2, 3)", b"(1000000000, 128)"), "not 512000000128"),
        (WHOLE.replace(b"(2, 3)", b"(" + b"9" * 17 + b"," + b"9" * 17 + b")"), "not 3999"),
        (WHOLE.replace(b"(2, 3)", b"(" + b"1," * 40 + b")"), "its header is"),
        (WHOLE.replace(b"(2, 3)", b"(2, -3)"), "its header is"),
        (WHOLE.replace(b"(2, 3)", b"(" * 6), "its header is"),
        (WHOLE.replace(b"<f4", b"|O8"), "its header is|knows no type|bytes, not"),
        (WHOLE.replace(b"<f4", b"<q9"), "NumPy knows no type '<q9'"),
    ],
)
def test_what_no_array_follows_is_refused(data, message):
    with pytest.raises(ValueError, match=message) as error:
        read_header(io.BytesIO(data))
    assert len(str(error.value)) < 300
