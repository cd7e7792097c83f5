"""Enrol half of the photos of each person, and name the other half.

python lessons/examples/name.py data/orl runs/small.safetensors
"""

import sys

import numpy as np

from minifacenet import Embedder, FaceClassifier, load_model, read_faces

folder, path = sys.argv[1], sys.argv[2]
model = load_model(path)
faces = read_faces(folder, size=model.architecture.size)
people = np.array(faces.people)[faces.labels]

vectors = Embedder(model, flip=True).transform(faces.images)  # unit vectors (N, 128)
gallery, probes = np.arange(0, len(faces), 2), np.arange(1, len(faces), 2)
names = FaceClassifier().fit(vectors[gallery], people[gallery]).predict(vectors[probes])

for path, name, person in zip(np.array(faces.paths)[probes], names, people[probes], strict=True):
    if name != person:
        print(f"{path}: taken for {name}")
print(f"accuracy {np.mean(names == people[probes]):.3f} on {len(probes)} photos")
