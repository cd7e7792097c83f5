"""Compiled kernels on disk: thrown away when the source of any of them has changed.

Numba keeps what it compiles (`cache=True`) beside the source, in `__pycache__`, as index files
(.nbi) and machine code (.nbc). It compiles a function anew when its own file has changed. But a
kernel that calls a function of another file holds a compiled copy of that function too, and Numba
does not notice when that other file changes: the kernel goes on computing what the old source said.

So we leave a stamp beside the kernels: a hash of all sources of `nn/` and of Numba's version. If it
is not the present one, all kernels of `nn/` go, and are compiled again when they are called. If
two processes come at once, both throw away; at worst one of them compiles twice. (A process that
runs on with the old source while the new one is stamped can still write an old kernel. After an
edit, end what is running.)

Numba itself looks for a folder that it may write to: `NUMBA_CACHE_DIR`, `__pycache__`, the user's
cache folder. If there is none, `njit(cache=True)` raises; then we do without, and say so.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numba

STAMP = "minifacenet.stamp"
SUFFIXES = (".nbi", ".nbc")


def usable() -> bool:
    """Whether kernels can be kept on disk; those of another source are gone after this call."""
    try:
        folder = _folder()
        if folder is not None:
            _drop_stale(folder, _present_stamp())
    except (OSError, RuntimeError) as error:
        warnings.warn(
            f"compiled kernels cannot be kept on disk ({error}): each process compiles them anew. "
            "Set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def _folder() -> Path | None:
    """The folder in which Numba keeps the kernels of this package; None if it compiles none."""
    if numba.config.DISABLE_JIT:
        return None
    return Path(numba.njit(cache=True)(_folder).stats.cache_path)  # it looks, and compiles nothing


def _present_stamp() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        content = source.read_bytes()
        digest.update(f"\n{source.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _drop_stale(folder: Path, present: str) -> None:
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text(encoding="ascii", errors="replace") == present:
        return
    for file in folder.iterdir():
        if file.suffix in SUFFIXES:
            file.unlink(missing_ok=True)
    stamp.write_text(present, encoding="ascii")  # last: who is stopped before it begins again
