"""tests/lowest.txt, the versions of `make test-lowest`, says what pyproject.toml says."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("full", "dev")  # that `make test-lowest` installs, and that give a lowest version


def test_the_lowest_versions_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [one for extra in EXTRAS for one in extras[extra]]
    lowest = [
        "==".join(re.match(r"([\w-]+)>=([\d.]+)", one).groups())
        for one in [*project["dependencies"], *wanted]
    ]
    lines = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == lowest


def test_an_extra_accepts_what_the_tests_have_tried():
    """`dask`, `heic`, `mpi` and `onnx` are parts of `full`, which the tests install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    tried = {one.split(";")[0] for one in extras["full"]}
    for extra in ("dask", "heic", "mpi", "onnx"):
        assert {one.split(";")[0] for one in extras[extra]} <= tried
