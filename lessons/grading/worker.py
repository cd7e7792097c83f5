"""The process that runs a learner's code: limits first, then cells, then calls, as data.

    python -I worker.py data    FD_IN FD_OUT LIBRARY MEMORY SECONDS FORBIDDEN...
    python -I worker.py kernel  FD_IN FD_OUT LIBRARY MEMORY SECONDS LESSONS

In the first form it knows neither checks nor answers: it is sent arguments, and sends back what a
function of the learner's makes of them. In the second form it runs a check and tells its verdict,
on a kernel that `kernels.py` has permitted.
"""

from __future__ import annotations

import builtins
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
REFUSED = (
    "ctypes.dlopen", "os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.posix_spawn",
    "os.spawn", "os.startfile", "os.system", "pty.spawn", "resource.", "socket.",
    "subprocess.Popen", "syslog.", "winreg.",
)  # fmt: skip
IMPORTS = (
    "import math, numba, numpy as np",
    "from numba import float32, float64, int32, int64, njit, prange",
    "from minifacenet.nn.device.cuda_target import cuda",
)
WRITING = (
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.symlink", "os.truncate", "os.utime", "shutil.",
)  # fmt: skip


def limit(megabytes: int, seconds: int) -> None:
    """Memory, processor time and file sizes, for good; where the system has such limits."""
    try:
        import resource
    except ImportError:  # Windows: the judge's clock is all there is
        return
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * page
    except (OSError, ValueError):
        mapped = 4 << 30
    for what, most in (
        (resource.RLIMIT_AS, mapped + (megabytes << 20)),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 1 << 20),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def close_doors(forbidden: tuple[str, ...], own: str) -> None:
    """Refuse files of the course, writing anywhere but in `own`, other processes, and the network.

    An audit hook of Python sees what Python does. It is a lock, and no wall: see `grade.py`.
    """
    real, fspath, join = os.path.realpath, os.fspath, os.path.join
    outside = tuple(join(real(path), "") for path in forbidden)
    inside = join(real(own), "")
    reading = os.O_RDONLY
    accesses = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def look(event: str, arguments: tuple) -> None:
        if event.startswith(REFUSED):
            raise PermissionError(f"{event} is not for an exercise")
        if event == "open" or event in ("os.listdir", "os.scandir") or event.startswith(WRITING):
            path = arguments[0] if arguments else None
            if path is None or isinstance(path, int):
                return
            flags = arguments[2] if event == "open" else reading
            path = join(real(fspath(path)), "")
            path = path.decode(errors="replace") if isinstance(path, bytes) else path
            if path.startswith(outside):
                raise PermissionError("the course's own files are not for an exercise")
            writes = event.startswith(WRITING) or (isinstance(flags, int) and flags & accesses)
            if writes and not path.startswith(inside) and path != "/dev/null/":
                raise PermissionError("an exercise writes no files")

    sys.addaudithook(look)


def stand_ins() -> None:
    """Let cells import what lies beside a notebook: here it does nothing, and knows nothing."""

    def nothing(*arguments, **keywords):
        return None

    for name in ("exercises", "show"):
        module = ModuleType(name)
        module.__dict__["__getattr__"] = lambda asked: nothing
        module.__dict__["__all__"] = ["check", "hint", "progress", "solution"]
        sys.modules[name] = module


def run_cells(parts: list[list]) -> tuple[dict, str]:
    """Run pieces of code, each as far as it goes; the names, and what tagged cells raised."""
    names: dict = {"__name__": "__main__", "__builtins__": builtins}
    raised = ""
    for text, told in parts:
        try:
            exec(compile(text, "a cell", "exec", dont_inherit=True), names)
        except BaseException as error:
            if told:
                raised = raised or _told(error)
    return names, raised


def serve(messages, source: int, to: int) -> None:
    """Answer the judge until it hangs up."""
    names, raised = run_cells(messages.receive(source)["parts"])
    messages.send(to, {"ready": True})
    while True:
        asked = messages.receive(source)
        messages.send(to, _called(messages, names, raised, asked, source, to))


def _called(messages, names, raised, asked, source, to) -> dict:
    def back(number: int, arguments: tuple):
        """A function that the check has given: the judge runs it."""
        messages.send(to, {"call": number, "arguments": messages.packed(list(arguments))})
        return messages.unpacked(messages.receive(source)["result"])

    function = names.get(asked["name"])
    if not callable(function):
        return {"missing": raised or "it is not in the notebook"}
    arguments = [messages.unpacked(one, back) for one in asked["arguments"]]
    try:
        result = function(*arguments)
    except BaseException as error:
        kind = next(one.__name__ for one in type(error).__mro__ if one.__module__ == "builtins")
        return {"raised": [kind, _told(error)]}
    try:
        changed = [messages.packed(one) if _is_array(one) else None for one in arguments]
        return {"result": messages.packed(result), "changed": changed}
    except messages.NoMessage as error:
        return {"raised": ["TypeError", f"what it returns cannot be judged: {error}"]}
    except BaseException as error:
        return {"raised": ["TypeError", f"what it returns cannot be judged: {_told(error)}"]}


def judge_kernel(messages, source: int, to: int, lessons: str) -> None:
    """Run a check on a kernel, here, and tell what it says."""
    sys.path.insert(0, lessons)
    from exercises.core import Wrong, find

    from grading.draws import drawn_anew

    asked = messages.receive(source)
    names: dict = {"__name__": "kernel"}
    for part in [*IMPORTS, *asked["parts"]]:
        try:
            exec(compile(part, "the lesson", "exec", dont_inherit=True), names)
        except Exception:  # what this lesson draws with may not be here
            continue
    exercise = find(asked["number"])
    messages.send(to, {"ready": True})
    try:
        exec(compile(asked["kernel"], "a kernel", "exec", dont_inherit=True), names)
        with drawn_anew(asked["seed"]):
            exercise.verify(names[asked["name"]])
        verdict = {"solved": True, "message": "right"}
    except Wrong as wrong:
        verdict = {"solved": False, "message": str(wrong)}
    except BaseException as error:
        verdict = {"solved": False, "message": f"it raises {_told(error)}"}
    messages.send(to, verdict)


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:300]
    except BaseException:
        return "an error that says nothing"


def _is_array(value) -> bool:
    import numpy

    return isinstance(value, numpy.ndarray)


def main(kind: str, source: str, to: str, library: str, memory: str, seconds: str, *rest) -> None:
    sys.path[:0] = [str(HERE), library]
    import messages
    import numpy  # noqa: F401 - before the limits, which count from what is there

    import minifacenet.nn.device.backend  # noqa: F401 - with Numba

    sys.path.remove(str(HERE))
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory() as own:
        os.chdir(own)
        tempfile.tempdir = own
        os.environ |= dict.fromkeys(("HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"), own)
        limit(int(memory), int(seconds))
        try:
            if kind == "kernel":
                judge_kernel(messages, int(source), int(to), *rest)
            else:
                stand_ins()
                close_doors(tuple(rest), own)
                serve(messages, int(source), int(to))
        except messages.NoMessage:
            pass  # the judge has hung up


if __name__ == "__main__":
    main(*sys.argv[1:])
