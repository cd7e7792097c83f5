"""The book's pages that are made of something else, in `made/`, and what notebooks need for it."""

from __future__ import annotations

import ast
import json
from pathlib import Path, PurePosixPath

from links import AT_THE_ROOT, BOOK, MADE, ROOT, aimed

PACKAGE = ROOT / "minifacenet"
TITLES = {"NOTICE": "# Notice", "LICENSE": "# Licence"}
FOLDED = "drawing"  # the tag of cells that draw: they can be opened


def make(target: Path) -> None:
    """Write all made pages; one that is what it was keeps its time, and is not built again."""
    written = {target / "first_page.md": _of_the_root("README.md", BOOK)}
    for name, page in AT_THE_ROOT.items():
        if page.parent == MADE:
            written[ROOT / page] = _of_the_root(name, MADE)
    written |= {target / "api" / f"{room}.rst": text for room, text in _reference().items()}
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in {*target.rglob("*.md"), *target.rglob("*.rst")} - written.keys():
        path.unlink()


def _of_the_root(name: str, to: PurePosixPath) -> str:
    text = (ROOT / name).read_text(encoding="utf-8")
    if name in TITLES:
        return f"{TITLES[name]}\n\n```text\n{text.rstrip()}\n```\n"
    return aimed(text, PurePosixPath(), to)


def _reference() -> dict[str, str]:
    """For each room, and each wing of one, a page with its modules; `index` leads to them."""
    rooms = [PACKAGE, *sorted(path.parent for path in PACKAGE.rglob("__init__.py"))[1:]]
    made = {}
    for room in rooms:
        name = ".".join(room.relative_to(ROOT).parts)
        parts = [_heading(name, "="), f".. automodule:: {name}\n   :no-members:\n"]
        for module in sorted(room.glob("*.py")):
            if module.stem != "__init__" and _has_words(module):
                parts += [_heading(f"{name}.{module.stem}", "-")]
                parts += [f".. automodule:: {name}.{module.stem}\n"]
        made[name] = "\n".join(parts)
    listed = "\n".join(f"   {name}" for name in made)
    about = "Every room of the library, and every module of it, from its docstrings.\n"
    made["index"] = "\n".join(
        [_heading("Reference", "="), about, f".. toctree::\n   :titlesonly:\n\n{listed}\n"]
    )
    return made


def _has_words(module: Path) -> bool:
    return ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) is not None


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def prepare_notebook(app, docname: str, source: list[str]) -> None:
    """Let cells that draw be closed, with a button, and pictures say in words what they show."""
    if not docname[:2].isdigit():
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if FOLDED in tags:
            cell["metadata"]["tags"] = [*tags, "hide-input"]
        for output in cell.get("outputs", []):
            about = output.get("metadata", {})
            for said in (about, *(one for one in about.values() if isinstance(one, dict))):
                if "alt" in said:
                    cell["metadata"]["mystnb"] = {"image": {"alt": said["alt"]}}
    source[0] = json.dumps(notebook)
