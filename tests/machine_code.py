"""What a compiled kernel is made of: its loops, read from the disassembled machine code.

A multiprocessor starts a fixed number of instructions a cycle, so the share of multiply-adds among
them bounds what share of the card's peak a matrix product can reach. It is known without a GPU.
"""

import importlib.util
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

MULTIPLY_ADDS = ("FFMA", "DFMA")  # of float32, of float64


def disassembler() -> Path | None:
    """`nvdisasm`, where the package nvidia-cuda-nvdisasm is installed."""
    spec = importlib.util.find_spec("nvidia.cu13")
    folders = spec.submodule_search_locations if spec else []
    return next((p for folder in folders for p in Path(folder, "bin").glob("nvdisasm*")), None)


def product_share(cubin: bytes, products: int) -> float:
    """Multiply-adds by instructions, of a loop that takes `products` multiply-adds a round.

    The loop may hold an inner one. Code that only some of its rounds run, one side of an `if`,
    counts as if all did: so the true share may be larger.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.cubin")
        path.write_bytes(cubin)
        done = subprocess.run(
            [disassembler(), "-c", path], capture_output=True, text=True, check=True
        )
    operations, loops = _loops(done.stdout)
    counts = {span: _products(operations, span) for span in loops}
    inner = min((span for span in loops if counts[span]), key=_length)
    rest = 0
    if counts[inner] < products:
        outer = min((span for span in loops if _holds(span, inner)), key=_length)
        rest = _length(outer) - _length(inner)
    return products / (_length(inner) * products / counts[inner] + rest)


def _loops(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """All operations in order, and from where to where each branch goes back."""
    operations, labels, branches = [], {}, []
    for line in text.splitlines():
        if label := re.match(r"(\.L_x_\d+):", line):
            labels[label[1]] = len(operations)
        elif code := re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([\w.]+)(.*);", line):
            if target := re.search(r"\((\.L_x_\d+)\)", code[2]) if code[1] == "BRA" else None:
                branches.append((target[1], len(operations) + 1))
            operations.append(code[1])
    spans = [(labels[target], end) for target, end in branches if target in labels]
    return operations, [(start, end) for start, end in spans if start < end - 1]


def _products(operations, span) -> int:
    found = Counter(operations[slice(*span)])
    return sum(found[name] for name in MULTIPLY_ADDS)


def _length(span) -> int:
    return span[1] - span[0]


def _holds(outer, inner) -> bool:
    return outer != inner and outer[0] <= inner[0] and inner[1] <= outer[1]
