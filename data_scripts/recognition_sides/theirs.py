"""The other side of the comparisons: face_recognition, as its README uses it.

It finds faces by dlib's HOG detector in the photo at twice its size, and so from 40 pixels. The
name is that of the nearest enrolled photo, if that is no farther than 0.6. A folder is done as its
command `face_recognition KNOWN PHOTOS` does it: all faces of each photo, and a line for each.
"""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version
from pathlib import Path

import dlib
import face_recognition
import numpy as np
from protocol import Answer, FolderAnswer, Stopwatch, serve

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
        name = self._nearest(vector)
        watch.stage("naming")
        return {"found": True, "name": name, "seconds": watch.seconds}

    def _nearest(self, vector: np.ndarray) -> str:
        """The name of the nearest enrolled photo, '' if it is too far away."""
        distances = face_recognition.face_distance(self.vectors, vector)
        nearest = int(np.argmin(distances))
        return self.names[nearest] if distances[nearest] <= TOLERANCE else ""

    def folder(self, photos: str, known: str, out: str) -> FolderAnswer:
        """Enrol KNOWN, the first face of each photo, and name all faces of PHOTOS."""
        people, enrolling = sorted(Path(known).glob("*/*")), Stopwatch()
        found = [(path.parent.name, self._faces(path, Stopwatch())[1]) for path in people]
        self.names = [name for name, vectors in found if vectors]
        self.vectors = [vectors[0] for _, vectors in found if vectors]
        enrolling.stage("enrolling")
        seconds, faces = Counter(enrolling.seconds), []
        for path in sorted(Path(photos).iterdir()):
            watch = Stopwatch()
            boxes, vectors = self._faces(path, watch)
            names = [self._nearest(vector) for vector in vectors]
            watch.stage("naming")
            for (top, right, bottom, left), name in zip(boxes, names, strict=True):
                faces.append((path.name, [float(n) for n in (left, top, right, bottom)], name))
            seconds.update(watch.seconds)
        writing = Stopwatch()
        lines = "".join(f"{photo},{name or 'unknown_person'}\n" for photo, _, name in faces)
        (Path(out) / "names.csv").write_text(lines, encoding="utf-8")
        writing.stage("writing")
        return {"faces": faces, "seconds": {**seconds, **writing.seconds}}

    def _faces(self, path: Path, watch: Stopwatch) -> tuple[list, list[np.ndarray]]:
        """The boxes (top, right, bottom, left) and vectors of all faces."""
        photo = face_recognition.load_image_file(path)
        watch.stage("reading")
        boxes = face_recognition.face_locations(photo, model="hog")
        watch.stage("detection")
        vectors = face_recognition.face_encodings(photo, boxes)
        watch.stage("encoding")
        return boxes, vectors

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
