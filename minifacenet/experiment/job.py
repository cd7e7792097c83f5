"""A job holds what always travels together through a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..embedding.architectures import Architecture, FaceNet
from ..preprocessing.faces import Faces
from ..training.observer import Observer
from .settings import RunConfig


@dataclass(frozen=True)
class Job:
    """A job holds the folder, settings, random generator and observer of one run, and its device.

    The device is 'cpu' or 'cuda'.
    """

    out: Path
    config: RunConfig
    rng: np.random.Generator
    observer: Observer
    device: str

    def below(self, name: str) -> Job:
        """Give the same job in a folder below its own."""
        return replace(self, out=self.out / name)

    def new_model(self, faces: Faces) -> FaceNet:
        """Make an untrained network for such faces, on the job's device."""
        _, size, _, channels = faces.images.shape
        architecture = Architecture(self.config.network, size, channels, self.config.dim)
        model = FaceNet.new(architecture, self.config.training.seed, faces.cut)
        model.network.to(self.device)
        return model
