import numpy as np
import pytest

from minifacenet.nn.affine import Affine
from minifacenet.nn.avgpool import AvgPool
from minifacenet.nn.concat import Concat
from minifacenet.nn.conv import Conv2D
from minifacenet.nn.l2norm import L2Norm
from minifacenet.nn.l2pool import L2Pool
from minifacenet.nn.layer import Parameter, Sequential
from minifacenet.nn.linear import Linear
from minifacenet.nn.lrn import LRN
from minifacenet.nn.maxout import Maxout
from minifacenet.nn.maxpool import MaxPool
from minifacenet.nn.optim import SGD, AdaGrad, Adam
from minifacenet.nn.prelu import PReLU
from minifacenet.nn.relu import ReLU
from minifacenet.nn.residual import Residual
from minifacenet.speed.sides import BOTH, FORWARD, Part
from minifacenet.speed.traffic import least_bytes, update_bytes

RNG = np.random.default_rng(0)


def part(shape, *layers):
    network = Sequential(*((f"row.{i}" if i else "row", layer) for i, layer in enumerate(layers)))
    return Part(network.table(shape)[0], network)


# By hand, for two images. Per number: 4 bytes; per winner: 1.
@pytest.mark.parametrize(
    ("shape", "layers", "forward", "backward"),
    [
        # 32 numbers in and out; dout, y, dx
        ((4, 4, 1), (ReLU(),), 4 * (32 + 32), 4 * 3 * 32),
        # as lrn.py says: 8 bytes an element, then 12
        ((2, 2, 5), (LRN(),), 8 * 40, 12 * 40),
        # as maxpool.py says, 3x3/2: 4 inputs and 5 bytes an output; 4 an input and 5 an output
        ((8, 8, 1), (MaxPool(3, 2, 1),), (16 + 5) * 32, (16 + 5) * 32),
        # as l2pool.py says, 3x3/2: 4 inputs and an output; two numbers an input and two an output
        ((8, 8, 1), (L2Pool(3, 2, 1),), 4 * (128 + 32), 4 * (2 * 128 + 2 * 32)),
        # as avgpool.py says: the same; one number per input, one per output
        ((8, 8, 1), (AvgPool(3, 2, 1),), 4 * (128 + 32), 4 * (128 + 32)),
        # 8 slopes, read twice; their gradients, read and written
        ((2, 2, 8), (PReLU(8),), 4 * (2 * 64 + 8), 4 * (3 * 64 + 3 * 8)),
        # two ReLUs of 16 numbers, copied; then 32 come back, and two dx of 16 are added to zeros
        (
            (8,),
            (Concat(("a", ReLU()), ("b", ReLU())),),
            4 * (2 * 32 + 2 * 32),
            4 * (2 * 48 + 2 * 32 + 7 * 16),
        ),
        # 32 numbers and, pooled, 8 are copied into 64; 40 come back
        (
            (4, 4, 1),
            (Concat(("a", ReLU()), ("b", AvgPool(2, 2)), pad=True),),
            4 * (64 + 40 + 40 + 64),
            4 * (96 + 40 + 2 * 40 + 7 * 32),
        ),
        # 2 x 8 numbers, gamma and beta; back, gamma, and both gradients, read and written
        ((2, 2, 2), (Affine(2),), 4 * (2 * 16 + 4), 4 * (3 * 16 + 2 + 2 * 4)),
        # a ReLU of 32 numbers; x + y; dout is handed on as it is, two dx are summed
        ((4, 4, 1), (Residual(ReLU()),), 4 * (64 + 96), 4 * (96 + 96)),
        # the same with a factor: a scaled copy goes to the body
        ((4, 4, 1), (Residual(ReLU(), scale=0.5),), 4 * (64 + 96), 4 * (96 + 64 + 96)),
        # 8 pooled numbers are added to 32; the body's 8 are copied
        (
            (4, 4, 1),
            (Residual(AvgPool(2, 2)),),
            4 * (40 + 32 + 8 + 32),
            4 * (40 + 2 * 8 + 96),
        ),
        # as maxout.py says: 8 + 5 bytes an output, and the same back
        ((6,), (Maxout(2),), 13 * 6, 13 * 6),
        # 8 and 12 bytes an element, and a length a row both times
        ((3,), (L2Norm(),), 8 * 6 + 8, 12 * 6 + 8),
        ((7, 7, 4), (Concat(),), 0, 0),
        # x 2x6, W 6x4, b 4, y 2x4; back: dout, x, W, dW and db twice, dx
        ((6,), (Linear(6, 4, RNG),), 4 * (12 + 24 + 4 + 8), 4 * (8 + 12 + 24 + 2 * 28 + 12)),
        # the same without b
        (
            (6,),
            (Linear(6, 4, RNG, bias=False),),
            4 * (12 + 24 + 8),
            4 * (8 + 12 + 24 + 2 * 24 + 12),
        ),
        # x 2x4x4x1, w 3x3x1x2, b 2, y 2x4x4x2
        (
            (4, 4, 1),
            (Conv2D(1, 2, 3, RNG, pad=1),),
            4 * (32 + 18 + 2 + 64),
            4 * (64 + 32 + 18 + 2 * 20 + 32),
        ),
        # the same without b
        (
            (4, 4, 1),
            (Conv2D(1, 2, 3, RNG, pad=1, bias=False),),
            4 * (32 + 18 + 64),
            4 * (64 + 32 + 18 + 2 * 18 + 32),
        ),
        # a first layer reads no weights in its backward and writes no dx; then a ReLU on 64
        (
            (4, 4, 1),
            (Conv2D(1, 2, 3, RNG, pad=1, input_gradient=False), ReLU()),
            4 * (32 + 18 + 2 + 64) + 4 * (64 + 64),
            4 * (64 + 32 + 2 * 20) + 4 * 3 * 64,
        ),
    ],
)
def test_each_array_counts_once(shape, layers, forward, backward):
    assert least_bytes(part(shape, *layers), 2) == {FORWARD: forward, BOTH: forward + backward}


def test_a_batch_reads_the_weights_once():
    one, three = (least_bytes(part((6,), Linear(6, 4, RNG)), n)[FORWARD] for n in (1, 3))
    assert three - one == 4 * 2 * (6 + 4)


@pytest.mark.parametrize(("optimizer", "bytes_a_weight"), [(SGD, 20), (AdaGrad, 20), (Adam, 28)])
def test_an_update_moves_what_optim_says(optimizer, bytes_a_weight):
    parameters = [Parameter(np.zeros(shape, np.float32)) for shape in ((3, 4), 5)]
    assert update_bytes(optimizer, parameters) == bytes_a_weight * 17
