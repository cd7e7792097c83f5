"""Data and weights lie below the current folder, in the user's own folder, or in a clone.

A project's own `data/` wins, so that it can pin what it works with. All else goes where this system
keeps the data of programs: ~/.local/share/minifacenet on Linux, ~/Library/Application Support on
macOS, AppData on Windows. Files in a clone's `data/` are found from other folders, too.
MINIFACENET_HOME takes the place of both.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

FOLDER = Path("data")  # a project's, below the current folder
CLONE = Path(__file__).parents[2]  # no clone where the package is installed


def user_folder() -> Path:
    """Return the folder that `minifacenet get` writes to; it need not exist yet."""
    home = _chosen()
    if home:
        return Path(home).expanduser().absolute()
    return platformdirs.user_data_path("minifacenet", appauthor=False)


def where(name: str) -> Path:
    """Return the path of a file or folder such as 'mtcnn.safetensors': the first that is there.

    Where there is none it is the path at which `minifacenet get` will write it.
    """
    here, usual = FOLDER.absolute() / name, user_folder() / name
    candidates = [here, usual]
    if not _chosen() and (CLONE / "pyproject.toml").is_file():
        candidates.append(CLONE / FOLDER / name)
    # A home folder that may not be looked into holds nothing for us; `Path.exists` would raise.
    return next((path for path in candidates if os.path.exists(path)), usual)


def at_hand(path: str | os.PathLike) -> Path:
    """Return `path`, or what lies on this machine under its name where it is not to be seen.

    Only for weights that are known by their bits: then any copy is as good as another.
    """
    path, own = Path(path), where(Path(path).name)
    return path if os.path.exists(path) or not os.path.exists(own) else own


def _chosen() -> str:
    return os.environ.get("MINIFACENET_HOME", "")
