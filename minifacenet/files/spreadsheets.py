"""Cells of tables that people open in a spreadsheet: none of a name from outside is a formula.

A spreadsheet computes a cell that begins with one of = + - @, or with a tab or a line break before
it, and a formula may send other cells away. Quotes of the CSV do not help. So in tables that are
made for people such a cell gets a sign in front, and otherwise stays as it is:

    a name      '=x    the sign that OWASP ("CSV Injection") advises
    a path      ./=x   the same file on every system

The tables that our own programs read stay exact, whatever begins there.
"""

import re

# The wide forms count: spreadsheets of some languages take them for the others.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_PATH = re.compile(r"[=+\-@\t\r\n＝＋－＠]")


def name_cell(name: str) -> str:
    """Return a name as a cell.

    >>> [name_cell(name) for name in ("Ada", "=1+1", "'=1+1", "'Ada")]
    ['Ada', "'=1+1", "''=1+1", "'Ada"]
    """
    return f"'{name}" if _FORMULA.match(name) else name


def path_cell(path: str) -> str:
    """Return a relative path as a cell.

    >>> [path_cell(path) for path in ("a/=1.png", "-1.png")]
    ['a/=1.png', './-1.png']
    """
    return f"./{path}" if _PATH.match(path) else path


def name_of_cell(cell: str) -> str:
    """Return the name that `name_cell` made a cell of; any other text as it is.

    >>> name_of_cell("'=1+1"), name_of_cell("=1+1"), name_of_cell("'Ada")
    ('=1+1', '=1+1', "'Ada")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def path_of_cell(cell: str) -> str:
    """Return the path that `path_cell` made a cell of; any other text as it is."""
    return cell[2:] if cell.startswith("./") and _PATH.match(cell[2:]) else cell
