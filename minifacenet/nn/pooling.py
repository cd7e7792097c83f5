"""The common part of poolings: a window that slides over each channel, a CUDA thread's walk.

On CUDA arrays are flat, sizes are (H, W, C) and grids (H', W'). A thread walks along one channel of
a row: of outputs in a forward, which it computes one after another, of inputs in a backward, where
each pixel asks the windows that see it: no atomics, one order of summation. The threads of a block
have neighbouring channels, as memory likes it, and divide once per row, never per pixel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .device.backend import CUDA_THREADS, Array, blocks, empty
from .device.cuda_target import CudaFunction, cuda, cuda_function, divide
from .layer import Layer
from .window import Pad, Size, Window


class Pooling(Layer):
    """The base of the layers that make one value of each window, channel by channel.

    Parameters
    ----------
    kernel, stride, pad : int or pair
        See `Window.of`; a window may not lie in the padding alone.
    ceil_mode : bool
        Rounds the output's size up, as Caffe does: no pixel at the far edge is left out.

    Raises
    ------
    ValueError
        A window could lie in the padding alone, or does not fit an image.
    """

    window: Window

    def __init__(self, kernel: Size, stride: Size, pad: Pad = 0, ceil_mode: bool = False):
        self.window = Window.of(kernel, stride, pad, ceil_mode)
        self.window.check_pad()

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*self.window.output_size(*shape[:2]), shape[2])

    def _accept_images(self, x: Array) -> tuple[Array, Array]:
        """Return the input as a kernel takes it, and memory for the output."""
        x = self._accept(x, "N", "H", "W", "C")
        return x, empty((x.shape[0], *self.output_shape(x.shape[1:])), like=x)


# -- For CUDA kernels ----------------------------------------------------------------------------


def along_outputs(grid: CudaFunction) -> Callable:
    """Return the CUDA side of a forward `(x, ..., out)`; arrays in between have `out`'s shape.

    The kernel gets all arrays flat and, after them, x's (H, W, C) and the output's (H', W').
    """

    def launch(x, *rest):
        _launch(grid, (x, *rest), walked=rest[-1], images=x, outputs=rest[-1])

    return launch


def along_inputs(grid: CudaFunction) -> Callable:
    """Return the CUDA side of a backward `(dout, ..., dx)` in the same way."""

    def launch(dout, *rest):
        _launch(grid, (dout, *rest), walked=rest[-1], images=rest[-1], outputs=dout)

    return launch


def _launch(grid, arguments, walked, images, outputs) -> None:
    flat = (a.reshape(a.size) if getattr(a, "ndim", 0) else a for a in arguments)
    n, height, _, channels = walked.shape
    grid[blocks(n * height * channels), CUDA_THREADS](
        *flat, tuple(images.shape[1:]), tuple(outputs.shape[1:3])
    )


@cuda_function
def walk(height, channels):
    """Return where this thread walks: its row of all images' rows, image, y and channel."""
    row = divide(cuda.grid(1), channels)
    image = divide(row, height)
    return row, image, row - image * height, cuda.grid(1) - row * channels


@cuda_function
def next_tap(at, number, row_end, across, columns, width, channels):
    """Go from tap `number` of a window, on the pixel at `at`, to the next one on the image.

    Of each row of `columns` taps, `across` are on it; the next row begins after `row_end`.
    """
    at, number = np.uint32(at + channels), np.int32(number + 1)
    if number == row_end:  # on to the first tap of the next row
        at = np.uint32(at + (width - across) * channels)
        number, row_end = np.int32(number + columns - across), np.int32(row_end + columns)
    return at, number, row_end


@cuda_function
def last_window(end, stride):
    """Return the last window that begins at or before a pixel at `end`, and its tap there.

    The window before that one sees the pixel `stride` taps later, and so on.
    """
    number = divide(end, stride)
    return number, end - number * stride


@cuda_function
def next_window(i, p, j, q, j_first, q_last, stride, columns):
    """Go from window (p, q), which sees a pixel at tap (i, j), to the one before that may."""
    down, across = stride
    j, q = j + across, q - 1
    if j >= columns or q < 0:  # on to the last window of the row above
        i, p, j, q = i + down, p - 1, j_first, q_last
    return i, p, j, q
