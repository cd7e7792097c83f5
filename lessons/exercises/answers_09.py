"""Worked answers to lesson 09. The library's own sums are the layers' `multiply_adds`."""


def convolution_row(height, width, channels, kernel, stride, pad, filters):
    out_height = (height + 2 * pad - kernel) // stride + 1
    out_width = (width + 2 * pad - kernel) // stride + 1
    parameters = filters * (kernel * kernel * channels + 1)
    return (out_height, out_width, filters), parameters, out_height * out_width * parameters


def missing_rows():
    return {
        "conv2": ((55, 55, 192), 192 * (3 * 3 * 64 + 1)),
        "pool3": ((14, 14, 384), 0),
        "conv4": ((14, 14, 256), 256 * (3 * 3 * 384 + 1)),
        "fc1": ((4096,), 2 * 4096 * (7 * 7 * 256 + 1)),
        "fc7128": ((128,), 128 * (4096 + 1)),
    }
