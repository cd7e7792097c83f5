"""What `make torture` fetches first: the ORL faces and the published weights."""

from pathlib import Path

from minifacenet.machine.places import where

from .attack import Absent


def orl() -> Path:
    """Return the folder of the ORL faces."""
    return _there("orl")


def detector() -> Path:
    """Return the file of the detector's weights."""
    return _there("mtcnn.safetensors")


def _there(name: str) -> Path:
    found = where(name)
    if not found.exists():
        raise Absent(f"say `minifacenet get {name.removesuffix('.safetensors')}` first")
    return found.absolute()
