"""The reader of PyTorch's checkpoints: two that PyTorch saved, made-up ones, and attacks."""

import io
import os
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minifacenet.data_scripts import pytorch_weights
from minifacenet.data_scripts.make_inception_resnet_fixture import small_state
from minifacenet.data_scripts.pytorch_weights import MAGIC, PROTOCOL, read_checkpoint
from minifacenet.data_scripts.weight_bytes import WeightsError
from tests.data_scripts.damage import (
    NAME,
    changed,
    cut_off_anywhere,
    read_or_refused,
    refused_in_little_memory,
)

DATA = Path(__file__).parents[1] / "data"
SAVED = {name: (DATA / f"torch_{name}.pt").read_bytes() for name in ("zip", "legacy")}


def text(value):
    value = value.encode()
    return b"X" + struct.pack("<I", len(value)) + value


def whole(value):
    """A whole number of up to 255 bytes."""
    digits = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(digits)]) + digits


def sizes(values):
    return b"(" + b"".join(map(whole, values)) + b"t"


def reference(key="0", count=4, kind="FloatStorage", old=False, first="storage"):
    held = text(first) + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu")
    return b"(" + held + whole(count) + (b"N" if old else b"") + b"tQ"


def tensor(held=None, shape=(4,), strides=(1,), offset=0, **storage):
    held = held or reference(**storage)
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = held + whole(offset) + sizes(shape) + sizes(strides) + b"\x89" + hooks
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def state(*pairs):
    return b"\x80\x02}(" + b"".join(text(name) + value for name, value in pairs) + b"u."


def zipped(program, files=None, folder="archive", pack=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", pack) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        archive.writestr(f"{folder}/data.pkl", program)
        for name, content in (files or {"0": bytes(16)}).items():
            archive.writestr(f"{folder}/data/{name}", content)
    return stream.getvalue()


def legacy(program, keys=("0",), storages=((4, bytes(16)),), little=True, magic=MAGIC):
    numbers = b"\x80\x02" + whole(magic) + b".\x80\x02M" + struct.pack("<H", PROTOCOL) + b"."
    facts = b"\x80\x02}" + text("little_endian") + (b"\x88" if little else b"\x89") + b"s."
    listed = b"\x80\x02](" + b"".join(map(text, keys)) + b"e."
    held = b"".join(struct.pack("<q", count) + content for count, content in storages)
    return numbers + facts + program + listed + held


@pytest.mark.parametrize("name", SAVED)
def test_what_pytorch_saved_is_read(name):
    arrays, expected = read_checkpoint(SAVED[name], NAME), small_state()
    assert list(arrays) == list(expected)
    for key, array in expected.items():
        assert arrays[key].dtype == array.dtype, key
        np.testing.assert_array_equal(arrays[key], array, strict=True)
        assert not arrays[key].flags.writeable or arrays[key].size == 0


def test_pickles_of_newer_versions_are_read():
    """Protocol 4 has frames, short texts, and names that come from the stack."""
    held = text("storage") + b"\x8c\x05torch\x94\x8c\x0cFloatStorage\x94\x93" + text("0")
    held = b"(" + held + text("cpu") + whole(4) + b"tQ"
    program = b"\x80\x04\x95" + bytes(8) + b"}\x94\x8c\x01a" + tensor(held) + b"s."
    numbers = np.arange(4, dtype=np.float32)
    arrays = read_checkpoint(zipped(program, {"0": numbers.tobytes()}), NAME)
    np.testing.assert_array_equal(arrays["a"], numbers)


@pytest.mark.parametrize("name", SAVED)
def test_a_file_cut_off_anywhere_is_refused(name):
    cut_off_anywhere(read_checkpoint, SAVED[name])


@pytest.mark.parametrize("name", SAVED)
def test_changed_bytes_are_read_or_refused(name):
    ends = {read_or_refused(read_checkpoint, data) for data in changed(SAVED[name], 3000)}
    assert ends == {"read", "refused"}


def test_a_changed_pickle_is_read_or_refused():
    """In a zip file a sum guards each file, so changes are made before it is packed."""
    with zipfile.ZipFile(io.BytesIO(SAVED["zip"])) as archive:
        program = archive.read("torch_zip/data.pkl")
        files = {str(i): archive.read(f"torch_zip/data/{i}") for i in range(6)}
    ends = {read_or_refused(read_checkpoint, zipped(new, files)) for new in changed(program, 3000)}
    assert ends == {"read", "refused"}


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"echo > {self.path}",)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("form", [zipped, legacy])
def test_a_program_in_a_pickle_does_not_run(tmp_path, protocol, form):
    ran = tmp_path / "ran"
    program = pickle.dumps({"weight": Attack(ran)}, protocol)
    refused_in_little_memory(read_checkpoint, form(program), "byte")
    assert not ran.exists()
    pickle.loads(program)
    assert ran.exists()  # the attack is one


HUGE = 2**60
DOUBLED = b")" + b"q\x00" + b"h\x00h\x00\x86q\x00" * 2000  # a tuple of 2**2000 tuples
NUMBERS = b"(KKKKt"
CALL = b"ctorch._utils\n_rebuild_tensor_v2\n"


@pytest.mark.parametrize(
    ("program", "match"),
    [
        (b"cos\nsystem\n(" + text("true") + b"tR.", "byte .*: the name 'os.system', which is not"),
        (b"\x8c\x05posix\x8c\x06system\x93.", "the name 'posix.system', which is not looked up"),
        (b"cbuiltins\neval\n.", "the name 'builtins.eval'"),
        (b"ctorch\nload\n.", "the name 'torch.load'"),
        (b"ctorch\nFloatStorage.__init__\n.", "the name 'torch.FloatStorage.__init__'"),
        (b"ctorch._utils\n_rebuild_tensor_v2\x1b\n.", r"_v2\\x1b"),
        (b"c" + b"a" * 10_000_000 + b"\nb\n.", "the name 'aaaa"),
        (
            b"ctorch\nFloatStorage\n(K\x05tR.",
            "a call for a storage of float32 with other arguments",
        ),
        (b"ccollections\nOrderedDict\n(]tR.", "a call for an ordered dict with other arguments"),
        (CALL + b")R.", "a call for a tensor with other arguments"),
        (CALL + b"(K\x00K\x00))\x89NtR.", "a call for a tensor"),
        (CALL + b"(" + reference() + b"K\x00(K\x01t)\x89NtR.", "a call for a tensor"),
        (CALL + b"(" + reference() + b"K\x00(\x88t(K\x01t\x89NtR.", "a call for a tensor"),
        (CALL + b"(" + reference() + b"NK\x01K\x01\x89NtR.", "a call for a tensor"),
        (b"ctorch._utils\n_rebuild_parameter\n()\x88)tR.", "a call for a parameter"),
        (b"K\x01)R.", "int on the stack, expected a name"),
        (CALL + b"}R.", "dict on the stack, expected a tuple"),
        (CALL + b"}b.", "_Global on the stack, expected a dict"),
        (tensor() + b"}b.", "_Tensor on the stack, expected a dict"),
        (b"}Nb.", "NoneType on the stack, expected a dict"),
        (b"(ios\nsystem\n.", "the operation INST, which no state dict needs and is not run"),
        (b"(ctorch\nFloatStorage\no.", "the operation OBJ"),
        (b"ctorch\nFloatStorage\n)\x81.", "the operation NEWOBJ,"),
        (b"ctorch\nFloatStorage\n)}\x92.", "the operation NEWOBJ_EX"),
        (b"\x82\x01.", "the operation EXT1"),
        (b"\x83\x01\x00.", "the operation EXT2"),
        (b"\x84\x01\x00\x00\x00.", "the operation EXT4"),
        (b"\x8b\xff\xff\xff\x7f.", "the operation LONG4"),
        (b"\x8e" + struct.pack("<Q", HUGE) + b".", "the operation BINBYTES8"),
        (b"\x8d" + struct.pack("<Q", HUGE) + b".", "the operation BINUNICODE8"),
        (b"Pnonsense\n.", "the operation PERSID"),
        (b"\xff.", "the operation 0xff"),
        (b"\x80\x06.", "a pickle of version 6"),
        (b"X\xff\xff\xff\xffabc.", "a text of 4294967295 bytes, but"),
        (b"X\x01\x00\x00\x00\xff.", r"a text b'\\xff' is no UTF-8"),
        (b"\x8a\xffa.", "a number of 255 bytes"),
        (b".", "nothing on the stack, expected an object"),
        (b"(.", "_Mark on the stack"),
        (b"(\x85.", "_Mark on the stack"),
        (b"t.", "no mark on the stack"),
        (b"h\x07.", "nothing was kept as number 7"),
        (b"j\xff\xff\xff\xff.", "nothing was kept as number 4294967295"),
        (b"}(" + text("a") + b"u.", "pairs for a dict whose keys are not all texts"),
        (b"})Ns.", "pairs for a dict whose keys are not all texts"),
        (b"}" + DOUBLED + b"Ns.", "pairs for a dict whose keys are not all texts"),
        (DOUBLED + b"}" + text("a") + b"h\x00s.", "something else than a state dict"),
        (DOUBLED + b".", "something else than a state dict"),
        (DOUBLED + b"Q.", "a reference that describes no storage"),
        (b"]q\x00h\x00a.", "something else than a state dict"),  # a list that holds itself
        (text("a") + b"]s.", "nothing on the stack, expected a dict"),
        (b"K\x05Q.", "int on the stack, expected a tuple"),
        (b")Q.", "a reference that describes no storage"),
        (b"(" + text("module") + NUMBERS + b"tQ.", "a reference that describes no storage"),
        (reference(first="module") + b".", "a reference that describes no storage"),
        (reference(kind="BFloat16Storage") + b".", "the name 'torch.BFloat16Storage'"),
        (
            reference().replace(b"torch\nFloatStorage", b"collections\nOrderedDict"),
            "without a type",
        ),
        (reference().replace(text("0"), b"N") + b".", "without a type of numbers or without a key"),
        (reference(count=-1) + b".", "without a number of elements"),
        (reference().replace(whole(4), b"\x88") + b".", "without a number of elements"),
        (b"N.", "something else than a state dict"),
        (tensor() + b".", "something else than a state dict"),
        (state(("a", b"K\x01"))[2:], "something else than a state dict"),
        (state(("a", tensor()), ("b", tensor(kind="LongStorage")))[2:], "two types or sizes"),
        (
            state(("a", tensor(count=HUGE)))[2:],
            rf"has 16 bytes, expected {4 * HUGE}|a storage of 4",
        ),
        (state(("a", tensor(shape=(HUGE,))))[2:], "does not fit into its storage of 4"),
        (state(("a", tensor(shape=(HUGE,), strides=(0,))))[2:], "does not fit"),
        (state(("a", tensor(shape=(2**2000,), strides=(0,))))[2:], "does not fit"),
        (state(("a", tensor(offset=1)))[2:], "does not fit"),
        (state(("a", tensor(offset=-1)))[2:], "does not fit"),
        (state(("a", tensor(strides=(2,))))[2:], "does not fit"),
        (state(("a", tensor(strides=(-1,))))[2:], "does not fit"),
        (state(("a", tensor(shape=(1,) * 9, strides=(1,) * 9)))[2:], "a call for a tensor"),
    ],
)
@pytest.mark.parametrize("form", [zipped, legacy])
def test_what_a_pickle_may_not_say(program, match, form):
    """What grew as 2**n in a reader that compared or printed it would not come to an end."""
    data = form(b"\x80\x02" + program)
    refused_in_little_memory(read_checkpoint, data, match, 40 * 2**20)


@pytest.mark.parametrize(
    ("program", "match"),
    [
        (b")" + b"\x85" * 100_000 + b".", "something else than a state dict"),
        (b"(" * 90_000 + b"t" * 90_000 + b".", "something else than a state dict"),
        (b"}" * 300_000 + b".", "more than 200000 operations"),
    ],
)
def test_long_and_deep_pickles(program, match):
    data = zipped(b"\x80\x02" + program)
    refused_in_little_memory(read_checkpoint, data, match, 40 * 2**20)


def test_a_name_that_is_called_another_way_stays_a_text():
    """What stands for a name on the stack cannot be mistaken for a text or a dict."""
    program = state(("a", b"ctorch\nFloatStorage\n"))
    refused_in_little_memory(read_checkpoint, zipped(program), "something else than a state dict")


@pytest.mark.parametrize("form", [zipped, legacy])
def test_the_smallest_checkpoint(form):
    np.testing.assert_array_equal(
        read_checkpoint(form(state(("a", tensor()))), NAME)["a"], np.zeros(4, np.float32)
    )


GOOD = state(("a", tensor()))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "an operation of 1 bytes, but 0 are left"),
        (b"no checkpoint", "the operation"),
        (legacy(GOOD, magic=MAGIC + 1), "neither a zip file nor begins as PyTorch's files do"),
        (legacy(GOOD, little=False), "not written with the lowest byte first"),
        (legacy(GOOD, keys=()), "0 storages, but 1 that the state dict names"),
        (legacy(GOOD, keys=("1",)), "1 storages, but 1"),
        (legacy(GOOD, keys=("0", "0")), "2 storages, but 1"),
        (legacy(GOOD, storages=((HUGE, b""),)), f"a storage of {HUGE}, expected 4"),
        (legacy(GOOD, storages=((-1, b""),)), "a storage of -1, expected 4"),
        (legacy(GOOD, storages=((4, bytes(15)),)), "storage 0 of 16 bytes, but 15 are left"),
        (legacy(GOOD, storages=((4, bytes(17)),)), "1 bytes after the last storage"),
        (legacy(state(("a", tensor(count=HUGE))), storages=((HUGE, b""),)), "storage 0 of 4611"),
    ],
)
def test_old_files_that_are_refused(data, match):
    refused_in_little_memory(read_checkpoint, data, match)


def twice():
    data = zipped(GOOD, {"0": bytes(16), "1": bytes(16)})
    return data.replace(b"archive/data/1", b"archive/data/0")


def claims(size):
    """A zip file whose table says that a file has `size` bytes."""
    data = bytearray(zipped(GOOD, {"0": bytes(16)}))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def other_packing(method):
    data = bytearray(zipped(GOOD))
    for sign, at in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        start = data.index(sign)
        data[start + at : start + at + 2] = struct.pack("<H", method)
    return bytes(data)


def encrypted():
    data = bytearray(zipped(GOOD))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def unfolds(size, claimed):
    """A zip file whose table says less of its numbers than they unpack to."""
    data = bytearray(zipped(GOOD, {"0": bytes(size)}, pack=zipfile.ZIP_DEFLATED))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", claimed)
    return bytes(data)


BOMB = zipped(GOOD, {"0": bytes(30 * 2**20)}, pack=zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"PK\x03\x04", "is no whole zip file"),
        (BOMB, f"has {len(BOMB)} bytes and says that it holds 314574"),
        (claims(2**32 - 2), "says that it holds 429496"),
        (claims(4), "is no whole zip file|has 4 bytes, expected 16"),
        (unfolds(30 * 2**20, 16), "is no whole zip file"),
        (twice(), r"holds two files 'archive/data/0'"),
        (zipped(GOOD, {"1": bytes(16)}), "lacks 'archive/data/0'"),
        (zipped(GOOD, {"0": bytes(15)}), "storage '0' has 15 bytes, expected 16"),
        (zipped(GOOD, {"0": bytes(20)}), "storage '0' has 20 bytes, expected 16"),
        (zipped(GOOD, folder=""), "holds 0 files NAME/data.pkl"),
        (zipped(GOOD, folder="/etc"), "holds 0 files NAME/data.pkl"),
        (zipped(GOOD, folder=".."), "holds 0 files NAME/data.pkl"),
        (zipped(GOOD, folder="a/.."), "holds 0 files NAME/data.pkl"),
        (zipped(GOOD, folder="C:\\a"), "holds 0 files NAME/data.pkl"),
        (zipped(GOOD, {"0": bytes(16), "../../b/data.pkl": GOOD}), "read"),
        (zipped(state(("a", tensor(key="../data.pkl")))), "lacks 'archive/data/../data.pkl'"),
        (zipped(GOOD, {"0": bytes(16), "../byteorder": b"big"}), "read"),
        (other_packing(12), "is packed by another method"),
        (other_packing(99), "is packed by another method"),
        (encrypted(), "is no whole zip file"),
    ],
)
def test_zip_files_that_are_refused(data, match):
    if match == "read":
        assert read_or_refused(read_checkpoint, data) == "read"
    else:
        refused_in_little_memory(read_checkpoint, data, match)


def test_the_lowest_byte_comes_first():
    stream = io.BytesIO(zipped(GOOD))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("archive/byteorder", "big")
    with pytest.raises(WeightsError, match="not written with the lowest byte first"):
        read_checkpoint(stream.getvalue(), NAME)


def test_two_state_dicts_are_one_too_many():
    stream = io.BytesIO(zipped(GOOD))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("other/data.pkl", GOOD)
    with pytest.raises(WeightsError, match=r"holds 2 files NAME/data\.pkl, expected 1"):
        read_checkpoint(stream.getvalue(), NAME)


def test_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read_checkpoint(zipped(GOOD, {"0": bytes(16), "../../evil": b"x"}), NAME)
    assert list(tmp_path.iterdir()) == []


def test_the_module_cannot_unpickle():
    """The names of what could are not even there."""
    assert not {"pickle", "torch", "importlib", "subprocess"} & set(vars(pytorch_weights))
