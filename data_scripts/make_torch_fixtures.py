"""Write tests/data/torch_nn1_mini.safetensors: what PyTorch computes for our networks, in float64.

    python data_scripts/make_torch_fixtures.py        (needs torch; the tests do not)

Weights and inputs come from a formula, `values` below, that the test computes again, so the file
holds results alone. PyTorch's own layers do the work: conv2d, max_pool2d, local_response_norm,
linear, maximum, normalize, and autograd. Our arrays are NHWC, PyTorch's NCHW.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from minifacenet.embedding.architectures import Architecture
from minifacenet.embedding.nn1 import NN1

OUT = Path(__file__).parent.parent / "tests" / "data" / "torch_nn1_mini.safetensors"
PHOTOS, SIZE, DIM, MARGIN = 4, 64, 16, 0.003
TRIPLETS = ((0, 1, 2), (1, 0, 3), (2, 3, 0), (3, 2, 1))


def values(shape, stream: int, scale: float) -> np.ndarray:
    """Uniform numbers in [-scale, scale], float64, the same everywhere: splitmix64."""
    z = np.arange(1, np.prod(shape) + 1, dtype=np.uint64) + np.uint64(stream << 32)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (scale * ((z >> np.uint64(11)) * 2.0**-52 - 1)).reshape(shape)


def parameter_values(name: str, shape, number: int) -> np.ndarray:
    """Value of the parameter `name`, the `number`-th of the network."""
    fan_in = np.prod(shape[:-1])
    scale = 0.1 if name.endswith("bias") else np.sqrt(6 / fan_in)
    return values(shape, number, scale)


def photos() -> np.ndarray:
    """(PHOTOS, SIZE, SIZE, 3), the network's input."""
    return values((PHOTOS, SIZE, SIZE, 3), 1000, 1.0)


def pattern(shape, number: int) -> np.ndarray:
    """What the gradient of the `number`-th parameter is projected on."""
    return values(shape, 2000 + number, 1.0)


def network(x, p):
    """NN1 with torch's functions; `x` NHWC, `p` our parameters by name as torch tensors."""
    import torch
    import torch.nn.functional as F

    x = x.permute(0, 3, 1, 2)
    for row in NN1:
        if isinstance(row, tuple):
            name, kernel, stride = row
            weight = p[f"{name}.weight"].permute(3, 2, 0, 1)
            x = F.relu(F.conv2d(x, weight, p[f"{name}.bias"], stride, kernel // 2))
        elif row.startswith("pool"):
            x = F.max_pool2d(x, 3, 2, 1)
        elif row.startswith("rnorm"):
            x = F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)
        elif row == "concat":
            x = x.permute(0, 2, 3, 1).flatten(1)
        elif row == "L2":
            x = F.normalize(x)
        else:
            x = F.linear(x, p[f"{row}.weight"].T, p[f"{row}.bias"])
            if row != "fc7128":
                first, second = x.chunk(2, dim=1)
                x = torch.maximum(first, second)
    return x


def triplet_loss(e):
    """Mean bracket of the active triplets among TRIPLETS, on squared distances."""
    a, p, n = (e[list(index)] for index in zip(*TRIPLETS, strict=True))
    bracket = ((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + MARGIN
    return bracket[bracket > 0].mean()


def main() -> None:
    import torch

    architecture = Architecture("nn1_mini", SIZE, 3, DIM)
    shapes = {
        name: parameter.data.shape
        for name, parameter in architecture.build(np.random.default_rng(0)).parameters().items()
    }
    tensors = {
        name: torch.tensor(parameter_values(name, shape, number)).requires_grad_()
        for number, (name, shape) in enumerate(shapes.items())
    }
    x = torch.tensor(photos())
    embeddings = network(x, tensors)
    loss = triplet_loss(embeddings)
    loss.backward()
    results = {"embeddings": embeddings.detach().numpy(), "loss": loss.detach().numpy()[None]}
    for number, (name, tensor) in enumerate(tensors.items()):
        # A million gradients, each array as two numbers: its size and its projection on a pattern.
        gradient = tensor.grad.numpy()
        slope = (gradient * pattern(gradient.shape, number)).sum()
        results[f"{name}.gradient"] = np.array([np.linalg.norm(gradient), slope])
    OUT.parent.mkdir(exist_ok=True)
    save_file(
        results, OUT, {"origin": f"data_scripts/make_torch_fixtures.py, torch {torch.__version__}"}
    )
    print(f"{OUT}: loss {loss.item():.12f}, {len(results)} arrays, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
