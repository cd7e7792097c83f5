"""Embeddings as two files: the numbers in `name.npy`, what they mean in `name.csv`.

    index  path      label  model             preprocessing       scale  npy
    0      Ada/1.jpg Ada    93f0a1c2d3e4f5a6  centre square; ...         5b8c...

Row i of the table describes row i of the array, and both files open in other programs too. A vector
means something only beside vectors of the same network and the same preparation of the photos: two
networks put the same face in unrelated places. So both are in every row, and vectors that differ in
either are never mixed.

In float32 a vector of the paper's 128 dimensions takes 512 bytes. Quantised (see `quantise.py`) the
array holds int8 and takes 128; the column `scale` holds what the codes are divided by, the same
number in all rows or one per row (then a vector counts as 132 bytes). In float32 it is empty. The
table itself takes some 110 bytes per row, mostly the same words again; they would compress well.

Two files cannot be replaced in one step. The array is written first, the table second, and the
table holds the digest of its array (column `npy`). A kill between the two, or a reader in that
moment, meets a new array with an old table: the digest does not fit, and loading says so.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from ..files.atomic import digest, write_csv
from ..files.npy import read_header, write_npy
from ..files.reading import open_table
from ..files.words import printable, shortened
from .quantise import Quantised, quantise

_LARGEST_SCALE = float(np.finfo(np.float32).max)
HEADER = ("index", "path", "label", "model", "preprocessing", "scale", "npy")


class StoreError(ValueError):
    """Embeddings that cannot be saved, read or joined, with the reason."""


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings of photos, and all that is needed to compare them with others.

        embedder = Embedder("runs/orl")
        names = tuple(faces.people[i] for i in faces.labels)
        vectors = embedder.transform(faces.images)
        Embeddings(vectors, faces.paths, names, embedder.digest, embedder.preprocessing)

    Attributes
    ----------
    vectors : ndarray of shape (N, D), float32
        Their length is 1 (after quantisation, nearly).
    paths : tuple of str
        The photo of each vector.
    names : tuple of str
        The person on each photo; '' if unknown.
    model : str
        `FaceNet.digest` of the network.
    preprocessing : str
        `Embedder.preprocessing`.

    Raises
    ------
    StoreError
        A type or shape is wrong, a value is NaN or infinite, or a vector lacks a path or a name.
    """

    vectors: np.ndarray
    paths: tuple[str, ...]
    names: tuple[str, ...]
    model: str
    preprocessing: str

    def __post_init__(self) -> None:
        v = self.vectors
        if v.dtype != np.float32 or v.ndim != 2:
            raise StoreError(f"vectors are float32 of shape (N, D), got {v.dtype} {v.shape}")
        bad = np.flatnonzero(~np.isfinite(v).all(axis=1))
        if bad.size:
            raise StoreError(f"NaN or infinity in {bad.size} vectors, first in row {bad[0]}")
        if not len(v) == len(self.paths) == len(self.names):
            raise StoreError(
                f"{len(v)} vectors need as many paths and names ('' if unknown), "
                f"got {len(self.paths)} and {len(self.names)}"
            )

    def __len__(self) -> int:
        return len(self.paths)

    def save(self, path: str | Path, quantised: str | None = None) -> None:
        """Write `path.npy` and `path.csv`, each atomically.

        Parameters
        ----------
        path : str or path
            With or without one of the two endings.
        quantised : None, 'global' or 'vector'
            None: float32. Otherwise int8 with one scale for all, or one per vector.

        Raises
        ------
        StoreError
            There is nothing to save, or UTF-8 cannot hold a text. Earlier files stay.
        """
        npy, table = file_pair(path)
        if not len(self):
            raise StoreError(f"{npy}: not saved, there are no embeddings")
        for text in chain(self.paths, self.names, (self.model, self.preprocessing)):
            try:
                text.encode()
            except UnicodeEncodeError:
                raise StoreError(f"{table}: not saved, {text!r} is no valid Unicode") from None
        array = np.ascontiguousarray(self.vectors)
        scales: Iterable[str] = [""] * len(self)
        if quantised is not None:
            small = quantise(self.vectors, quantised)
            # The shortest decimal number that is read back as the same float32.
            array = small.codes
            scales = map(str, np.broadcast_to(small.scale, len(self)))
        same = (self.model, self.preprocessing)
        rows = zip(range(len(self)), self.paths, self.names, scales, strict=True)
        ends = digest(array)
        write_npy(npy, array)
        write_csv(table, HEADER, ((i, p, n, *same, scale, ends) for i, p, n, scale in rows))

    @classmethod
    def load(cls, path: str | Path) -> Embeddings:
        """Read what `save` wrote; bytes come back as float32, code / scale.

        Quantised again they give the same codes: nothing is lost by a second save.

        Raises
        ------
        StoreError
            A file is missing or damaged, the two are not of one save, or models are mixed.
        """
        npy, table = file_pair(path)
        for file, other in ((npy, table), (table, npy)):
            if not file.is_file():
                beside = f"although {other.name} is there" if other.is_file() else ""
                raise StoreError(f"{file}: no such file {beside}".rstrip())
        array, rows = _read_array(npy), _read_table(table)
        if len(array) != len(rows):
            raise StoreError(f"{npy} holds {len(array)} vectors, but {table} has {len(rows)} rows")
        indices, paths, names, models, preprocessings, scales, digests = zip(*rows, strict=True)
        for i, index in enumerate(indices):
            if index != str(i):
                raise StoreError(f"{table}: row {i} has index {shortened(index)}: keep their order")
        model = _one(table, "model", models)
        preprocessing = _one(table, "preprocessing", preprocessings)
        if _one(table, "npy", digests) != digest(array):
            raise StoreError(
                f"{npy} is not the array that {table} was written for ({digest(array)}, not "
                f"{shortened(digests[0])}): a save was interrupted, or a file replaced. Save again"
            )
        try:
            return cls(_floats(array, scales), paths, names, model, preprocessing)
        except ValueError as error:
            raise StoreError(f"{table}, {npy.name}: {error}") from None


def join(*embeddings: Embeddings) -> Embeddings:
    """Return all rows of several embeddings, in order.

    Raises
    ------
    StoreError
        There is nothing to join, or models or preprocessings differ: vectors cannot be compared.
    """
    if not embeddings:
        raise StoreError("nothing to join: pass one Embeddings or more")
    first = embeddings[0]
    for other in embeddings[1:]:
        for what in ("model", "preprocessing"):
            one, two = getattr(first, what), getattr(other, what)
            if one != two:
                raise StoreError(
                    f"embeddings of two {what}s do not compare, {one!r} and {two!r}: "
                    "embed all photos in one way"
                )
    return Embeddings(
        np.concatenate([e.vectors for e in embeddings]),
        tuple(chain.from_iterable(e.paths for e in embeddings)),
        tuple(chain.from_iterable(e.names for e in embeddings)),
        first.model,
        first.preprocessing,
    )


def file_pair(path: str | Path) -> tuple[Path, Path]:
    """Return the array's file and the table's, from either name or from their common stem."""
    path = Path(path)
    name = path.stem if path.suffix in (".npy", ".csv") else path.name  # 'v1.5' has no ending
    return path.with_name(f"{name}.npy"), path.with_name(f"{name}.csv")


def _read_array(npy: Path) -> np.ndarray:
    """Read float32 or int8 of shape (N, D)."""
    try:
        with npy.open("rb") as file:
            header = read_header(file)
            if len(header.shape) != 2 or header.dtype not in (np.float32, np.int8):
                raise StoreError(
                    f"{npy}: embeddings are float32 or int8 of shape (N, D), got {header.dtype} "
                    f"{shortened(header.shape)}"
                )
            flat = np.fromfile(file, header.dtype, math.prod(header.shape))
    except StoreError:
        raise
    except (OSError, ValueError) as error:
        reason = printable(str(error))[:300]
        raise StoreError(f"{npy}: not a whole .npy file of numbers ({reason})") from None
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def _read_table(table: Path) -> list[list[str]]:
    try:
        with open_table(table) as file:
            header, *rows = list(csv.reader(file, strict=True)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StoreError(f"{table}: not a UTF-8 table ({error})") from None
    if tuple(header) != HEADER:
        got = printable(", ".join(header))[:200]
        raise StoreError(f"{table}: needs the columns {', '.join(HEADER)}, has {got}")
    if not rows:
        raise StoreError(f"{table}: no rows below the header")
    for i, row in enumerate(rows):
        if len(row) != len(HEADER):
            raise StoreError(
                f"{table}: row {i} has {len(row)} columns, not {len(HEADER)}: {shortened(row)}"
            )
    return rows


def _one(table: Path, column: str, values: tuple[str, ...]) -> str:
    """Return the only value of a column."""
    distinct = list(dict.fromkeys(values))
    if len(distinct) > 1:
        raise StoreError(
            f"{table}: {column} must be the same in all rows, got {shortened(distinct[0])} and "
            f"{shortened(distinct[1])}"
        )
    return distinct[0]


def _scale(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= _LARGEST_SCALE:
        raise ValueError(f"a scale is finite and positive, got {shortened(text)}")
    return value


def _floats(array: np.ndarray, scales: tuple[str, ...]) -> np.ndarray:
    """Return the vectors from a file's array and its column `scale`."""
    if array.dtype == np.int8:
        return Quantised(array, np.array([*map(_scale, scales)], np.float32)).vectors
    if any(scales):
        raise ValueError(f"float32 has no scale, got {shortened(next(filter(None, scales)))}")
    return array
