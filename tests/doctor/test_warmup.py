"""After `warm_up` nothing is left to compile."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

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


@pytest.mark.full
def test_nothing_is_left_to_compile(tmp_path):
    def python(code):
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", textwrap.dedent(code)]
        subprocess.run(command, env=environment, check=True, timeout=600)
        return {path.name for path in tmp_path.rglob("*.nbc")}

    told = "from minifacenet.doctor.warmup import warm_up; done = []"
    warmed = python(
        told + "; warm_up(lambda *at: done.append(at)); assert done[-1] == (9, 9), done"
    )
    assert len(warmed) > 30
    assert python(WORK) == warmed
