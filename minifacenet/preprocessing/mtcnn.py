"""MTCNN: three small networks that find a face, each more careful than the one before.

P-Net ("proposal") looks at 12x12 pixels, R-Net ("refine") at 24x24, O-Net ("output") at 48x48. All
three answer the same questions about the square they see:

    face        two numbers; their softmax is the probability of no face, and of a face
    box         how far the square's four edges (left, top, right, bottom) are off the face's,
                in units of its side
    landmarks   O-Net only: x of left eye, right eye, nose, left and right mouth corner, then the
                five y, in the square, from 0 to 1

P-Net has no fully connected layer, so it runs over a whole image at once: its output at (p, q) is
what it says about the 12x12 pixels that begin at (2 p, 2 q). It is cheap and asked everywhere, in
an image of any size; R-Net and O-Net are asked only about what the one before accepted.

The input is RGB, (pixel - 127.5) / 128. The convolutions use no padding. The pools round their size
up, as in Caffe, in which the nets were trained. The answers are columns of one last layer, "heads".

K. Zhang, Z. Zhang, Z. Li, Y. Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks", IEEE Signal Processing Letters 2016; arXiv:1604.02878.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from ..files.arrays import (
    CheckpointError,
    arrays_digest,
    check_layout,
    fill,
    layout_of,
    load_arrays,
)
from ..files.words import shortened
from ..machine.places import FOLDER, where
from ..nn.conv import Conv2D
from ..nn.layer import Sequential
from ..nn.linear import Linear
from ..nn.maxpool import MaxPool
from ..nn.prelu import PReLU

FILE = FOLDER / "mtcnn.safetensors"  # a project's; see `where` for the others
FORMAT = "MTCNN 1"
DIGEST = "2789ca86f0a0e1e4"  # of the published weights, as `arrays_digest` gives it
PNET_SIZE, RNET_SIZE, ONET_SIZE = 12, 24, 48  # pixels per side that each of the nets sees
STRIDE = 2  # pixels between two neighbouring outputs of P-Net
BOX, LANDMARKS = slice(2, 6), slice(6, 16)  # columns of the heads; 0 and 1 are no face, face


@dataclass(frozen=True)
class MTCNN:
    """The three networks. NHWC float32 goes in, heads come out: see the columns above.

    Attributes
    ----------
    pnet : (N, H, W, 3) with H, W >= 12 -> (N, ceil((H - 2) / 2) - 4, ceil((W - 2) / 2) - 4, 6)
    rnet : (N, 24, 24, 3) -> (N, 6)
    onet : (N, 48, 48, 3) -> (N, 16)
    """

    pnet: Sequential
    rnet: Sequential
    onet: Sequential

    @classmethod
    def new(cls, rng: np.random.Generator | None) -> MTCNN:
        """Return untrained networks with random weights, or zeros without an `rng`."""
        return cls(
            pnet=Sequential(
                *_stage("1", 3, 10, 3, rng, pool=2),
                *_stage("2", 10, 16, 3, rng),
                *_stage("3", 16, 32, 3, rng),
                ("heads", Conv2D(32, 6, 1, rng)),
            ),
            rnet=Sequential(
                *_stage("1", 3, 28, 3, rng, pool=3),
                *_stage("2", 28, 48, 3, rng, pool=3),
                *_stage("3", 48, 64, 2, rng),
                ("fc", Linear(3 * 3 * 64, 128, rng)),
                ("fc.prelu", PReLU(128)),
                ("heads", Linear(128, 6, rng)),
            ),
            onet=Sequential(
                *_stage("1", 3, 32, 3, rng, pool=3),
                *_stage("2", 32, 64, 3, rng, pool=3),
                *_stage("3", 64, 64, 3, rng, pool=2),
                *_stage("4", 64, 128, 2, rng),
                ("fc", Linear(3 * 3 * 128, 256, rng)),
                ("fc.prelu", PReLU(256)),
                ("heads", Linear(256, 16, rng)),
            ),
        )

    @classmethod
    def load(cls, path: str | os.PathLike | None = None) -> MTCNN:
        """Load the trained networks from the file that `minifacenet get mtcnn` writes.

        Without a path it is looked for where `places.where` says.

        Raises
        ------
        CheckpointError
            The file is missing, damaged or of another kind, or holds arrays that do not fit or
            other weights than the published ones: such nets find no faces, with no other sign.
        """
        given, path = path is not None, Path(path or default_file()).absolute()
        if path.is_dir():
            raise CheckpointError(f"{path} is a folder, not a file with weights of the detector")
        if not path.is_file():
            instead = (
                "check the path, or leave it out for the weights in their usual place"
                if given
                else "run `minifacenet get mtcnn`"
            )
            raise CheckpointError(
                f"{path}: the weights of the face detector are not there: {instead}"
            )
        arrays, metadata = load_arrays(path)
        if metadata.get("format") != FORMAT:
            raise CheckpointError(
                f"{path}: format {shortened(metadata.get('format'))}, expected {FORMAT!r}: these "
                "are no weights that `minifacenet get mtcnn` wrote"
            )
        nets = cls.new(None)
        parameters = nets.parameters()
        needed = layout_of({name: parameter.data for name, parameter in parameters.items()})
        check_layout(path, needed, layout_of(arrays))
        if (found := arrays_digest(arrays)) != DIGEST:
            raise CheckpointError(
                f"{path}: not the published weights of MTCNN (digest {found}, expected {DIGEST}): "
                "remove the file, and run `minifacenet get mtcnn`"
            )
        fill(path, parameters, arrays)
        return nets

    def parameters(self) -> dict:
        """Return the parameters of all three, by name: 'pnet.conv1.weight', ..."""
        return {
            f"{net}.{name}": parameter
            for net, layers in vars(self).items()
            for name, parameter in layers.parameters().items()
        }


def default_file() -> Path:
    """Return where the weights are if no path is given, or where they should be."""
    return where(FILE.name)


def _stage(number: str, channels, filters, kernel, rng, pool: int = 0):
    """Return convolution, PReLU and, unless `pool` is 0, a max pool of that size, stride 2."""
    yield f"conv{number}", Conv2D(channels, filters, kernel, rng)
    yield f"conv{number}.prelu", PReLU(filters)
    if pool:
        yield f"pool{number}", MaxPool(pool, 2, ceil_mode=True)


def face_probability(heads: np.ndarray) -> np.ndarray:
    """Return the second value of the softmax of the face columns: (..., columns) -> (...).

    e^b / (e^a + e^b) = 1 / (1 + e^(a - b)), the logistic function of b - a, which cannot overflow.
    """
    return expit(heads[..., 1] - heads[..., 0])


def to_input(pixels: np.ndarray) -> np.ndarray:
    """Scale float32 pixels 0..255, in place, to what the nets were trained on."""
    pixels -= np.float32(127.5)
    pixels /= np.float32(128)
    return pixels
