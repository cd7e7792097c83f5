"""The lessons' exercises: `check('10.1', my_function)`, `hint`, `solution`, and `mine['10.1']`."""

from .core import check, hint, progress, solution
from .mine import mine

__all__ = ["check", "hint", "mine", "progress", "solution"]
