"""The reader of dlib's networks on made-up ones, which a few lines write here."""

import math
import struct

import numpy as np
import pytest

from minifacenet.data_scripts.dlib_weights import TAG_OR_SKIP, read_dlib
from tests.data_scripts.damage import (
    NAME,
    changed,
    cut_off_anywhere,
    read_or_refused,
    refused_in_little_memory,
)


def integer(value):
    """As dlib writes it: how many bytes, 128 more if negative, and the bytes."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size + 128 * (value < 0)]) + abs(value).to_bytes(size, "little")


def integers(*values):
    return b"".join(map(integer, values))


def real(value):
    mantissa, exponent = math.frexp(value)
    return integers(int(mantissa * 2**24), exponent - 24)


def letters(text):
    return integer(len(text)) + text.encode()


def tensor(array, shape=None, version=2):
    array = np.asarray(array, "<f4")
    shape = shape or (*array.shape, 1, 1, 1, 1)[:4]
    return integers(version, *shape) + array.tobytes()


def part(*shape):
    return integers(1, *shape)


EMPTY = tensor([], (0, 0, 0, 0))
RATES = real(1) + real(0.5) + real(1) + real(0)
INPUT = letters("input_rgb_image_sized") + real(122.75) + real(117) + real(-0.25) + integers(8, 9)
LOSS = letters("loss_metric_2") + real(0.03125) + real(0.625)


def convolution(outputs=2, inputs=3, side=1, weights=None):
    shape = (outputs, inputs, side, side)
    if weights is None:
        weights = np.arange(outputs * inputs * side**2 + outputs)
    window = integers(outputs, side, side, 1, 1, side // 2, side // 2)
    held = letters("con_4") + tensor(weights) + window
    return held + part(*shape) + part(1, outputs, 1, 1) + RATES


def affine(channels=2, start=10):
    held = letters("affine_") + tensor(np.arange(start, start + 2 * channels))
    return held + 2 * part(1, channels, 1, 1) + integer(0)


def dense(inputs=2, outputs=4):
    weights = tensor(np.arange(inputs * outputs).reshape(inputs, outputs))
    held = letters("fc_2") + integers(outputs, inputs) + weights
    return held + part(inputs, outputs, 1, 1) + part(0, 0, 0, 0) + integer(1) + RATES


def pool(kind, side=2):
    return letters(kind) + integers(side, side, 2, 2, 0, 0)


def network(layers, loss=LOSS, first=INPUT, end=b""):
    """A network of these contents, from the lowest; None is a tag or a skip."""
    versions = [2 if layer is not None else 1 for layer in layers]
    versions[0] = 3
    data = integer(1) + loss + integers(*reversed(versions)) + first
    for number, layer in enumerate(layers):
        if layer is not None:
            data += layer + b"110" + 3 * EMPTY + (integer(1) if number == 0 else b"")
    return data + end


SMALL = network(
    [convolution(), affine(), letters("relu_"), None, pool("max_pool_2"), letters("add_prev_"),
     pool("avg_pool_2", 0), dense()]
)  # fmt: skip


def test_layers_come_as_an_image_sees_them():
    layers = read_dlib(SMALL, NAME)
    assert [layer.kind for layer in layers] == [
        "input_rgb_image_sized", "con_4", "affine_", "relu_", TAG_OR_SKIP, "max_pool_2",
        "add_prev_", "avg_pool_2", "fc_2", "loss_metric_2",
    ]  # fmt: skip
    first, conv, norm = layers[:3]
    assert first.fields == {"red": 122.75, "green": 117.0, "blue": -0.25, "nr": 8, "nc": 9}
    np.testing.assert_array_equal(conv.fields["params"].ravel(), np.arange(8, dtype=np.float32))
    assert conv.fields["filters"] == (2, 3, 1, 1)
    assert conv.fields["weight_decay"] == 0.5
    np.testing.assert_array_equal(norm.fields["params"].ravel(), np.arange(10, 14))
    assert layers[5].fields == {
        "nr": 2, "nc": 2, "stride_y": 2, "stride_x": 2, "padding_y": 0, "padding_x": 0,
    }  # fmt: skip
    assert layers[-2].fields["params"].shape == (2, 4, 1, 1)
    assert layers[-1].fields == {"margin": 0.03125, "distance": 0.625}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (integers(0, 32000), math.inf),
        (integers(0, 32001), -math.inf),
        (integers(0, 32002), math.nan),
        (integers(0, 0), 0.0),
        (integers(-3, -1), -1.5),
        (integers(1, 40), 2.0**40),
        (bytes.fromhex("030ad7a3811c"), np.float32(0.04)),  # the margin in the real file
    ],
)
def test_floats(written, value):
    data = network([letters("relu_")], letters("loss_metric_2") + written + real(1))
    assert read_dlib(data, NAME)[-1].fields["margin"] == pytest.approx(value, rel=0, nan_ok=True)


def test_a_file_cut_off_anywhere_is_refused():
    cut_off_anywhere(read_dlib, SMALL)


def test_changed_bytes_are_read_or_refused():
    ends = {read_or_refused(read_dlib, data) for data in changed(SMALL, 4000)}
    assert ends == {"read", "refused"}


HUGE = 2**60


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"PK\x03\x04", r"byte 0: an integer of 80 bytes, expected 1 to 8"),
        (b"\x00", "byte 0: an integer of 0 bytes"),
        (b"\x09" + bytes(9), "an integer of 9 bytes"),
        (integer(2), "byte 0: the network has version 2, expected 1"),
        (
            integer(1) + letters("loss_\x1b"),
            r"byte 2: a layer 'loss_\\x1b', expected one of loss_m",
        ),
        (integer(1) + integer(HUGE), f"a text of {HUGE} bytes, but 0 are left"),
        (integer(1) + integer(-4), "a text of -4 bytes"),
        (integer(1) + integer(2) + b"\xff\xfe", "is no UTF-8"),
        (network([letters("relu_")], end=b"!"), "1 bytes after the last layer"),
        (network([letters("bn_con2")]), "a layer 'bn_con2', expected one of con_4, affine_"),
        (
            network([letters("relu_")], first=letters("input")),
            "a layer 'input', expected one of in",
        ),
        (integer(1) + LOSS + integers(4), "layer 0 from the top has version 4, expected 1, 2 or 3"),
        (integer(1) + LOSS + integers(*[2] * 10_001, 3), "at most 10000 times"),
        (integer(1) + letters("loss_metric_2") + integers(1, 31_000), r"1 \* 2\*\*31000 is out of"),
    ],
)
def test_what_is_refused(data, match):
    refused_in_little_memory(read_dlib, data, match)


@pytest.mark.parametrize(
    ("held", "match"),
    [
        (tensor([], (HUGE, 1, 1, 1)), rf"a tensor \({HUGE}, 1, 1, 1\) of {4 * HUGE} bytes, but"),
        (tensor([], (2**40, 2**40, 2**40, 2**40)), "a tensor .* bytes, but"),
        (tensor([], (-1, 1, 1, 1)), r"sizes \(-1, 1, 1, 1\)"),
        (tensor([], (-1, -1, 1, 1)), r"sizes \(-1, -1, 1, 1\)"),
        (tensor([1.0], version=1), "a tensor has version 1, expected 2"),
    ],
)
def test_tensors_that_are_refused(held, match):
    refused_in_little_memory(read_dlib, network([letters("affine_") + held]), match)


def test_a_tensor_without_numbers_may_have_any_sizes():
    held = letters("affine_") + tensor([], (2**62, 0, 2**62, 1)) + 2 * part(1, 1, 1, 1)
    assert read_dlib(network([held + integer(0)]), NAME)[1].fields["params"].size == 0


def test_a_flag_is_a_letter():
    data = network([letters("relu_")]).replace(b"110", b"1" + struct.pack("B", 2) + b"0")
    refused_in_little_memory(read_dlib, data, "a flag 2, expected 48 or 49")
