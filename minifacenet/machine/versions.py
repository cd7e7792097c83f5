"""The versions of what computes figures: they stand beside these, to compute them again."""

from __future__ import annotations

import platform
from importlib.metadata import version

from .. import __version__

PACKAGES = ("numpy", "numba", "scipy", "scikit-learn", "pillow")


def versions() -> dict[str, str]:
    """Return the versions of minifacenet, of Python and of the packages that compute."""
    return {
        "minifacenet": __version__,
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }
