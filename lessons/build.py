"""Build the notebooks from their sources, check that they are fresh, or make a student's copy.

    python lessons/build.py               # runs all lessons whose notebook is not fresh
    python lessons/build.py 10 11         # these
    python lessons/build.py --all         # every one
    python lessons/build.py --check       # are all fresh, small, supported? exit status 1 if not
    python lessons/build.py --student DIR # a copy without the worked answers

`NN_name.py`, in percent format, is the source; `NN_name.ipynb` is made from it, with its outputs.
Nothing in it depends on when and where it was built: no times, ids by position. It stores the
SHA-256 of its source, and of the library's files that the source imports; it is fresh while they
are what they were. Cells tagged `claim` run with the others, and are not part of the notebook: they
say what the texts rely on (see `claim` in `show.py`). One that does not hold ends the build. Cells
tagged `drawing` do nothing but draw: a notebook shows their picture, and folds their code. Files
that the texts name become links (`links.py`).
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import prose
from links import linked
from student import make_student_copy

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MOST_BYTES = 400_000
WIDGET = "application/vnd.jupyter.widget-view+json"
SECONDS = 300  # for one lesson; they take less than sixty on two cores
SHARED = ("show.py", "pictures.py", "sliders.py")  # every lesson's pictures come from here
OWN = (".solved.json", "my_answers.py")  # what is solved on this machine: its user's business


def sources() -> list[Path]:
    """The lessons, in order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def build(source: Path) -> Path:
    """Execute a lesson and write its notebook.

    A claim that does not hold ends it with the names of the lesson and the claim, and leaves the
    notebook as it was; CellExecutionError if another cell fails.
    """
    import jupytext  # the extra `lessons`, which a check of the hashes does without

    notebook = jupytext.read(source)
    with ExitStack() as stack:
        for name in OWN:
            stack.enter_context(_put_aside(HERE / name))
        _execute(notebook, source)
    notebook.cells = [c for c in notebook.cells if "claim" not in c.metadata.get("tags", [])]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03}"
        cell.metadata = _kept(cell.metadata.get("tags", []))
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source)
        else:
            cell.outputs = [o for o in _merged(cell.outputs) if _stays(o)]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "minifacenet": hashes(source),
    }
    target = source.with_suffix(".ipynb")
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    target.write_text(text, encoding="utf-8")
    return target


def _stays(output: dict) -> bool:
    """Whether a notebook keeps an output: sliders are nothing without a kernel."""
    return output.get("name") != "stderr" and WIDGET not in output.get("data", {})


def _kept(tags: list[str]) -> dict:
    """A cell's metadata: its tags, and for JupyterLab whether its code is folded."""
    folded = {"jupyter": {"source_hidden": True}} if "drawing" in tags else {}
    return {"tags": tags, **folded} if tags else {}


def _execute(notebook, source: Path) -> None:
    """Run all cells of a notebook, in the lessons' folder."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    client = NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": HERE}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        if error.ename != "NotSo":
            raise
        raise SystemExit(f"{source.name} claims what is not so: {error.evalue}") from None


@contextmanager
def _put_aside(path: Path) -> Iterator[None]:
    """Let a file be as if it were not there, and bring it back."""
    aside = path.with_suffix(".aside")
    if path.exists():
        path.rename(aside)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if aside.exists():
            aside.rename(path)


def hashes(source: Path) -> dict[str, str]:
    """SHA-256, 16 digits, of a lesson's source and of what it imports, by path."""
    files = [source, *(HERE / name for name in SHARED), *_imported(source)]
    return {
        path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in files
    }


def faults(source: Path) -> list[str]:
    """Why the notebook of a lesson is not as it should be; empty if it is."""
    target = source.with_suffix(".ipynb")
    if not target.exists():
        return [f"{target.name} is missing"]
    found = []
    stored = json.loads(target.read_text(encoding="utf-8"))["metadata"].get("minifacenet", {})
    now = hashes(source)
    changed = sorted(path for path in stored.keys() | now if stored.get(path) != now.get(path))
    if changed:
        found.append(f"{target.name} was built before {', '.join(changed)} changed")
    if target.stat().st_size > MOST_BYTES:
        found.append(f"{target.name} has {target.stat().st_size:,} bytes, more than {MOST_BYTES:,}")
    return found


def _imported(source: Path) -> list[Path]:
    """The library's files that a lesson imports from, sorted."""
    modules = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    paths = [ROOT / f"{module.replace('.', '/')}.py" for module in modules]
    return sorted(path for path in paths if path.is_file() and "minifacenet" in path.parts)


def _merged(outputs: list) -> list:
    """Consecutive pieces of printed text as one: how they were cut is a matter of time."""
    merged = []
    for output in outputs:
        output.pop("execution_count", None)
        if merged and output.get("name") == merged[-1].get("name") == "stdout":
            merged[-1]["text"] += output["text"]
        else:
            merged.append(output)
    for output in merged:
        if output["output_type"] == "execute_result":
            output["execution_count"] = None
    return merged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers, such as 10")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--student", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    if arguments.student:
        make_student_copy(arguments.student)
    elif arguments.check:
        found = [fault for source in sources() for fault in faults(source)]
        for source in sources():
            for number, around in prose.unsupported(source, prose.read_facts()):
                found.append(f"{source.name}: nothing stands behind {number} in '{around}'")
        print("\n".join(found) or f"{len(sources())} notebooks are fresh")
        sys.exit(bool(found))
    else:
        for source in sources():
            wanted = source.name[:2] in arguments.lessons
            if wanted or arguments.all or (not arguments.lessons and faults(source)):
                target = build(source)
                print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
