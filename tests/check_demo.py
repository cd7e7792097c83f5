"""What `make demo` printed, read from standard input, beside the guide's figures.

    make demo | python tests/check_demo.py

The last digits depend on the processor and on the versions of NumPy and Numba. So a figure may
differ by about three standard deviations over seeds; more is an error. What differs is told.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FIRST_STEPS = Path(__file__).parents[1] / "lessons" / "book" / "guide" / "first_steps.md"
TABLES = {
    "Known people": ("accuracy", "AUC", "EER", "VAL at FAR 0.01", "VAL at FAR 0.001"),
    "Strangers": ("AUC", "EER", "VAL at FAR 0.01", "VAL at FAR 0.001"),
    "Asked by name": ("accuracy", "strangers accepted", "DIR at FAR 0.05", "B-cubed F1"),
}
MAY_DIFFER = {"accuracy": 0.04, "AUC": 0.03, "EER": 0.06, "B-cubed F1": 0.1}
OTHERS_MAY_DIFFER = 0.25  # shares at a FAR, which a few pairs decide
ROWS = 5
NUMBER = r"[01]\.[0-9]{4}"


def figures(text: str) -> dict[tuple[str, str, str], float]:
    """(table, method, measure) to the figure that stands there."""
    found, table = {}, None
    for line in text.splitlines():
        table = next((name for name in TABLES if line.startswith(f"{name}: ")), table)
        row = re.fullmatch(rf"(\S.*?)((?:\s+{NUMBER})+)\s*", line)
        if row and table:
            values = [float(value) for value in row[2].split()]
            for measure, value in zip(TABLES[table], values, strict=True):
                found[table, row[1], measure] = value
    expected = ROWS * sum(len(measures) for measures in TABLES.values())
    if len(found) != expected:
        raise ValueError(f"{len(found)} figures, where {expected} should be: is it the demo?")
    return found


def main() -> int:
    asked = figures(FIRST_STEPS.read_text(encoding="utf-8"))
    printed = sys.stdin.read()
    print(printed)
    got = figures(printed)
    far = 0
    for key, value in asked.items():
        if got[key] != value:
            most = MAY_DIFFER.get(key[2], OTHERS_MAY_DIFFER)
            wrong = abs(got[key] - value) > most
            far += wrong
            verdict = f"MORE THAN {most}" if wrong else "within its error"
            print(f"{', '.join(key)}: {got[key]:.4f}, the guide {value:.4f}: {verdict}")
    same = sum(got[key] == value for key, value in asked.items())
    print(f"{same} of {len(asked)} figures of the demo are the guide's to the last digit")
    return 1 if far else 0


if __name__ == "__main__":
    sys.exit(main())
