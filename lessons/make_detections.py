"""What the detector found in the photos of lesson 13, for readers who have no weights for it.

    python lessons/make_detections.py data/mtcnn.safetensors data/orl

Boxes, scores and landmarks of `lessons/figures/astronaut.jpg`, of its tilted copies and of a
collage of ORL faces, and the squares that the three networks let through, in
`lessons/results/detections.json`.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from minifacenet import read_faces
from minifacenet.files.atomic import write_json
from minifacenet.preprocessing.boxes import non_maximum_suppression
from minifacenet.preprocessing.detector import SAME_FACE_IN_COPY, Detector, pyramid
from minifacenet.preprocessing.resample import halvings

HERE = Path(__file__).parent
PHOTO = HERE / "figures" / "astronaut.jpg"
OUT = HERE / "results" / "detections.json"
TILTS = (-25, -10, 0, 10, 25)
PLACES = (
    (20, 20, 160),
    (200, 20, 120),
    (350, 30, 80),
    (460, 25, 60),
    (215, 160, 150),
    (400, 150, 40),
)


def described(found) -> dict:
    names = ("boxes", "scores", "landmarks")
    return {name: np.round(getattr(found, name), 4).tolist() for name in names}


def stages(detector: Detector, photo: np.ndarray) -> tuple[list, dict]:
    """The squares that P-Net keeps in each copy, and how many are left after each network."""
    copies, squares = halvings(photo), []
    asked = 0
    for size in pyramid(photo.shape[:2], detector.min_size, detector.factor, detector.max_side):
        boxes, scores, _ = detector._proposed_at(copies, size)
        asked += ((size[0] - 2 + 1) // 2 - 4) * ((size[1] - 2 + 1) // 2 - 4)
        kept = non_maximum_suppression(boxes, scores, SAME_FACE_IN_COPY)
        squares.append(np.round(boxes[kept], 1).tolist())
    proposed = detector._proposed(copies)
    refined = detector._refined(copies, proposed)
    return squares, {
        "squares that P-Net looked at": asked,
        "it kept, without doubles": len(proposed),
        "R-Net kept, without doubles": len(refined),
        "faces that O-Net found": len(detector._described(copies, refined)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("faces", type=Path)
    arguments = parser.parse_args()
    detector = Detector(arguments.weights)
    image = Image.open(PHOTO)
    photo, tilted = np.asarray(image), {}
    for tilt in TILTS:
        turned = np.asarray(image.rotate(tilt, Image.Resampling.BICUBIC))
        tilted[str(tilt)] = described(detector.detect(turned))
    orl = read_faces(arguments.faces).images
    page = np.full((330, 560, 1), 200, np.uint8)
    for number, (x, y, side) in enumerate(PLACES):
        face = Image.fromarray(orl[40 * number, ..., 0]).resize((side, side))
        page[y : y + side, x : x + side, 0] = np.asarray(face)
    pnet, left = stages(detector, photo)
    write_json(
        OUT,
        {
            "pnet": pnet,
            "left": left,
            "astronaut": described(detector.detect(photo)),
            "tilted": tilted,
            "collage": {"places": PLACES, **described(detector.detect(page))},
        },
    )
    print(OUT.name, OUT.stat().st_size, "bytes", left)


if __name__ == "__main__":
    main()
