"""Where a path leads, whatever the links on it."""

import os
from pathlib import Path


def real_path(path: str | os.PathLike) -> Path:
    """Return the absolute path without links; where these go in circles, as far as they lead.

    `Path.resolve` raises RuntimeError there, until Python 3.13. The error that says more comes when
    the file is opened.
    """
    return Path(os.path.realpath(path))
