"""Right answers, kept: in this session as functions, across notebooks as source text.

The file is the learner's own, `my_answers.py` beside the notebooks: a part for each exercise, which
begins with `# %% 05.4 l2_gradient`, the number and the name of the answer. What an answer needs
stands above it: imports, plain constants, and the functions of its own notebook. So a part runs
alone. Nothing is pickled, and whoever opens the file can read it, mend it, or hand it in.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import dis
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from minifacenet.files.atomic import write_text

FILE = Path(__file__).parent.parent / "my_answers.py"
HEADER = """\
# Your right answers, kept by `check`, and used by `exercises.mine` in later lessons.
# One part for each exercise: the line above it has its number and the name of the answer.
from __future__ import annotations
"""
PART = re.compile(r"^# %% (\d\d\.\d+) (\w+)$", re.MULTILINE)
PLAIN = (int, float, complex, str, bytes, bool, type(None))

SESSION: dict[str, Callable] = {}  # by number: the answers that passed since the kernel started


class NotKept(Exception):
    """Why an answer cannot be kept, or read, as text; in half a sentence."""


def keep(number: str, answer: Callable) -> str:
    """Keep a right answer; return why it is kept for this session alone, or ''."""
    SESSION[number] = answer
    try:
        part = f"# %% {number} {_plain(answer).__name__}\n{source_of(answer)}"
        parts = {one: text for one, _, text in _parts()} | {number: part}
        write_text(FILE, "\n\n".join([HEADER.strip(), *(parts[one] for one in sorted(parts))]))
    except NotKept as reason:
        return str(reason)
    except OSError as error:
        return f"{FILE.name} cannot be written ({error.strerror or error})"
    return ""


def stored(number: str) -> tuple[str, str] | None:
    """The name and the text of a kept answer; None if there is none. `NotKept` if unreadable."""
    return next(((name, text) for one, name, text in _parts() if one == number), None)


def run(name: str, text: str) -> Callable:
    """Execute a part of the file, which is the learner's own code, and return its answer."""
    flags = __future__.annotations.compiler_flag
    namespace = {"__name__": "my_answers"}
    exec(compile(text, str(FILE), "exec", flags, dont_inherit=True), namespace)
    return namespace[name]


def source_of(answer: Callable) -> str:
    """The source text of an answer, below all that it needs; ends in a line break.

    Raises
    ------
    NotKept
        It has no source, or needs something that no text can stand for, such as an array.
    """
    imports, definitions = set(), {}
    _collect(_plain(answer), imports, definitions)
    head = "\n".join(sorted(imports, key=lambda line: (line.startswith("from"), line)))
    return "\n\n\n".join(part for part in (head, *definitions.values()) if part) + "\n"


def _plain(answer: Callable) -> Callable:
    """The Python function behind a compiled one."""
    return getattr(answer, "py_func", answer)


def _parts() -> Iterator[tuple[str, str, str]]:
    """Number, name and text of each part of the file."""
    try:
        text = FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        raise NotKept(f"{FILE.name} cannot be read: move it away") from None
    starts = list(PART.finditer(text))
    if text.strip() and not starts:
        raise NotKept(f"{FILE.name} has no part such as '# %% 05.4 l2_gradient': move it away")
    for start, end in zip(starts, [*(m.start() for m in starts[1:]), len(text)], strict=True):
        yield start[1], start[2], text[start.start() : end].rstrip() + "\n"


def _collect(function, imports: set[str], definitions: dict[str, str]) -> None:
    """Add a function's source to `definitions`, after all that it needs."""
    if not isinstance(function, FunctionType) or function.__name__ == "<lambda>":
        raise NotKept("it is no function with a def")
    if function.__closure__:
        raise NotKept(f"{function.__name__} uses variables of a function around it")
    try:
        text = textwrap.dedent(inspect.getsource(function)).rstrip()
    except (OSError, TypeError):
        raise NotKept(f"the source of {function.__name__} is not at hand") from None
    definitions[function.__name__] = ""  # whoever calls itself is not collected again
    for name in sorted(_needed(function.__code__) | _needed_by_the_def(text)):
        if name in function.__globals__ and name not in definitions:
            value = function.__globals__[name]
            _collect_value(name, value, function.__module__, imports, definitions)
    del definitions[function.__name__]
    definitions[function.__name__] = text


def _collect_value(name, value, module, imports, definitions) -> None:
    as_name = "" if getattr(value, "__name__", name) == name else f" as {name}"
    if isinstance(value, ModuleType):
        imports.add(f"import {value.__name__}" + (f" as {name}" if value.__name__ != name else ""))
    elif type(value).__name__ == "Mine":
        imports.add(f"from exercises import mine{'' if name == 'mine' else f' as {name}'}")
    elif isinstance(value, PLAIN):
        definitions[name] = f"{name} = {value!r}"
    elif isinstance(_plain(value), FunctionType) and _plain(value).__module__ == module:
        _collect(_plain(value), imports, definitions)
    elif callable(value) and getattr(value, "__module__", None) not in (None, "__main__"):
        imports.add(f"from {value.__module__} import {value.__name__}{as_name}")
    else:
        raise NotKept(f"it uses {name}, which a text cannot hold: make it an argument")


def _needed(code: CodeType) -> set[str]:
    """The global names that a function's code reads, with those of functions inside of it."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname.startswith("LOAD_GLOBAL")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _needed(constant)
    return names - set(dir(builtins))


def _needed_by_the_def(text: str) -> set[str]:
    """The names in a def's decorators and defaults, which run before the function does."""
    [node] = ast.parse(text).body
    early = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
    return {one.id for part in early for one in ast.walk(part) if isinstance(one, ast.Name)}
