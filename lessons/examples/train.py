"""Train a small network on a folder with one folder per person, and save it.

python lessons/examples/train.py data/orl runs/small.safetensors 100
"""

import sys

from minifacenet import Architecture, FaceNet, TrainConfig, read_faces, save_model, train

folder, out, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
faces = read_faces(folder, size=48)  # uint8 images (N, 48, 48, C), labels (N,)
architecture = Architecture("nn1_mini", size=48, channels=faces.images.shape[-1])
model = FaceNet.new(architecture, seed=0)

# P people x K photos a batch, the closest semi-hard negatives, Adam: the defaults.
config = TrainConfig(steps=steps, people=min(20, len(faces.people)), photos=5)
for record in train(model.network, faces, config):
    if record.step % 10 == 0 or record.step == 1:
        health = f"{record.active:.0%} of the pairs active, spread {record.spread:.2f}"
        print(f"step {record.step:4}: loss {record.loss:.3f}, {health}")

save_model(out, model)
print(f"The model is in {out}.")
