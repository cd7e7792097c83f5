"""The lessons' exercises: `check('10.1', my_function)`, `hint('10.1')`, `solution('10.1')`."""

from .core import check, hint, progress, solution

__all__ = ["check", "hint", "progress", "solution"]
