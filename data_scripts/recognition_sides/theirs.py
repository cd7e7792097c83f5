"""The other side of `../compare_recognition.py`: face_recognition, as its README uses it.

It finds faces by dlib's HOG detector in the photo at twice its size, and so from 40 pixels. The
name is that of the nearest enrolled photo, if that is no farther than 0.6.
"""

from __future__ import annotations

from importlib.metadata import version

import dlib
import face_recognition
import numpy as np
from protocol import Answer, Stopwatch, serve

TOLERANCE = 0.6  # the default of `face_recognition.compare_faces`


class Theirs:
    """The side; it keeps a vector for each enrolled photo."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.vectors: list[np.ndarray] = []

    def enrol(self, people: list[tuple[str, str]]) -> int:
        for name, path in people:
            vector = self._encoded(path, Stopwatch())
            if vector is not None:
                self.names.append(name)
                self.vectors.append(vector)
        return len(self.names)

    def ask(self, paths: list[str]) -> list[Answer]:
        return [self._named(path) for path in paths]

    def _named(self, path: str) -> Answer:
        watch = Stopwatch()
        vector = self._encoded(path, watch)
        if vector is None:
            return {"found": False, "name": "", "seconds": watch.seconds}
        distances = face_recognition.face_distance(self.vectors, vector)
        nearest = int(np.argmin(distances))
        name = self.names[nearest] if distances[nearest] <= TOLERANCE else ""
        watch.stage("naming")
        return {"found": True, "name": name, "seconds": watch.seconds}

    def _encoded(self, path: str, watch: Stopwatch) -> np.ndarray | None:
        """The vector of the face nearest the middle."""
        photo = face_recognition.load_image_file(path)
        watch.stage("reading")
        boxes = face_recognition.face_locations(photo, model="hog")
        watch.stage("detection")
        if not boxes:
            return None
        height, width = photo.shape[:2]

        def off_centre(box: tuple[int, int, int, int]) -> float:
            top, right, bottom, left = box
            return float(np.hypot(left + right - width, top + bottom - height))

        nearest = min(boxes, key=off_centre)
        vector = face_recognition.face_encodings(photo, [nearest], num_jitters=1)[0]
        watch.stage("encoding")
        return vector

    def about(self) -> dict:
        blas = "with" if dlib.DLIB_USE_BLAS else "without"
        versions = f"face_recognition {version('face-recognition')}, dlib {dlib.__version__}"
        return {"title": f"face_recognition, dlib {blas} BLAS", "weights": 0, "versions": versions}


if __name__ == "__main__":
    serve(Theirs())
