"""The last whole run of each attack: results.csv, and the tables that are made of it."""

import csv
import platform
import re
from datetime import date
from importlib.metadata import version
from pathlib import Path

from minifacenet.files.atomic import write_csv, write_text

from .attack import KINDS, Attack, attacks

RESULTS = Path(__file__).with_name("results.csv")
ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGE = ROOT / "lessons" / "book" / "guide" / "torture.md"
HEADER = (
    "kind", "attack", "what", "cases", "survived", "seed", "seconds", "date",
    "python", "numpy", "numba",
)  # fmt: skip


def rows() -> list[dict[str, str]]:
    """Return the rows of results.csv."""
    with RESULTS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def record(attack: Attack, cases: int, survived: int, seed: int, seconds: float) -> None:
    """Put one attack's figures in the place of those of its run before."""
    known = {row["attack"]: row for row in rows()} if RESULTS.exists() else {}
    versions = (platform.python_version(), version("numpy"), version("numba"))
    values = (attack.kind, attack.name, attack.what, cases, survived, seed, round(seconds))
    known[attack.name] = dict(zip(HEADER, (*values, date.today(), *versions), strict=True))
    order = list(KINDS)
    table = sorted(known.values(), key=lambda row: (order.index(row["kind"]), row["attack"]))
    write_csv(RESULTS, HEADER, [[row[name] for name in HEADER] for row in table])


def short_table(table: list[dict[str, str]], known: dict[str, Attack]) -> str:
    """Return the table of README.md: one row per kind that was run, with its command."""
    lines = ["| tried | attacks run whole | cases | survived | command |", "|---|---|---|---|---|"]
    for kind, words in KINDS.items():
        of_kind = [row for row in table if row["kind"] == kind]
        if not of_kind:
            continue
        count = f"{len(of_kind)} of {sum(a.kind == kind for a in known.values())}"
        cases, survived = (sum(int(row[n]) for row in of_kind) for n in ("cases", "survived"))
        command = f"`make torture OF={kind}`"
        lines.append(f"| {words} | {count} | {cases:,} | {survived:,} | {command} |")
    return "\n".join(lines)


def long_table(table: list[dict[str, str]], known: dict[str, Attack]) -> str:
    """Return the table of the guide's page: one row per attack, without figures before its run."""
    lines = ["| attack | what is tried | cases | survived |", "|---|---|---|---|"]
    of = {row["attack"]: row for row in table}
    for name, attack in known.items():
        figures = (
            [f"{int(of[name][n]):,}" for n in ("cases", "survived")] if name in of else ["", ""]
        )
        lines.append(f"| `{name}` | {attack.what} | {' | '.join(figures)} |")
    return "\n".join(lines)


def with_table(text: str, table: str) -> str:
    """Return a page with its table, between two comments, replaced."""
    marks = r"(<!-- torture -->\n).*?(\n<!-- end -->)"
    assert re.search(marks, text, re.DOTALL), "no '<!-- torture -->' and '<!-- end -->'"
    return re.sub(marks, lambda m: m[1] + table + m[2], text, flags=re.DOTALL)


def write_tables() -> None:
    """Put the tables of today's results.csv into README.md and the guide's page."""
    for path, table in ((README, short_table), (PAGE, long_table)):
        text = path.read_text(encoding="utf-8")
        write_text(path, with_table(text, table(rows(), attacks())))
