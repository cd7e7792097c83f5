"""The positions of a sliding window: kernel, stride and padding, shared by convolution and pooling.

Along one axis of length n, a window of k pixels that starts p pixels before the image and moves s
at a time fits floor((n + p + p' - k) / s) + 1 times, p' being the padding after the image.

With `ceil_mode` the quotient is rounded up: one more window, which hangs over the far edge, sees
what floor leaves over there. It has to begin on the image, not after it. Caffe pools this way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

from .device.backend import element
from .device.cpu_target import cpu_function

Size = int | Sequence[int]  # for both axes, or (vertical, horizontal)
Pad = Size | Sequence[Sequence[int]]


@dataclass(frozen=True)
class Window:
    """A window over (H, W). Each value is an int for both axes, or a pair (vertical, horizontal).

    `pad` is the same before and after; a pair of pairs ((top, bottom), (left, right)) sets them
    apart (TensorFlow's SAME padding of an even overhang puts the odd pixel after the image).
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[tuple[int, int], tuple[int, int]]
    ceil_mode: bool = False

    @classmethod
    def of(cls, kernel: Size, stride: Size = 1, pad: Pad = 0, ceil_mode: bool = False) -> Window:
        """Make a window from a layer's arguments; ValueError if one is malformed or too small."""
        kernel, stride = _pair("kernel", kernel, 1), _pair("stride", stride, 1)
        pad = tuple(pad) if isinstance(pad, list | tuple) else (pad, pad)
        if len(pad) != 2:
            raise ValueError(f"pad must be an int, a pair or a pair of pairs, got {pad!r}")
        return cls(kernel, stride, (_pair("pad", pad[0], 0), _pair("pad", pad[1], 0)), ceil_mode)

    def __str__(self) -> str:
        """Write kernel, stride and any padding, as in `3x3/2, pad 1`."""
        strides, pads = {*self.stride}, {*self.pad[0], *self.pad[1]}
        text = f"{_by(self.kernel)}/{_by(strides if len(strides) == 1 else self.stride)}"
        if any(pads):
            text += f", pad {pads.pop() if len(pads) == 1 else self.pad}"
        return text + (", ceil_mode" if self.ceil_mode else "")

    def geometry(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Return kernel, stride and (top, left), where the first window starts, for a kernel."""
        (top, _), (left, _) = self.pad
        return self.kernel, self.stride, (top, left)

    def check_pad(self) -> None:
        """Raise ValueError if a window may lie in the padding alone, where it sees nothing."""
        if any(max(pad) >= kernel for pad, kernel in zip(self.pad, self.kernel, strict=True)):
            raise ValueError(
                f"a window may not lie in the padding alone: kernel {self.kernel}, pad {self.pad}"
            )

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return how often the window fits. ValueError if it does not fit at all."""
        sizes = []
        for n, k, s, (before, after) in zip(
            (height, width), self.kernel, self.stride, self.pad, strict=True
        ):
            room = n + before + after - k
            size = room // s + 1
            if self.ceil_mode and room % s and size * s < n + before:
                size += 1
            if n < 1 or size < 1:
                raise ValueError(
                    f"a {self.kernel} window with pad {self.pad} does not fit an image of "
                    f"{height}x{width}: use a larger input, a smaller kernel or more padding"
                )
            sizes.append(size)
        return sizes[0], sizes[1]

    def seen(self, p: int, q: int) -> tuple[slice, slice]:
        """Return the rows and columns of the image that the window of output (p, q) covers."""
        (kh, kw), (sh, sw), (top, left) = self.geometry()
        y, x = p * sh - top, q * sw - left
        return slice(max(0, y), y + kh), slice(max(0, x), x + kw)


def _by(numbers) -> str:
    return "x".join(map(str, numbers))


def _pair(what: str, value, least: int) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, Integral) and int(v) >= least for v in pair):
        raise ValueError(f"{what} must be an int or a pair of ints >= {least}, got {value!r}")
    return int(pair[0]), int(pair[1])


# -- For kernels, along one axis -----------------------------------------------------------------


def _taps_inside(window, kernel, stride, before, size):
    """Return the first tap of a window on the image, and the one after the last."""
    start = before - window * stride
    return max(0, start), min(kernel, size + start)


def _windows_over(position, kernel, stride, before, windows):
    """Return the first window that sees a pixel, and the one after the last."""
    end = position + before
    return max(0, -((kernel - 1 - end) // stride)), min(windows, end // stride + 1)


taps_inside_cpu, taps_inside_cuda = element(_taps_inside)
windows_over_cpu = cpu_function(_windows_over)
