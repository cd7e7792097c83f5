"""A cache: a face that was embedded once is not embedded again.

The network is by far the slowest step, and the same faces come back: a folder with three new photos
holds a thousand old ones. An embedding depends on three things, and on nothing else:

    the face              SHA-256 of its shape and bytes: its content, not its path
    the network           its digest: one bit of one weight changes it
    the preparation       in words, which also say whether the mirror image is averaged in

A vector is found again only if all three are the same. So nothing has to be cleared after a
training; a file of the new network begins beside the old one.

Each pair of network and preparation has one file, `embeddings-<digest>.safetensors`: for each face
a row of 32 bytes (its key) and one of 4 D bytes (its vector), 544 bytes for the paper's D = 128.
The default limit of a million faces takes 544 MB; above it the oldest rows go first. To
add to it takes four times as much memory. Files of
networks no longer used stay until you delete them; the folder may be deleted at any time.

The file is replaced as a whole, and read again just before. Of two processes that write at the same
moment the last one wins: what the other one added is computed again when needed. The cache never
ends a run. A file that cannot be read, or written, gives a warning, and the network does the work.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..files.arrays import load_arrays, save_arrays
from ..files.atomic import digest, sweep, try_to_write
from ..preprocessing.lazy_images import Images, LazyImages, subset
from .embedder import Embedder

FORMAT = "embedding cache 1"
KEY_BYTES = 32
PART, PARTS = 128, 128  # faces in a part, or a multiple of them; parts at most


class EmbeddingCache:
    """An embedder that remembers on disk: `EmbeddingCache("cache", Embedder("runs/orl"))`.

    Parameters
    ----------
    folder : str or path
        It is made when the first photos are embedded.
    embedder : Embedder
        Any object with its `transform`, `digest` and `preprocessing`.
    most : int
        Faces that one file holds; the oldest go first.
    warn : callable(str)
        Called with a message about a file that could not be used.
    """

    def __init__(
        self,
        folder: str | Path,
        embedder: Embedder,
        most: int = 1_000_000,
        warn: Callable[[str], None] = warnings.warn,
    ):
        if most < 1:
            raise ValueError(f"most must be at least 1 face, got {most}")
        self.folder = Path(folder)
        self.embedder = embedder
        self.most = most
        self.warn = warn

    def transform(self, X: Images) -> np.ndarray:
        """Embed photos; only those not seen before pass the network, and copies pass it once.

        A known face gets the same bits as before. The network would give the same vector up to
        rounding, which depends on the other photos of a batch.

        Parameters
        ----------
        X : ndarray of shape (N, H, W, C), uint8, or LazyImages

        Returns
        -------
        ndarray of shape (N, D), float32
            As the embedder's own `transform`.

        Raises
        ------
        ValueError
            X is not an array of uint8 photos; also whatever the embedder raises.
        """
        if not isinstance(X, LazyImages):
            X = np.asarray(X)
        if X.dtype != np.uint8 or X.ndim != 4:
            raise ValueError(f"takes uint8 photos of shape (N, H, W, C), got {X.dtype} {X.shape}")
        if not len(X):
            return self.embedder.transform(X)
        identity = (self.embedder.digest, self.embedder.preprocessing)
        path = self.folder / f"embeddings-{digest(*identity)}.safetensors"
        sweep(self.folder, name=path.name)
        known = self._known(path, identity)
        keys = [face_key(face) for face in X]
        first: dict[bytes, int] = {}  # the new faces, each with its first index
        for i, key in enumerate(keys):
            if key not in known:
                first.setdefault(key, i)
        if first:
            kept = self._can_keep(path, len(first))
            vectors = self.embedder.transform(subset(X, list(first.values())))
            fresh = dict(zip(first, vectors, strict=True))
            if kept:
                self._keep(path, identity, fresh)
            known |= fresh
        return np.array([known[key] for key in keys])

    def _known(self, path: Path, identity) -> dict[bytes, np.ndarray]:
        try:
            return _read(path, identity)
        except (ValueError, OSError) as error:
            self.warn(f"{error}: all faces are embedded anew, and the file is replaced")
            return {}

    def _can_keep(self, path: Path, new: int) -> bool:
        """Whether the file can be written: it is better to know before the work than after it."""
        try:
            try_to_write(path)
        except OSError as error:
            self.warn(f"{error}: {new} new embeddings are not kept")
            return False
        return True

    def _keep(self, path: Path, identity, fresh: dict[bytes, np.ndarray]) -> None:
        """Add `fresh` to what the file holds by now: another process may have written it."""
        rows = {}
        with suppress(ValueError, OSError):  # the first reading has warned of these
            rows = _read(path, identity)
        rows = dict(list((rows | fresh).items())[-self.most :])
        keys = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, KEY_BYTES)
        vectors = np.array(list(rows.values()))
        try:
            arrays = {"keys": keys, "vectors": vectors}
            save_arrays(path, arrays, _header(identity, keys, vectors))
        except (ValueError, OSError) as error:
            self.warn(f"{error}: {len(fresh)} new embeddings are not kept")


def embed_in_parts(
    cache: EmbeddingCache,
    X: Images,
    progress: Callable[[int, int], None] = lambda done, total: None,
    part: int | None = None,
) -> np.ndarray:
    """Embed many photos `part` by part: an interruption costs the embeddings of one part only.

    If it is left out, it is `part_of` them.
    """
    part, vectors = part or part_of(len(X)), []
    for start in range(0, len(X), part):
        progress(start, len(X))
        vectors.append(cache.transform(subset(X, slice(start, start + part))))
    progress(len(X), len(X))
    return np.concatenate(vectors)


def part_of(faces: int) -> int:
    """Return how many of so many faces are embedded between two writes of the cache's file.

    Each write is one of the whole file, so many small parts would take the square of their number.
    """
    return PART * max(1, -(-faces // (PART * PARTS)))


def face_key(face: np.ndarray) -> bytes:
    """Return 32 bytes for the content of a uint8 face: SHA-256 of its shape and bytes."""
    return hashlib.sha256(f"{face.shape}".encode() + face.tobytes()).digest()


def _header(identity, keys: np.ndarray, vectors: np.ndarray) -> dict:
    """Return the header of a file; its digest shows a change of any bit."""
    model, preprocessing = identity
    return {
        "format": FORMAT,
        "model": model,
        "preprocessing": preprocessing,
        "digest": digest(keys, vectors),
    }


def _fit(keys: np.ndarray, vectors: np.ndarray) -> bool:
    """Whether keys and vectors are arrays with one row per face."""
    return (vectors.dtype, vectors.ndim) == (np.float32, 2) and (keys.dtype, keys.shape) == (
        np.uint8,
        (len(vectors), KEY_BYTES),
    )


def _read(path: Path, identity) -> dict[bytes, np.ndarray]:
    """Read the vectors by face, oldest first; none if there is no file.

    Raises
    ------
    ValueError, OSError
        The file cannot be read, or is not what `_keep` wrote for this identity.
    """
    if not path.exists():
        return {}
    arrays, header = load_arrays(path)
    nothing = np.empty(0)  # fits no cache
    keys, vectors = arrays.get("keys", nothing), arrays.get("vectors", nothing)
    if not _fit(keys, vectors) or header != _header(identity, keys, vectors):
        raise ValueError(f"{path}: a damaged cache of embeddings, or none at all")
    return {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}
