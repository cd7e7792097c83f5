"""After `warm_up` nothing is left to compile."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from minifacenet.embedding.architectures import Architecture, FaceNet
from minifacenet.nn.products.microkernel import FASTER_THAN_BLAS
from tests.nn.cases import EVERY_LAYER

ROOT = Path(__file__).parents[2]
WORK = """
    import numpy as np
    from minifacenet import Architecture, FaceNet, TrainConfig, train
    from minifacenet.preprocessing.faces import Faces

    images = np.random.default_rng(1).integers(0, 256, (12, 40, 40, 3)).astype(np.uint8)
    faces = Faces(images, np.arange(12) // 4, ("A", "B", "C"), tuple(map(str, range(12))))
    model = FaceNet.new(Architecture(size=40, channels=3, dim=16))
    list(train(model.network, faces, TrainConfig(steps=2, people=3, photos=4, chunk=5)))
"""


WARM_UP = """
    from minifacenet.doctor.warmup import warm_up

    done = []
    warm_up(lambda *at: done.append(at))
    assert done[-1] == (11, 11), done

    from tests.modules import compiled_functions

    print(*(name for name, function in compiled_functions() if not function.signatures))
"""


def modules_of_untrained_layers():
    """Found by the cases: no training needs the kernels of these layers, or not all of them."""
    network = FaceNet.new(Architecture()).network
    trained = {type(layer) for layer in network if repr(layer) != "Concat()"}  # the identity
    every = {type(case.make(np.random.default_rng(0), np.float32)) for case in EVERY_LAYER}
    return {kind.__module__ for kind in every - trained}


@pytest.mark.full
def test_nothing_is_left_to_compile(tmp_path):
    def python(code):
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", textwrap.dedent(code)]
        done = subprocess.run(
            command, env=environment, check=True, timeout=900, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.split(), {path.name for path in tmp_path.rglob("*.nbc")}

    cold, warmed = python(WARM_UP)
    others = modules_of_untrained_layers()
    if FASTER_THAN_BLAS:  # then a forward is direct, if nobody asks for im2col
        others.add("minifacenet.nn.convolution.im2col")
        others.add("minifacenet.nn.largest.largest_of_windows")  # and a pool is in vectors
        others.add("minifacenet.nn.largest._largest")
    assert not [name for name in cold if not {name, name.rpartition(".")[0]} & others]
    assert len(warmed) > 30
    _, after = python(WORK)
    assert after == warmed
