"""Published networks: trained by others, computed by our layers, got with one command.

`minifacenet get NAME` reads the published file and writes ours, which is a model like any other:
weights, how its faces are cut, and thresholds. Wherever a command takes a model it takes such a
name, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..files.arrays import CheckpointError
from ..files.words import nearest
from ..machine.places import where
from .architectures import Architecture


@dataclass(frozen=True)
class Published:
    """What is known of a published network before its weights are here.

    Attributes
    ----------
    architecture : Architecture
    cut : str
        How the faces of its training were cut, in the words of `preprocessing.crop_note`.
    licence, origin : str
    digest : str or None
        Of the network with its weights, as `FaceNet.digest` gives it; None where the weights could
        not be had when this was written.
    lfw : str
        Its accuracy on LFW with the standard error, as `minifacenet evaluate lfw` measured it on
        2,000 pairs, a third of each fold; '' where there were no weights to measure.
    """

    architecture: Architecture
    cut: str
    licence: str
    origin: str
    digest: str | None
    lfw: str = ""

    @property
    def file(self) -> str:
        """The name of its file in a folder of data."""
        return f"{self.architecture.name}.safetensors"


PUBLISHED = {
    "nn4_small2": Published(
        Architecture("nn4_small2"),
        cut="aligned to openface, margin 0",
        licence="Apache-2.0",
        origin="OpenFace, nn4.small2.v1; Carnegie Mellon University, 2016",
        digest="208be46c559ced8b",
        lfw="0.929 ± 0.006",
    ),
    "dlib_resnet": Published(
        Architecture("dlib_resnet"),
        cut="aligned to dlib, margin 0",
        licence="CC0-1.0",
        origin="dlib, dlib_face_recognition_resnet_model_v1; Davis King, 2017",
        digest="d5221e494188b286",
        lfw="0.987 ± 0.002",
    ),
    "inception_resnet_v1": Published(
        Architecture("inception_resnet_v1", dim=512),
        cut="box, margin 0.125",
        licence="MIT",
        origin="facenet-pytorch, 20180402-114759-vggface2; Tim Esler, after David Sandberg, 2018",
        digest=None,
    ),
}


def published_file(name: str) -> Path | None:
    """Return where the weights of a published network lie; None if there is none of this name.

    Raises
    ------
    CheckpointError
        Its weights are not here, or the name is nearly that of one.
    """
    if name in PUBLISHED:
        path = where(PUBLISHED[name].file)
        if not path.exists():
            raise CheckpointError(
                f"the weights of {name} are not here yet: run `minifacenet get {name}`"
            )
        return path
    near = nearest(name, PUBLISHED, 0.7)
    if near:
        raise CheckpointError(f"there is no model {name!r}: is {near!r} meant?")
    return None
