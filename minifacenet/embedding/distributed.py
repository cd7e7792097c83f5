"""An embedder whose network runs on other machines, and gives the same bits.

The last bits of an embedding depend on how many photos go through the network with it. So what
travels is what `Embedder` would take at once: batches of the same photos. The workers load the
model themselves, from its path or from a copy of their own, and it counts only if its digest is
that of this machine's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..files.arrays import CheckpointError
from ..machine.places import at_hand
from ..machine.workers import Died, Engine, in_processes
from ..preprocessing.lazy_images import LazyImages
from .architectures import FaceNet
from .checkpoint import load_model, model_file
from .embedder import Embedder


class DistributedEmbedder(Embedder):
    """Embeds as `Embedder` does, on the workers of a cluster.

    Parameters
    ----------
    model : FaceNet
    workers : Engine
        A `machine.cluster.Cluster`.
    file : path
        The model's file, which the workers load.
    batch_size, flip, progress
        As in `Embedder`.
    """

    def __init__(
        self,
        model: FaceNet,
        workers: Engine,
        file: Path,
        batch_size: int = 32,
        flip: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ):
        super().__init__(model, batch_size, flip, progress)
        self.workers, self.file = workers, file

    def transform(self, X: ArrayLike | LazyImages) -> np.ndarray:
        """Embed photos; arguments, answers and errors are those of `Embedder.transform`.

        Raises
        ------
        ClusterError
            A worker cannot do it, or the connection is lost.
        MemoryError
            A batch has ended the processes of several workers.
        """
        photos, size = X if isinstance(X, LazyImages) else np.asarray(X), self.batch_size
        none = super().transform(photos[:0])  # which refuses wrong photos, too
        out = np.empty((len(photos), *none.shape[1:]), none.dtype)
        batches = ((start, photos[start : start + size]) for start in range(0, len(photos), size))
        made_of = (self.file, self.digest, size, self.flip)
        done = 0
        with closing(in_processes(batches, _Batches, made_of, self.workers)) as answers:
            for (start, batch), vectors in answers:
                if isinstance(vectors, Died):
                    raise MemoryError(
                        f"the workers that embedded {len(batch)} faces at once ended: memory may "
                        "be short there"
                    )
                out[start : start + len(batch)] = vectors
                done += len(batch)
                if self.progress is not None:
                    self.progress(done, len(photos))
        return out


class _Batches:
    """What embeds a batch on a worker."""

    def __init__(self, file: Path, digest: str, size: int, flip: bool):
        found = at_hand(file)
        self.embedder = Embedder(load_model(found), size, flip)
        if self.embedder.digest != digest:
            raise CheckpointError(
                f"{found} holds network {self.embedder.digest}, and {digest} is asked for"
            )

    def __call__(self, batch: tuple[int, np.ndarray]) -> np.ndarray:
        return self.embedder.transform(batch[1])


def on_workers(workers: int | Engine, embedder: Embedder, model: str | os.PathLike) -> Embedder:
    """Return what embeds on the workers of a cluster; on this machine that is the embedder.

    `model` is where the embedder's came from: a file, a run's folder, or a published name.
    """
    if isinstance(workers, int):
        return embedder
    file = model_file(Path(model)).absolute()
    return DistributedEmbedder(
        embedder._loaded(), workers, file, embedder.batch_size, embedder.flip, embedder.progress
    )
