"""One person or two? The squared distances of all pairs of photos, and how well they tell.

python lessons/examples/verify.py data/orl runs/small.safetensors
"""

import sys

from minifacenet import Embedder, load_model, read_faces, verify
from minifacenet.classification.verification import pair_distances

folder, path = sys.argv[1], sys.argv[2]
model = load_model(path)
faces = read_faces(folder, size=model.architecture.size)
vectors = Embedder(model, flip=True).transform(faces.images)

distances, same = pair_distances(vectors, faces.labels)  # 0 to 4; one flag per pair
print(f"{same.sum():,} pairs of one person, mean distance {distances[same].mean():.2f}")
print(f"{(~same).sum():,} pairs of two people, mean distance {distances[~same].mean():.2f}")

result = verify(distances, same)
print(f"AUC {result.auc:.3f}, equal error rate {result.eer:.3f}")
for far, point in result.val_at_far.items():
    print(f"VAL {point.val:.3f} at FAR {far}: accepted up to {point.threshold:.2f}")
