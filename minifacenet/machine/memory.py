"""Free memory, checked before much of it is taken: a process that takes too much is killed."""

from __future__ import annotations

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
# The files of a container's limit and use, in the two ways in which Linux keeps them.
_CONTAINERS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def a_quarter_of_free() -> int:
    """Return the bytes of pixels that lie in memory at once, where the user does not say."""
    free = free_bytes()
    return 2**30 if free is None else free // 4


def free_bytes() -> int | None:
    """Return the bytes that this process may still take, swap included; None if it is not known.

    Only Linux keeps them in files.
    """
    try:
        lines = (line.split() for line in _MEMINFO.read_text().splitlines())
        sizes = {words[0].rstrip(":"): 1024 * int(words[1]) for words in lines}
        free = sizes["MemAvailable"] + sizes.get("SwapFree", 0)
    except (OSError, ValueError, KeyError, IndexError):
        return None
    for limit, used in _CONTAINERS:
        try:
            # "max" is no number and no limit. Files that were read count as used, but can be
            # dropped.
            free = min(free, max(0, int(limit.read_text()) - int(used.read_text())))
        except (OSError, ValueError):
            continue
    return free
