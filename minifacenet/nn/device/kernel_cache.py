"""Compiled kernels on disk: thrown away when the source of any of them has changed.

Numba keeps what it compiles (`cache=True`) beside the source, in `__pycache__`, as index files
(.nbi) and machine code (.nbc). It compiles a function anew when its own file has changed. But a
kernel that calls a function of another file holds a compiled copy of that function too, and Numba
does not notice when that other file changes: the kernel goes on computing what the old source said.

So we leave a stamp beside the kernels of each folder: a hash of Numba's version and of all sources
from which a kernel of the package is made, which are the files that say `cpu_kernel`,
`cpu_function` or `element(`, and what these import. If it is not the present one, all kernels of
the folder go before the first of them is loaded, and are compiled again when they are called. If
two processes come at once, both throw away; at worst one of them compiles twice. (A process that
runs on with the old source while the new one is stamped can still write an old kernel. After an
edit, end what is running.)

Numba itself looks for a folder that it may write to: `NUMBA_CACHE_DIR`, `__pycache__`, the user's
cache folder. If there is none, `njit(cache=True)` raises; then we do without, and say so once.
"""

from __future__ import annotations

import hashlib
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numba

STAMP = "minifacenet.stamp"
SUFFIXES = (".nbi", ".nbc")

# Marks of a file that holds kernels.
_SIGNS = ("@cpu_kernel", "@cpu_function", " cpu_kernel(", " cpu_function(", " element(")
_IMPORT = re.compile(r"^[ \t]*from (\.+)([\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)

_usable: dict[Path, bool] = {}  # by the folder of the source


def usable(function: Callable) -> bool:
    """Whether `function` can be kept on disk; stale kernels of its folder are gone after this call.

    Only code of the package is kept: nobody watches the sources of others.
    """
    source = Path(function.__code__.co_filename)
    if numba.config.DISABLE_JIT or not source.is_relative_to(_package()):
        return False
    if source.parent not in _usable:
        _usable[source.parent] = _prepare(function)
    return _usable[source.parent]


def _prepare(function: Callable) -> bool:
    try:
        folder = numba.njit(cache=True)(function).stats.cache_path  # it looks, and compiles nothing
        _drop_stale(Path(folder), _present_stamp(_package()))
    except (OSError, RuntimeError) as error:
        if all(_usable.values()):  # the first one
            warnings.warn(
                f"compiled kernels cannot be kept on disk ({error}): each process compiles them "
                "anew. Set NUMBA_CACHE_DIR to a folder that you can write to, and nobody else: "
                "what lies there is executed",
                RuntimeWarning,
                stacklevel=2,
            )
        return False
    return True


def _package() -> Path:
    """Return the folder of the whole package, wherever in it this file is."""
    return Path(str(sys.modules[__name__.partition(".")[0]].__file__)).parent


@cache
def _present_stamp(package: Path) -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(kernel_sources(package)):
        content = source.read_bytes()
        digest.update(f"\n{source.relative_to(package).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def kernel_sources(package: Path) -> set[Path]:
    """Return the files that kernels are made of: those that hold some, and their imports."""
    paths = {_module(path.relative_to(package)): path for path in package.rglob("*.py")}
    texts = {module: path.read_text("utf-8", "replace") for module, path in paths.items()}
    ahead = [module for module, text in texts.items() if any(sign in text for sign in _SIGNS)]
    found = set()
    while ahead:
        module = ahead.pop()
        if module in texts and module not in found:
            found.add(module)
            ahead += _imported(module, paths[module].name == "__init__.py", texts[module])
    return {paths[module] for module in found}


def _module(path: Path) -> str:
    """Return a file's dotted name, with a dot in place of the package's: '.nn.relu'."""
    parts = path.with_suffix("").parts
    return "".join(f".{part}" for part in parts if part != "__init__")


def _imported(module: str, is_folder: bool, text: str) -> Iterator[str]:
    """Yield the names that a file imports from its own package, also those of no module."""
    for dots, tail, names in _IMPORT.findall(text):
        up = len(dots) - is_folder
        start = module.rsplit(".", up)[0] if up else module
        start += f".{tail}" if tail else ""
        yield start
        yield from (f"{start}.{name}" for name in re.findall(r"\w+", names))


def _drop_stale(folder: Path, present: str) -> None:
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text(encoding="ascii", errors="replace") == present:
        return
    for file in folder.iterdir():
        if file.suffix in SUFFIXES:
            file.unlink(missing_ok=True)
    stamp.write_text(present, encoding="ascii")  # last: a process stopped before it starts again
