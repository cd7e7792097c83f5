"""Typical wrong answers to lesson 09, with words that the check should say."""

from exercises.answers_09 import convolution_row, missing_rows


def _changed(shape=None, parameters=None, cost=None):
    """The right row with one of its three parts computed in another way."""

    def wrong(height, width, channels, kernel, stride, pad, filters):
        out, p, m = convolution_row(height, width, channels, kernel, stride, pad, filters)
        values = dict(locals())
        return (
            shape(values) if shape else out,
            parameters(values) if parameters else p,
            cost(values) if cost else m,
        )

    return wrong


no_bias = _changed(parameters=lambda v: v["filters"] * v["kernel"] ** 2 * v["channels"])
one_channel = _changed(parameters=lambda v: v["filters"] * (v["kernel"] ** 2 + 1))
one_bias = _changed(parameters=lambda v: v["filters"] * v["kernel"] ** 2 * v["channels"] + 1)
input_pixels = _changed(cost=lambda v: v["height"] * v["width"] * v["p"])
one_pixel = _changed(cost=lambda v: v["p"])
exchanged = _changed(shape=lambda v: (v["out"][1], v["out"][0], v["filters"]))
halves = _changed(
    shape=lambda v: (
        (v["height"] + 2 * v["pad"] - v["kernel"]) / v["stride"] + 1,
        (v["width"] + 2 * v["pad"] - v["kernel"]) / v["stride"] + 1,
        v["filters"],
    )
)
rounded_up = _changed(
    shape=lambda v: (
        -(-(v["height"] + 2 * v["pad"] - v["kernel"]) // v["stride"]) + 1,
        -(-(v["width"] + 2 * v["pad"] - v["kernel"]) // v["stride"]) + 1,
        v["filters"],
    )
)


one_sided = _changed(
    shape=lambda v: (
        (v["height"] + v["pad"] - v["kernel"]) // v["stride"] + 1,
        (v["width"] + v["pad"] - v["kernel"]) // v["stride"] + 1,
        v["filters"],
    )
)


def shape_not_in_a_tuple(height, width, channels, kernel, stride, pad, filters):
    return height, width, filters


def shape_alone(height, width, channels, kernel, stride, pad, filters):
    return convolution_row(height, width, channels, kernel, stride, pad, filters)[1]


def _row(name, shape=None, parameters=None):
    def wrong():
        rows = missing_rows()
        old = rows[name]
        rows[name] = (shape or old[0], old[1] if parameters is None else parameters)
        return rows

    return wrong


def forgotten():
    rows = missing_rows()
    del rows["pool3"]
    return rows


def a_list():
    return list(missing_rows().values())


def numbers_alone():
    return {name: parameters for name, (_, parameters) in missing_rows().items()}


MISTAKES = {
    "09.1": {
        no_bias: "biases are missing",
        one_channel: "sees all channels",
        one_bias: "a bias of its own",
        input_pixels: "pixels of the input",
        one_pixel: "one pixel's",
        exchanged: "exchanged",
        halves: "divide with //",
        rounded_up: "hangs over",
        one_sided: "on both sides",
        shape_not_in_a_tuple: "a shape (height, width, filters)",
        shape_alone: "three things",
    },
    "09.2": {
        _row("fc1", parameters=4096 * 12_545): "two maps for each output",
        _row("fc1", parameters=2 * 4096 * 12_544): "two an output",
        _row("fc1", shape=(8192,)): "maxout keeps the larger",
        _row("fc7128", parameters=128 * 4096): "biases are missing",
        _row("conv4", parameters=256 * (9 * 256 + 1)): "384 channels",
        _row("conv4", shape=(12, 12, 256)): "expected (14, 14, 256)",
        _row("conv2", parameters=111_000): "not 140,025,664",
        _row("pool3", parameters=384 * 9): "a pool has none",
        forgotten: "'pool3' is missing",
        a_list: "return a dictionary",
        numbers_alone: "should be (output shape, parameters)",
    },
}
