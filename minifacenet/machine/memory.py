"""How much memory is free: asked before much of it is taken, since who takes too much is killed."""

from __future__ import annotations

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
# Limit and use of a container, in the two ways in which Linux keeps them.
_CONTAINERS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def free_bytes() -> int | None:
    """Bytes that this process may still take, swap included; None where the system does not say.

    Only Linux says so in files.
    """
    try:
        lines = (line.split() for line in _MEMINFO.read_text().splitlines())
        sizes = {words[0].rstrip(":"): 1024 * int(words[1]) for words in lines}
        free = sizes["MemAvailable"] + sizes.get("SwapFree", 0)
    except (OSError, ValueError, KeyError, IndexError):
        return None
    for limit, used in _CONTAINERS:
        try:
            # "max" is no number: no limit. Files that were read count as used, and can be dropped.
            free = min(free, max(0, int(limit.read_text()) - int(used.read_text())))
        except (OSError, ValueError):
            continue
    return free
