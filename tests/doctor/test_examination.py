"""`minifacenet doctor`: what it finds here, and the remedies for what cannot be had here."""

import importlib.util
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from minifacenet.doctor import examination as doctor
from minifacenet.machine import gpu
from minifacenet.preprocessing import read_folder as folder
from tests.conftest import need, text


def test_what_this_machine_has(run):
    status, printed, _ = run("doctor")
    assert status == 0
    printed = text(printed)
    assert sys.executable[:20] in printed
    for words in ("minifacenet", "numpy", "BLAS", "CPU kernel", "layer '", "face detector"):
        assert words in printed
    assert "compiled for '" in printed


def test_a_kernel_that_is_wrong_is_a_problem(run, monkeypatch):
    monkeypatch.setattr(doctor, "_relu_works", lambda device: device != "cpu")
    status, printed, error = run("doctor")
    assert status == 1
    assert "wrong numbers" in text(printed)
    assert "CPU kernel: see the remedy" in text(error)


def test_a_kernel_that_breaks_is_a_problem(monkeypatch):
    def breaks(device):
        raise OSError("no LLVM")

    monkeypatch.setattr(doctor, "_relu_works", breaks)
    finding = doctor._cpu_kernel()
    assert finding.verdict == doctor.BAD
    assert "OSError: no LLVM" in finding.text


class CudaSupportError(ImportError):
    """Named as numba-cuda's own."""


class CudaAPIError(Exception):
    """Named, and worded, as numba-cuda's own."""

    def __init__(self, name, call="cuMemcpyDtoH"):
        super().__init__(f"[<CUresult.{name}: 700>] Call to {call} results in {name}")


class DynamicLibNotFoundError(RuntimeError):
    """Named as the one of cuda-pathfinder."""


INIT = "Error at driver init: "
NO_DRIVER = INIT + "\n\nCUDA driver library cannot be found.\nEnsure that a compatible NVIDIA ...:"
DISPLAY = '"cuda" is an NVIDIA driver library and can only be found via system search. Ensure ...'
PTXAS = "ptxas application ptx input, line 9; fatal   : Unsupported .version 8.5; current version"
OLD_GPU = "Device compute capability 6.1 is less than the minimum supported by NVRTC 13.0."
BINDINGS = "NVIDIA CUDA Python bindings not found. Install the 'cuda' package (e.g. pip install ..."
FINDING = 'Failure finding "libnvrtc.so.13 or libnvrtc.so.12": No such file: libnvrtc.so.13'
DISABLED = "\nCUDA is disabled due to setting NUMBA_DISABLE_CUDA=1 in the environment, or because"

# What numba-cuda 0.30 and the packages below it say, and numba-cuda 0.19 to 0.29 beside numba 0.68.
REAL = [
    (CudaSupportError(NO_DRIVER), "no NVIDIA driver here", "install it"),
    (DynamicLibNotFoundError(DISPLAY), "no NVIDIA driver here", "install it"),
    (CudaSupportError(INIT + DISABLED), "NUMBA_DISABLE_CUDA", "unset it"),
    (
        CudaSupportError(INIT + "Call to cuInit results in CUDA_ERROR_NO_DEVICE (100)"),
        "no GPU that it can use",
        "CUDA_VISIBLE_DEVICES",
    ),
    (
        CudaSupportError(INIT + "Call to cuInit results in CUDA_ERROR_UNKNOWN (999)"),
        "driver does not start",
        "restart the machine",
    ),
    (
        CudaSupportError(
            INIT + "Call to cuInit results in CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)"
        ),
        "driver does not start",
        "restart the machine",
    ),
    (CudaAPIError("CUDA_ERROR_UNSUPPORTED_PTX_VERSION"), "older than the CUDA toolkit", "[cu12]"),
    (RuntimeError(PTXAS), "older than the CUDA toolkit", "update the driver"),
    (RuntimeError(OLD_GPU), "too old for the CUDA toolkit", "[cu12]"),
    (RuntimeError("GPU compute capability 6.1 is not supported"), "GPU is too old", "[cu12]"),
    (CudaAPIError("CUDA_ERROR_NO_BINARY_FOR_GPU"), "too old for the CUDA toolkit", "[cu12]"),
    (ImportError("libNVVM is not available"), "compiler of the CUDA toolkit", "minifacenet[cuda]"),
    (DynamicLibNotFoundError(FINDING), "compiler of the CUDA toolkit", "minifacenet[cuda]"),
    (RuntimeError("Missing libdevice file."), "compiler of the CUDA toolkit", "minifacenet[cuda]"),
    (ModuleNotFoundError("No module named 'numba.cuda'"), "not installed", "minifacenet[cuda]"),
    (ImportError(BINDINGS), "not all of it", "minifacenet[cuda]"),
    (
        ImportError("cannot import name 'removerefctpass' from 'numba.core' (/lib/numba/core.py)"),
        "versions that do not fit",
        "pip install --upgrade numba",
    ),
    (
        AttributeError("module 'numba.cuda.types' has no attribute 'NPDatetime'"),
        "versions that do not fit",
        "pip install --upgrade numba",
    ),
    (CudaAPIError("CUDA_ERROR_DEVICE_UNAVAILABLE"), "has the GPU for itself", "nvidia-smi"),
    (CudaAPIError("CUDA_ERROR_OUT_OF_MEMORY", "cuMemAlloc"), "memory is full", "--chunk"),
    (CudaAPIError("CUDA_ERROR_ILLEGAL_ADDRESS"), "nothing more can be computed", "start it again"),
    (CudaAPIError("CUDA_ERROR_LAUNCH_FAILED"), "nothing more can be computed", "start it again"),
    (RuntimeError("something new"), "RuntimeError: something new", "cuda.detect()"),
]


@pytest.mark.parametrize(("error", "fault", "todo"), REAL)
def test_remedies(error, fault, todo):
    said = gpu.remedy(error)
    assert "\n" not in said
    assert fault in said.split(": everything runs on the CPU")[0]
    assert todo in said.split("If there is a GPU, ")[1]


@pytest.mark.parametrize(("error", "fault", "todo"), REAL)
def test_no_gpu_to_train_on_is_one_line(run, monkeypatch, people, tmp_path, error, fault, todo):
    def missing():
        raise error

    monkeypatch.setattr(gpu.cuda_target, "numba_cuda", missing)
    for command in ("train", "run"):
        status, _, said = run(command, people, "--out", tmp_path, "--device", "cuda")
        assert (status, said.count("\n")) == (1, 1)
        assert said.startswith("error: --device cuda: ")
        assert fault in said
        assert todo.lower() in said.lower()
        assert said.endswith("or leave out --device to compute on the CPU\n")


@pytest.mark.parametrize("wrong", ["gpu", "CUDA", "cuda:0", ""])
def test_a_device_that_there_is_not(run, people, tmp_path, wrong):
    for command in ("train", "run"):
        status, _, said = run(command, people, "--out", tmp_path, "--device", wrong)
        assert status == 1
        assert said == f"error: --device must be one of auto, cpu, cuda, got {wrong!r}\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            CudaAPIError("CUDA_ERROR_ILLEGAL_ADDRESS"),
            "error: a kernel broke down, and nothing more can be computed on the GPU in this "
            "process (CudaAPIError: [<CUresult.CUDA_ERROR_ILLEGAL_ADDRESS: 700>] Call to "
            "cuMemcpyDtoH results in CUDA_ERROR_ILLEGAL_ADDRESS). Start it again, and report this "
            "if it happens twice (`train --resume` goes on from what was saved)\n",
        ),
        (CudaAPIError("CUDA_ERROR_OUT_OF_MEMORY", "cuModuleLoad"), "the GPU's memory is full ("),
        (CudaAPIError("CUDA_ERROR_NEW"), "no kernel can run on a GPU here (CudaAPIError: [<CUres"),
        (type("NvvmError", (Exception,), {})("IR version 1.2\nand more"), "(NvvmError: IR vers"),
        (type("CUDAError", (Exception,), {})("CUDA_ERROR_LAUNCH_FAILED: ..."), "broke down"),
    ],
)
def test_an_error_of_cuda_during_a_run_is_one_line(run, monkeypatch, tmp_path, error, words):
    def breaks(*arguments, **keywords):
        raise error

    hook = sys.excepthook
    monkeypatch.setattr(sys, "excepthook", hook)  # put back afterwards
    monkeypatch.setattr(folder, "read_faces", breaks)
    status, _, said = run("train", tmp_path / "faces", "--out", tmp_path / "out", "--device", "cpu")
    assert (status, said.count("\n")) == (1, 1)
    assert words in said
    lost = "broke down" in said
    assert (sys.excepthook is not hook) == lost  # silent at the end: the GPU's arrays cannot go


def test_other_errors_keep_their_traceback(run, monkeypatch, tmp_path):
    def breaks(*arguments, **keywords):
        raise KeyError("CUDA_ERROR_LAUNCH_FAILED")

    monkeypatch.setattr(folder, "read_faces", breaks)
    with pytest.raises(KeyError):
        run("train", tmp_path / "faces", "--out", tmp_path / "out", "--device", "cpu")


def test_a_gpu_on_which_no_kernel_runs(monkeypatch):
    def breaks(*arguments):
        raise CudaAPIError("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "cuModuleLoadDataEx")

    there = SimpleNamespace(current_context=lambda: None)
    monkeypatch.setattr(gpu.cuda_target, "numba_cuda", lambda: there)
    monkeypatch.setattr(gpu, "_try_kernel", breaks)
    with pytest.warns(UserWarning, match=r"the GPU is not used: the driver is older than .*\. Upd"):
        assert gpu.choose_device("auto") == "cpu"
    with pytest.raises(ValueError, match="--device cuda: the driver is older than the CUDA toolk"):
        gpu.choose_device("cuda")


LATE = """
import os, numba
os.environ["NUMBA_ENABLE_CUDASIM"] = "1"
from minifacenet.doctor import examination as doctor; from minifacenet.machine import gpu
print(gpu.choose_device("auto"))
print(next(iter(doctor._cuda())).remedy)
gpu.choose_device("cuda")
"""


def test_the_simulator_asked_for_too_late():
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run(
        [sys.executable, "-c", LATE], env=environment, capture_output=True, text=True, timeout=300
    )
    late = "NUMBA_ENABLE_CUDASIM is set, but numba was imported before that"
    assert done.stdout.startswith(f"cpu\n{late}: everything runs on the CPU")
    assert done.stderr.splitlines()[-1] == (
        f"ValueError: --device cuda: {late}. Unset it; for the simulator set it before Python "
        "starts, or leave out --device to compute on the CPU"
    )


@pytest.mark.skipif(importlib.util.find_spec("numba.cuda") is None, reason="no numba.cuda here")
def test_the_simulator_says_that_it_is_one():
    done = subprocess.run(
        [sys.executable, "-m", "minifacenet", "doctor"],
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert "runs and is right, SIMULATED" in text(done.stdout)


def test_devices():
    assert gpu.choose_device("cpu") == "cpu"
    with pytest.raises(ValueError, match="one of auto, cpu, cuda, got 'tpu'"):
        gpu.choose_device("tpu")


def test_a_gpu_that_is_not_there(monkeypatch):
    def missing():
        raise CudaSupportError("Error at driver init: \n\nCUDA driver library cannot be found")

    monkeypatch.setattr(gpu.cuda_target, "numba_cuda", missing)
    assert gpu.choose_device("auto") == "cpu"
    with pytest.raises(ValueError, match="--device cuda") as raised:
        gpu.choose_device("cuda")
    assert str(raised.value) == (
        "--device cuda: no NVIDIA driver here. Install it, or leave out --device to compute on "
        "the CPU"
    )
    (finding,) = doctor._cuda()
    assert finding.text == "CudaSupportError: Error at driver init"
    assert "everything runs on the CPU. If there is a GPU, install it" in finding.remedy


def test_a_fault_that_nobody_has_seen_is_quoted(monkeypatch):
    def missing():
        raise RuntimeError("something new:\nand more")

    monkeypatch.setattr(gpu.cuda_target, "numba_cuda", missing)
    with pytest.raises(ValueError, match=r"\(RuntimeError: something new\)\. See what") as raised:
        gpu.choose_device("cuda")
    assert "\n" not in str(raised.value)


LOST = """
import sys
import numpy as np
import pytest
from minifacenet import cli
from minifacenet.nn.device import cuda_target
from minifacenet.preprocessing import read_folder as folder
from tests.nn import fake_driver

def dead(*arguments, **keywords):
    raise driver.CudaAPIError(700, "Call to cuMemFree results in CUDA_ERROR_ILLEGAL_ADDRESS")

cuda = cuda_target.numba_cuda()
driver = cuda.cudadrv.driver
with fake_driver.context(cuda, pytest.MonkeyPatch()):
    arrays = [cuda.device_array(1000 * n, np.float32) for n in range(1, 40)]
    vars(driver.driver)["cuMemFree"] = folder.read_faces = dead
    del arrays[::2]
    sys.argv[1:] = ["train", "faces", "--out", "out", "--device", "cpu"]
    cli.main()
"""


@pytest.mark.extra
def test_a_lost_gpu_is_one_line_though_no_array_can_be_freed(tmp_path):
    """Numba would free them at the end of Python, and print a traceback for each."""
    there = importlib.util.find_spec("numba_cuda") and importlib.util.find_spec("cuda.bindings")
    need(there, "numba-cuda is not installed")
    done = subprocess.run(
        [sys.executable, "-c", LOST], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr[-3000:]
    assert "Start it again" in done.stderr
