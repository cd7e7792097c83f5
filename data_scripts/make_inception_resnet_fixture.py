"""Write what PyTorch computes for Inception-ResNet v1, and two checkpoints that PyTorch saved.

    python data_scripts/make_inception_resnet_fixture.py

It needs torch, and facenet-pytorch, which may be installed without its dependencies: of it one file
is loaded, which defines the network, and what that imports for downloads is a stand-in. The tests
need neither. All go to tests/data/:

- torch_inception_resnet_v1.safetensors: the output for two photos, in float64, before and after it
  is normalised, and the state dict's names and shapes. The weights come from the formula `weights`
  below, which the test computes again, as it does the photos.
- torch_zip.pt and torch_legacy.pt: one small state dict of known numbers (`small_state`), in both
  formats of torch.save.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType

import numpy as np
from safetensors.numpy import save_file

from minifacenet.data_scripts.make_torch_fixtures import values

FOLDER = Path(__file__).parent.parent / "tests" / "data"
PHOTOS, SIZE = 2, 160


def photos() -> np.ndarray:
    """(PHOTOS, 3, SIZE, SIZE), the network's input as PyTorch wants it, float32.

    Squares of 16 pixels: of finer noise one photo is much like another to the network.
    """
    squares = values((PHOTOS, 3, SIZE // 16, SIZE // 16), 3000, 1.0).astype(np.float32)
    return squares.repeat(16, axis=2).repeat(16, axis=3)


def weights(name: str, shape: tuple[int, ...], number: int) -> np.ndarray:
    """Value of the array `name`, the `number`-th of the state dict without the counts; float32.

    Variances are positive and gammas are near 1, so that activations keep their size.
    """
    if name.endswith("running_var") or (name.endswith(".weight") and len(shape) == 1):
        array = 1 + values(shape, number, 0.3)
    elif len(shape) == 1:  # biases and means
        array = values(shape, number, 0.1)
    else:
        array = values(shape, number, np.sqrt(6 / np.prod(shape[1:])))
    return array.astype(np.float32)


def small_state() -> dict[str, np.ndarray]:
    """A state dict of all that a reader has to tell apart, for PyTorch to save and us to read."""
    numbers = np.arange(24, dtype=np.float32) / 8
    return {
        "conv.weight": numbers.reshape(2, 3, 2, 2) - 1,
        "turned": numbers[:6].reshape(2, 3).T,  # a view with strides of its own
        "part": numbers[6:10],  # of the same storage, further on
        "double": np.linspace(-1, 1, 3),
        "half": np.array([0.5, -2], np.float16),
        "num_batches_tracked": np.array(7),
        "empty": np.zeros((0, 3), np.float32),
    }


def load_network() -> ModuleType:
    """The module of facenet-pytorch that defines the network, and nothing else of the package."""
    folder = Path(importlib.util.find_spec("facenet_pytorch").origin).parent / "models"
    stand_in = ModuleType("stand-in")
    stand_in.HTTPAdapter = stand_in.download_url_to_file = None
    sys.modules |= {"requests": stand_in, "requests.adapters": stand_in}
    sys.modules |= {"models": stand_in, "models.utils": stand_in, "models.utils.download": stand_in}
    file = folder / "inception_resnet_v1.py"
    spec = importlib.util.spec_from_file_location("models.inception_resnet_v1", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    import torch

    network = load_network().InceptionResnetV1().eval().double()
    state = network.state_dict()
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    for number, name in enumerate(names):
        state[name] = torch.from_numpy(weights(name, tuple(state[name].shape), number))
    network.load_state_dict(state)

    before = []
    network.last_bn.register_forward_hook(lambda _, __, output: before.append(output))
    with torch.no_grad():
        embeddings = network(torch.from_numpy(photos()).double())
    results = {"embeddings": embeddings.numpy(), "before": before[0].numpy()}
    metadata = {
        "origin": f"data_scripts/make_inception_resnet_fixture.py, torch {torch.__version__}, "
        "facenet-pytorch 2.6.0",
        "shapes": json.dumps({name: list(state[name].shape) for name in names}),
    }
    save_file(results, FOLDER / "torch_inception_resnet_v1.safetensors", metadata)
    print({name: (array.shape, np.abs(array).max()) for name, array in results.items()})
    print("cosine of the two photos", (embeddings[0] @ embeddings[1]).item())

    small = OrderedDict((name, torch.tensor(array)) for name, array in small_state().items())
    small._metadata = OrderedDict(version=1)  # as the state dict of every network has
    numbers = torch.arange(24, dtype=torch.float32) / 8
    small["turned"], small["part"] = numbers[:6].reshape(2, 3).T, numbers[6:10]
    small["conv.weight"] = torch.nn.Parameter(small["conv.weight"])
    torch.save(small, FOLDER / "torch_zip.pt")
    torch.save(small, FOLDER / "torch_legacy.pt", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
