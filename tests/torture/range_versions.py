"""Our own tests, under other Pythons, beside the oldest packages we accept, and without CUDA.

A test is a case, and whoever passes survives; those that are skipped do not count. The Pythons are
those that MINIFACENET_PYTHONS names ("python3.12 python3.13"), or all that PATH leads to. Each gets
an environment in build/environments, which stays there: that takes a few minutes, once.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from .attack import Absent, Play, attack
from .results import ROOT

ENVIRONMENTS = ROOT / "build" / "environments"
LOWEST = ROOT / "tests" / "lowest.txt"
WITHIN = "[data,dev,full]"
FEW = 100  # cases: that many are two files, which need no data and few kernels
FILES = ("tests/machine", "tests/nn/test_optim.py")
ALL = 100_000  # more than there are
# The oldest packages lie beside the newest of what these need, and use what is now deprecated
# there. `make test` looks at our own uses, beside the newest of all.
OLD_WARNINGS = ("-W", "ignore::DeprecationWarning")
# Gone with numba.cuda may be the settings for it.
WITHOUT_SETTINGS = """
for _name in [name for name in vars(config) if "CUDA" in name]:
    delattr(config, _name)
"""


def _python(version: str) -> str:
    """Return the path of a Python of this version, such as '3.12'."""
    named = os.environ.get("MINIFACENET_PYTHONS", f"python{version} python3").split()
    ask = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for name in filter(None, map(shutil.which, named)):
        said = subprocess.run([name, "-c", ask], capture_output=True, text=True).stdout.split()
        if said and said[0] == version:
            return said[1]
    raise Absent(f"no Python {version} in PATH or MINIFACENET_PYTHONS")


def _environment(version: str, build: bool, *constraints: object) -> Path:
    """Return the Python of an environment with all that the tests need."""
    place = ENVIRONMENTS / "-".join([version, *(["lowest"] if constraints else [])])
    python, made = place / "bin" / "python", place / "made"
    if not build and not made.exists():
        raise Absent(f"{place.relative_to(ROOT)} is made by a whole run")
    if build:
        source = _python(version)
        if not python.exists():
            subprocess.run([source, "-m", "venv", place], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--editable", f"{ROOT}{WITHIN}", *constraints], check=True)
        made.touch()
    return python


def _tested(
    python: Path, place: Path, cases: int, *options: str, **variables: str
) -> Iterator[str | None]:
    """Run the tests, all or a few, and yield a case per test that was not skipped."""
    report = place / "tests.xml"
    which = FILES if cases < FEW else ("tests", "--ignore=tests/torture", "--numprocesses=2")
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}",
         *options, *which],
        cwd=ROOT, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"} | variables,
        capture_output=True, text=True,
    )  # fmt: skip
    if not report.exists():
        yield f"pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-500:]}"
        return
    for case in list(ElementTree.parse(report).iter("testcase"))[:cases]:
        faults = [child for child in case if child.tag in ("failure", "error")]
        if faults:
            said = (faults[0].get("message") or "").splitlines() or [""]
            yield f"{case.get('classname')}::{case.get('name')}: {said[0][:200]}"
        elif case.find("skipped") is None:
            yield None


def _under(version: str) -> Play:
    def play(cases: int, seed: int, place: Path) -> Iterator[str | None]:
        return _tested(_environment(version, cases >= FEW), place, cases)

    return play


for _version in ("3.11", "3.12", "3.13"):
    attack(
        "range", f"python-{_version}", f"the tests under Python {_version}, newest packages", ALL
    )(_under(_version))


@attack(
    "range", "lowest-versions",
    "the tests under Python 3.11 with each package in the lowest version that we accept", ALL,
)  # fmt: skip
def lowest(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    python = _environment("3.11", cases >= FEW, "--constraint", LOWEST)
    return _tested(python, place, cases, *OLD_WARNINGS)


@attack(
    "range", "without-numba-cuda",
    "the tests beside a Numba that has no `numba.cuda`, as future ones will not", ALL,
)  # fmt: skip
def without_cuda(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    numba = find_spec("numba")
    assert numba is not None
    assert numba.submodule_search_locations is not None
    without = place / "without" / "numba"
    ignored = shutil.ignore_patterns("cuda", "tests", "__pycache__")
    shutil.copytree(numba.submodule_search_locations[0], without, ignore=ignored)
    with (without / "__init__.py").open("a", encoding="utf-8") as file:
        file.write(WITHOUT_SETTINGS)
    return _tested(Path(sys.executable), place, cases, PYTHONPATH=f"{without.parent}")
