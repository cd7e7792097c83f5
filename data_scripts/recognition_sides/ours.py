"""Our side of `../compare_recognition.py`: dlib_resnet on faces that our detector finds.

    python ours.py MIN_SIZE MIRROR BATCHES     (the last two are 0 or 1)

MIN_SIZE is the smallest face that is looked for. MIRROR takes the mean of a face and its mirror
image, as all commands do. BATCHES embeds the faces of an order at once, as they do, too.
"""

from __future__ import annotations

import sys

import numpy as np
from protocol import Answer, Stopwatch, serve

import minifacenet
from minifacenet.classification.classifier import FaceClassifier
from minifacenet.classification.enrolment import enrol_embeddings
from minifacenet.embedding.checkpoint import model_file
from minifacenet.embedding.embedder import Embedder
from minifacenet.preprocessing.align_listed import settings_for
from minifacenet.preprocessing.detector import Detector
from minifacenet.preprocessing.mtcnn import default_file
from minifacenet.preprocessing.photo import read_photo
from minifacenet.preprocessing.square_crops import aligned_crop

NETWORK = "dlib_resnet"


class Ours:
    """The side; its gate is the one that `minifacenet classify fit` takes."""

    def __init__(self, min_size: float, mirror: bool, batches: bool):
        self.embedder = Embedder(NETWORK, flip=mirror)
        self.size = self.embedder.architecture.input_shape[0]
        self.cut = settings_for(self.embedder.cut, self.size)
        self.detector = Detector(min_size=min_size, thresholds=(0.6, 0.7, self.cut.min_score))
        self.batches = batches
        self.classifier: FaceClassifier

    def enrol(self, people: list[tuple[str, str]]) -> int:
        crops = {number: self._crop(path, Stopwatch()) for number, (_, path) in enumerate(people)}
        found = {number: crop for number, crop in crops.items() if crop is not None}
        names = np.array([people[number][0] for number in found])
        vectors = self.embedder.transform(np.stack(list(found.values())))
        enrolled = enrol_embeddings(self.embedder, vectors, names, NETWORK)
        self.classifier = enrolled.people.classifier
        return len(found)

    def ask(self, paths: list[str]) -> list[Answer]:
        if not self.batches:
            return [self._named([path])[0] for path in paths]
        return self._named(paths)

    def _named(self, paths: list[str]) -> list[Answer]:
        """Name photos; what is done for all of them at once is shared out among their times."""
        watches = [Stopwatch() for _ in paths]
        crops = [self._crop(path, watch) for path, watch in zip(paths, watches, strict=True)]
        names = dict.fromkeys(range(len(paths)), "")
        found = [number for number, crop in enumerate(crops) if crop is not None]
        if found:
            together = Stopwatch()
            vectors = self.embedder.transform(np.stack([crops[number] for number in found]))
            together.stage("embedding")
            answers = self.classifier.answers(vectors)
            for number, person, known in zip(found, answers.person, answers.known, strict=True):
                names[number] = str(self.classifier.classes_[person]) if known else ""
            together.stage("naming")
            shares = {stage: taken / len(found) for stage, taken in together.seconds.items()}
            for number in found:
                watches[number].seconds |= shares
        return [
            {"found": crop is not None, "name": names[number], "seconds": watch.seconds}
            for number, (crop, watch) in enumerate(zip(crops, watches, strict=True))
        ]

    def _crop(self, path: str, watch: Stopwatch) -> np.ndarray | None:
        """The face nearest the middle, aligned for the network."""
        watch.last = Stopwatch().last
        photo = read_photo(path)
        watch.stage("reading")
        faces = self.detector.detect(photo)
        watch.stage("detection")
        if not len(faces):
            return None
        middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
        nearest = np.linalg.norm(middles - np.array(photo.shape[1::-1]) / 2, axis=1).argmin()
        landmarks = faces.landmarks[nearest] - 0.5  # from edges to the centres of pixels
        crop = aligned_crop(photo, landmarks, self.size, self.cut.template, self.cut.margin)
        watch.stage("alignment")
        return crop

    def about(self) -> dict:
        weights = sum(path.stat().st_size for path in (model_file(NETWORK), default_file()))
        return {"weights": weights, "versions": f"minifacenet {minifacenet.__version__}"}


if __name__ == "__main__":
    serve(Ours(float(sys.argv[1]), sys.argv[2] == "1", sys.argv[3] == "1"))
