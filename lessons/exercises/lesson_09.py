"""Lesson 09: the rows of Table 1."""

import numpy as np

from minifacenet.nn.window import Window

from .core import Wrong, exercise

TOTAL = 140_025_664  # the paper's 140M


def _whole(name, value):
    """`value` as an int, or Wrong."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer | float | np.floating):
        raise Wrong(f"{name} is a whole number, yours is {value!r}")
    if value != int(value):
        raise Wrong(f"{name} is a whole number, yours is {value}: divide with //")
    return int(value)


def _shape(name, value):
    """`value` as a tuple of int, or Wrong."""
    values = np.ravel(np.asarray(value, dtype=object)).tolist()
    return tuple(_whole(f"each number of the shape of {name}", v) for v in values)


@exercise(
    "09.1",
    hints=(
        "Which two things does a row need to know of the row before it?",
        "The size is (n + 2 * pad - kernel) // stride + 1, for height and width, as in lesson 01.",
        "A filter has kernel * kernel * channels weights and a bias, and each output pixel uses "
        "all parameters once.",
    ),
    answer="exercises.answers_09.convolution_row",
)
def convolution_row(answer):
    for arguments in ((220, 220, 3, 7, 2, 3, 64), (9, 14, 5, 3, 2, 1, 4), (6, 7, 8, 1, 1, 0, 3)):
        height, width, channels, kernel, stride, pad, filters = arguments
        got = answer(*arguments)
        if not isinstance(got, tuple | list) or len(got) != 3:
            raise Wrong(f"return three things: the output's shape, parameters, cost; not {got!r}")
        where = f"for {height}x{width}x{channels}, kernel {kernel}, stride {stride}, pad {pad}, "
        where += f"{filters} filters"
        h, w = Window.of(kernel, stride, pad).output_size(height, width)
        shape = _shape("the output", got[0])
        if len(shape) != 3:
            raise Wrong(f"the first of the three is a shape (height, width, filters), not {got[0]}")
        one_side = tuple((n + pad - kernel) // stride + 1 for n in (height, width))
        if pad and shape == (*one_side, filters):
            raise Wrong(f"the output is {shape} {where}: the padding is on both sides, n + 2 * pad")
        if shape == (w, h, filters) and h != w:
            raise Wrong(f"height and width are exchanged in the output {where}")
        up = tuple(-(-(n + 2 * pad - kernel) // stride) + 1 for n in (height, width))
        if shape == (*up, filters) != (h, w, filters):
            raise Wrong(f"the output is {shape} {where}: a window that hangs over does not count")
        if shape != (h, w, filters):
            raise Wrong(f"the output is {shape} {where}; expected {(h, w, filters)}")
        right = filters * (kernel * kernel * channels + 1)
        typical = {
            filters * kernel * kernel * channels: "the biases are missing, one a filter",
            filters
            * (kernel * kernel + 1): "a filter sees all channels: kernel x kernel x channels",
            filters * kernel * kernel * channels + 1: "each filter has a bias of its own",
            filters * (kernel * kernel + 1) * channels: "a filter has one bias, not one a channel",
        }
        _number("the number of parameters", got[1], right, typical, where)
        typical = {
            height
            * width
            * right: "that counts the pixels of the input: count those of the output",
            right: "that is one pixel's: the output has more",
            h
            * w
            * filters
            * right: "each filter's parameters are used once a pixel, not by all filters",
            h * w * filters * kernel * kernel * channels: "adding the bias counts, too",
        }
        _number("the number of multiply-adds", got[2], h * w * right, typical, where)
    return "Also where the image is not square."


def _number(name, got, right, typical, where):
    got = _whole(name, got)
    if got != right:
        why = f": {typical[got]}" if got in typical else f"; expected {right:,}"
        raise Wrong(f"{name} is {got:,} {where}{why}")


@exercise(
    "09.2",
    hints=(
        "What does each missing row see, and what must come out for the next one?",
        "A stride of 1 with a padding of k // 2 keeps the size. A pool has no parameters.",
        "fc1 sees 7 * 7 * 256 numbers, and each of its 4,096 outputs has two maps, with a bias "
        "each.",
    ),
    answer="exercises.answers_09.missing_rows",
)
def missing_rows(answer):
    got = answer()
    if not isinstance(got, dict):
        raise Wrong(f"return a dictionary from names to (output shape, parameters), not {got!r}")
    shapes = {
        "conv2": (55, 55, 192),
        "pool3": (14, 14, 384),
        "conv4": (14, 14, 256),
        "fc1": (4096,),
        "fc7128": (128,),
    }
    typical = {
        ("conv2", 192 * 9 * 64): "the biases are missing",
        ("conv2", 192 * (9 * 192 + 1)): "its input has 64 channels, those of conv2a",
        ("conv4", 256 * 9 * 384): "the biases are missing",
        ("conv4", 256 * (9 * 256 + 1)): "its input has 384 channels, those of conv4a",
        ("fc1", 4096 * (12_544 + 1)): "maxout p=2 takes two maps for each output",
        ("fc1", 2 * 4096 * 12_544): "the biases are missing, two an output",
        ("fc1", 2 * 4096 * 12_544 + 4096): "each of the two maps has its own biases",
        ("fc1", 2 * 4096 * (256 + 1)): "it sees all 7x7 places, 12,544 numbers",
        ("fc7128", 128 * 4096): "the biases are missing",
        ("fc7128", 2 * 128 * 4097): "it has no maxout: one map",
        ("fc7128", 128 * 8193): "it sees 4,096 numbers, what maxout has left of fc2",
    }
    right = {
        "conv2": 192 * (9 * 64 + 1),
        "pool3": 0,
        "conv4": 256 * (9 * 384 + 1),
        "fc1": 2 * 4096 * (12_544 + 1),
        "fc7128": 128 * 4097,
    }
    for name, shape in shapes.items():
        if name not in got:
            raise Wrong(f"the row {name!r} is missing")
        row = got[name]
        if not isinstance(row, tuple | list) or len(row) != 2:
            raise Wrong(f"{name} should be (output shape, parameters), yours is {row!r}")
        own = _shape(name, row[0])
        if name == "fc1" and own == (8192,):
            raise Wrong("fc1 puts out 4,096: maxout keeps the larger of each two of its 8,192")
        if own != shape:
            raise Wrong(f"the output of {name} is {own} in yours, expected {shape}")
        count = _whole(f"the number of parameters of {name}", row[1])
        if count != right[name]:
            why = typical.get((name, count), "a pool has none" if name == "pool3" else "")
            total = TOTAL - right[name] + count
            raise Wrong(
                f"{name} has {count:,} parameters in yours"
                + (f": {why}" if why else f", and the total would be {total:,}, not {TOTAL:,}")
            )
    return f"With the rows that were there, {TOTAL - sum(right.values()):,}, that makes {TOTAL:,}."
