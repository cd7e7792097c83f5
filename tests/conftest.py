import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from minifacenet import cli

settings.register_profile("kernels", deadline=None)  # a kernel's first call compiles it
settings.load_profile("kernels")
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))  # 1 against 2


# These compile next to no kernel in this process: they read files, draw, or start processes.
WITHOUT_KERNELS = {
    "preprocessing", "files", "plots", "data_scripts", "test_kernel_cache.py", "test_exercises.py",
    "test_english.py", "test_rooms.py", "test_annotations.py",
}  # fmt: skip


@pytest.hookimpl(trylast=True)  # after the markers have taken out what is not asked for
def pytest_collection_modifyitems(items):
    """Let two processes begin with different work: one compiles, and the other finds it compiled.

    Each begins at its part of the list, the second one in the middle. If both began with tests of
    the same kernels, both would compile these, which takes a minute of each.
    """
    compiling, without = [], []
    for item in items:
        place = Path(item.location[0]).parts  # below the project's folder
        (without if WITHOUT_KERNELS & {*place} else compiling).append(item)
    middle = len(items) // 2
    items[:] = [*compiling[:middle], *without, *compiling[middle:]]


def need(there, reason):
    """Skip the test where something is absent; fail it where everything has to be there."""
    if not there:
        assert os.environ.get("MINIFACENET_REQUIRE_EXTRAS") != "1", reason
        pytest.skip(reason, allow_module_level=True)


@pytest.fixture(autouse=True)
def _all_threads():
    """A test may lower the number of threads; the next one has them all again."""
    yield
    import numba

    from minifacenet.nn.device import backend

    backend.set_threads(numba.config.NUMBA_NUM_THREADS)


def text(printed):
    """What was printed, without the terminal's line breaks."""
    return " ".join(printed.split())


def command(*arguments, monkeypatch, capsys):
    """Run the command as a user does; returns (exit status, stdout, stderr)."""
    monkeypatch.setattr("sys.argv", ["minifacenet", *map(str, arguments)])
    try:
        cli.main()
        status = 0
    except SystemExit as exit:
        status = exit.code or 0
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def run(monkeypatch, capsys):
    return lambda *arguments: command(*arguments, monkeypatch=monkeypatch, capsys=capsys)


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """Five people with six photos each: a pattern a person, in noise; and one broken file."""
    root = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    for name in ("Ada", "Émilie", "Grace", "Lise", "Maria"):
        (root / name).mkdir()
        pattern = rng.integers(60, 196, (40, 40))
        for number in range(6):
            photo = pattern + rng.integers(-40, 40, (40, 40))
            Image.fromarray(photo.astype(np.uint8)).save(root / name / f"{number}.png")
    (root / "Ada" / "broken.jpg").write_bytes(b"no photo")
    return root


@pytest.fixture(scope="session")
def model(people, tmp_path_factory):
    """The folder of a short training on three of them, with thresholds from the other two."""
    from minifacenet.embedding.architectures import Architecture
    from minifacenet.preprocessing.read_folder import read_faces
    from minifacenet.training.run import run_training
    from minifacenet.training.settings import TrainConfig, TrainingRunConfig

    out = tmp_path_factory.mktemp("model")
    config = TrainingRunConfig(
        Architecture(size=32, channels=1), TrainConfig(steps=20, people=3, photos=4), held_out=0.4
    )
    run_training(read_faces(people, size=32), out, config)
    return out
