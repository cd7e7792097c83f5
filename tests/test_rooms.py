"""The house: which room may import which. The order below is the column, from the top down."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import minifacenet

PACKAGE = Path(minifacenet.__file__).parent
COLUMN = (  # a room imports only from rooms below its own
    "commands",
    "speed",
    "doctor",
    "console",
    "study",
    "experiment",
    "album",
    "live",
    "report",
    "training",
    "classification",
    "embedding",
    "preprocessing",
    "plots",
    "machine",
    "files",
    "nn",
)
WINGS = ("", "convolution", "products", "device")  # of nn, from its layers down
GROUND = {"nn.layer", "nn.window"}  # what the wings may know of its layers' floor


def modules() -> dict[str, Path]:
    """Every module of the package by its name below `minifacenet`, such as 'nn.relu'."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports(name: str, path: Path, known) -> set[str]:
    """The modules that one imports anywhere: in functions and for type checkers, too."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
        base = ".".join(filter(None, base))
        for alias in node.names:
            inner = f"{base}.{alias.name}".removeprefix(".")
            found.add(inner if inner in known else base)
    return found - {name, ""}


KNOWN = modules()
IMPORTS = {name: imports(name, path, KNOWN) for name, path in KNOWN.items()}


def room(name: str) -> str:
    return name.split(".")[0]


def test_at_the_top_stand_rooms_and_the_files_of_the_entrance():
    top = {path.name for path in PACKAGE.iterdir()} - {"__pycache__"}
    assert top == {"__init__.py", "__main__.py", "cli.py", "py.typed", *COLUMN}


@pytest.mark.parametrize("name", COLUMN)
def test_a_room_says_what_it_holds_who_may_import_it_and_what_it_must_not_know(name):
    text = ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text()))
    assert len(text.splitlines()) >= 3
    text = " ".join(text.split())
    assert "must not know" in text or "knows nothing" in text


def test_no_arrow_runs_up():
    up = [
        f"{name} -> {other}"
        for name, others in IMPORTS.items()
        for other in others
        if room(name) in COLUMN and room(other) != room(name)
        if COLUMN.index(room(other)) < COLUMN.index(room(name))
    ]
    assert not up


def test_layers_import_the_wings_of_nn_and_no_wing_imports_a_layer():
    def wing(name):
        return name.split(".")[1] if name.count(".") == 2 else ""

    up = [
        f"{name} -> {other}"
        for name, others in IMPORTS.items()
        for other in others
        if room(name) == room(other) == "nn" and KNOWN[other].name != "__init__.py"
        if other not in GROUND
        if WINGS.index(wing(other)) < WINGS.index(wing(name))
    ]
    assert not up


def test_no_circle_of_modules():
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
