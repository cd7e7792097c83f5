"""Our side of `../measure_recognise.py`: the work of `minifacenet recognise`, and its stages.

    python ours_folder.py NETWORK MIN_SIZE

MIN_SIZE is the smallest face that is looked for. The functions of the stages are those of the
package; each is wrapped, so that a clock is read before and after it.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import numba
import numpy as np
from protocol import FolderAnswer, serve

import minifacenet
from minifacenet.album import page
from minifacenet.classification import face_vectors, recognition
from minifacenet.classification.library import RecognitionSettings
from minifacenet.embedding import embedder
from minifacenet.embedding.cache import EmbeddingCache
from minifacenet.embedding.checkpoint import model_file
from minifacenet.nn.device.backend import set_threads
from minifacenet.preprocessing import align_folder, crop_files
from minifacenet.preprocessing.detector import Detector
from minifacenet.preprocessing.mtcnn import MTCNN, default_file

STAGES: list[tuple[Any, str, str]] = [
    (embedder, "load_model", "loading"),
    (MTCNN, "load", "loading"),
    (crop_files, "read_bytes", "reading"),
    (crop_files, "decode_reduced", "reading"),
    (Detector, "detect", "detection"),
    (crop_files, "cut", "cutting"),
    (crop_files.Cropper, "_written", "writing"),
    (align_folder, "save_manifest", "writing"),
    (face_vectors, "read_listed", "reading crops"),
    (EmbeddingCache, "transform", "embedding"),
    (recognition, "name_faces", "naming"),
    (recognition, "write_names", "writing"),
    (page, "write_album", "album"),
]
REST, ENROLLING = "the rest", "enrolling"


class Stages:
    """Processor time by stage. A stage within another one is not counted twice, and all that is
    done for known people is `ENROLLING`."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.under_way: list[str] = []
        self.last = time.process_time()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._book()
        inside = self.under_way and self.under_way[-1] == ENROLLING
        self.under_way.append(ENROLLING if inside else name)
        try:
            yield
        finally:
            self._book()
            self.under_way.pop()

    def _book(self) -> None:
        now = time.process_time()
        if self.under_way:
            self.seconds[self.under_way[-1]] += now - self.last
        self.last = now

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Replace a function of a module or class by one that reads the clock."""
        function: Callable = getattr(owner, name)

        @wraps(function)
        def watched(*arguments: Any, **more: Any) -> Any:
            with self.stage(stage):
                return function(*arguments, **more)

        # A class method comes with its class.
        bound = getattr(function, "__self__", None) is owner
        setattr(owner, name, staticmethod(watched) if bound else watched)

    @contextmanager
    def part(self, title: str) -> Iterator[None]:
        """Take the place of a progress bar: `recognition` enters it for each part."""
        with self.stage(ENROLLING if "known people" in title else REST):
            yield


class Ours:
    """The side: all that the command does, but one process and one thread."""

    def __init__(self, network: str, min_size: float):
        self.settings = RecognitionSettings(model=network, min_size=min_size)
        self.stages = Stages()
        for place in STAGES:
            self.stages.watch(*place)
        set_threads(1)

    def folder(self, photos: str, known: str, out: str) -> FolderAnswer:
        self.stages.seconds.clear()
        with self.stages.stage(REST):
            progress: Any = self.stages.part
            found = recognition.recognition(photos, known, out, self.settings, progress=progress)
            page.write_album(Path(out), Path(photos), found)
        faces = [(one.photo, [*one.box], one.name if one.known else "") for one in found.rows]
        return {"faces": faces, "seconds": dict(self.stages.seconds)}

    def about(self) -> dict:
        files = model_file(str(self.settings.model)), default_file()
        versions = f"minifacenet {minifacenet.__version__}, numba {numba.__version__}"
        return {
            "weights": sum(path.stat().st_size for path in files),
            "versions": f"{versions}, numpy {np.__version__}",
        }


if __name__ == "__main__":
    serve(Ours(sys.argv[1], float(sys.argv[2])))
