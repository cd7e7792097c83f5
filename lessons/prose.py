"""Numbers in the lessons' texts that nothing stands behind.

A number of a text is fine if a cell of its notebook prints it, or prints one that rounds to it; if
it stands in the lesson's code or in one of its claims; if the text itself works it out
(18 x 19 = 342); if the paragraph names the guide, and a table of the guide has it; or if
`facts.toml` says where it comes from. Whole numbers up to 12, years, shapes (96 x 96), and the
numbers of lessons, sections, tables and figures need nothing. Code spans are not read, nor what
'Try next' proposes, nor numbers written as words: whoever writes 'a third' puts a claim beside it.
What a picture's sentence says is a text like any other.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).resolve().parent
FACTS = HERE / "facts.toml"
GUIDE = HERE / "book" / "guide"
SMALL = 12
DRAWN = ("picture", "live", "play")  # the functions of pictures.py, whose second argument is a text
NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?")
UNITS = {
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "kB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "%": 0.01,
}
REFERRED = r"([Ll]essons?|[Ee]xercises?|[Ss]ections?|[Tt]ables?|Figs?\.)"
UNREAD = re.compile(
    r"```.*?```|`[^`]*`"  # code
    r"|\]\([^)]*\)"  # where a link goes
    r"|^#+ \d+ ·|^\| \d\d(?: to \d\d|, \d\d)? \|"  # a lesson in a title, or in the table of lessons
    rf"|\b{REFERRED} \d[\d.]*(,? ?(and|to|or)? \d[\d.]*)*"
    r"|\b\d+ ?x ?\d+( ?x ?\d+)*|\b\d+ by \d+"  # shapes
    r"|\b(19|20)\d\d\b",  # years
    re.MULTILINE | re.DOTALL,
)
ARITHMETIC = re.compile(r"[\d.,()+\-*/^ ]*(?:=[\d.,()+\-*/^ ]*\d[\d.,()+\-*/^ ]*)+")
SIGNS = {r"\cdot": "*", r"\times": "*", "·": "*", "{,}": ",", "{": "(", "}": ")", "$": " "}


def cells(source: str) -> Iterator[tuple[str, list[str], str]]:
    """The cells of a lesson in percent format: 'markdown' or 'code', its tags, and its text."""
    for part in re.split(r"^# %%", source, flags=re.MULTILINE)[1:]:
        header, _, body = part.partition("\n")
        tags = re.search(r"tags=(\[.*?\])", header)
        if header.strip() == "[markdown]":
            yield "markdown", [], re.sub(r"^# ?", "", body, flags=re.MULTILINE)
        else:
            yield "code", json.loads(tags[1]) if tags else [], body


def read_facts() -> dict[str, dict[str, str]]:
    """What `facts.toml` holds: by lesson ('06', or 'all'), and by number, where it comes from."""
    return tomllib.loads(FACTS.read_text(encoding="utf-8"))


def unsupported(source: Path, facts: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    """The numbers of a lesson's texts that nothing stands behind, each with the words around it."""
    lesson = source.read_text(encoding="utf-8")
    notebook = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))
    printed = _numbers("\n".join(_printed(notebook)))
    tree = ast.parse("\n".join(body for kind, _, body in cells(lesson) if kind == "code"))
    spoken = [node for call in pictures(tree) for node in ast.walk(sentence(call))]
    code = _numbers_in_code(tree, spoken)
    tables = _numbers("\n".join(_rows_of_the_guide()))
    listed = facts.get("all", {}) | facts.get(source.name[:2], {})
    known = code | _numbers(" ".join(listed))

    found = []
    texts = [text_of(sentence(call)) for call in pictures(tree)]
    for kind, _, body in cells(lesson):
        texts += re.split(r"\n\s*\n", body) if kind == "markdown" else ()
    for text in texts:
        if not text.startswith("**Try next.**"):  # what a learner may set
            here = known | _worked_out(text) | (tables if re.search(r"\bguide\b", text) else set())
            text = UNREAD.sub(lambda unread: " " * len(unread[0]), text.replace("{,}", ","))
            for number in NUMBER.finditer(text):
                value, place = _value(number[0]), len(number[0].partition(".")[2])
                unit = UNITS.get(
                    re.split(r"[^\w%]", text[number.end() :].lstrip(), maxsplit=1)[0], 1
                )
                if (value == int(value) and value <= SMALL) or value in here:
                    continue
                if not any(_rounds_to(one, value, place, unit) for one in printed):
                    around = text[max(0, number.start() - 30) : number.end() + 20]
                    found.append((number[0], " ".join(around.split())))
    return found


def pictures(tree: ast.AST) -> list[ast.Call]:
    """The calls in a lesson's code that show a picture."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in DRAWN]


def sentence(call: ast.Call) -> ast.expr:
    """What such a call says of its picture; an empty text if it says nothing."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "what"]
    return [*call.args[1:2], *named, ast.Constant("")][0]


def text_of(node: ast.expr) -> str:
    """The text of a constant, or of a text with computed values, which are left out."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    values = [part.value for part in parts if isinstance(part, ast.Constant)]
    return " ".join(value for value in values if isinstance(value, str))


def _printed(notebook: dict) -> Iterator[str]:
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            yield "".join(output.get("text", ""))


def _rows_of_the_guide() -> Iterator[str]:
    for page in sorted(GUIDE.glob("*.md")):
        yield from re.findall(r"^\|.*", page.read_text(encoding="utf-8"), re.MULTILINE)


def _numbers(text: str) -> set[float]:
    return {_value(number) for number in NUMBER.findall(text)}


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _numbers_in_code(tree: ast.AST, spoken: list[ast.AST]) -> set[float]:
    """Constants, and numbers in texts, those of the claims among them, but not what is spoken."""
    found = set()
    for node in ast.walk(tree):
        if node in spoken:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= _numbers(node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            found.add(float(node.value))
    return found


def _worked_out(text: str) -> set[float]:
    """The numbers of the equations in a text that hold: 2 / 5^0.75 = 0.60."""
    text = re.sub(r"(?<=\d) ?x ?(?=\d)", "*", text)
    for sign, written in SIGNS.items():
        text = text.replace(sign, written)
    found = set()
    for equation in ARITHMETIC.finditer(text):
        sides = [side.strip(" .,").replace(",", "") for side in equation[0].split("=")]
        for left, right in pairwise(sides):
            with_point = re.fullmatch(r"\d+\.?(\d*)", right)
            place = len(with_point[1]) if with_point else 9
            a, b = _result(left), _result(right)
            if a is not None and b is not None and abs(a - b) <= 0.5001 * 10**-place:
                found |= _numbers(left) | _numbers(right)
    return found


def _result(expression: str) -> float | None:
    """What plain arithmetic comes to; None if it is none, as half of a formula is."""
    try:
        tree = ast.parse(expression.replace("^", "**"), mode="eval")
    except SyntaxError:
        return None
    if any(isinstance(node, ast.Call | ast.Tuple) for node in ast.walk(tree)):
        return None
    try:
        return float(eval(compile(tree, "text", "eval")))  # digits and + - * / ( ) alone get here
    except (ArithmeticError, TypeError, ValueError):
        return None


def _rounds_to(printed: float, value: float, place: int, unit: float) -> bool:
    """Whether a printed number is `value` of that unit (or as it stands) after rounding."""
    half = 0.5001 * 10.0**-place
    return abs(printed - value) <= half or abs(printed / unit - value) <= half
