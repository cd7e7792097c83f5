"""`minifacenet doctor`: what it finds here, and the remedies for what cannot be had here."""

import importlib.util
import os
import subprocess
import sys

import pytest

from minifacenet import doctor, gpu

from .conftest import text


def test_what_this_machine_has(run):
    status, printed, _ = run("doctor")
    assert status == 0
    printed = text(printed)
    assert sys.executable[:20] in printed
    for words in ("minifacenet", "numpy", "BLAS", "CPU kernel", "layer '", "face detector"):
        assert words in printed
    assert "compiled for '" in printed


def test_a_kernel_that_is_wrong_is_a_problem(run, monkeypatch):
    monkeypatch.setattr(doctor, "_relu_works", lambda device: False)
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


class CudaSupportError(Exception):
    """Named as numba-cuda's own."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CudaSupportError("Error at driver init: libcuda.so not found"), "no NVIDIA driver"),
        (RuntimeError("CUDA_ERROR_UNSUPPORTED_PTX_VERSION"), "older than the CUDA toolkit"),
        (RuntimeError("CUDA_ERROR_NO_DEVICE: no CUDA-capable device"), "no GPU that it can use"),
        (OSError("libNVVM cannot be found"), "minifacenet[cuda]"),
        (ModuleNotFoundError("No module named 'numba.cuda'"), "minifacenet[cuda]"),
        (RuntimeError("CUDA_ERROR_OUT_OF_MEMORY"), "another program"),
        (RuntimeError("something new"), "cuda.detect()"),
    ],
)
def test_remedies(error, words):
    assert words in gpu.remedy(error)


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

    monkeypatch.setattr(gpu.backend, "numba_cuda", missing)
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

    monkeypatch.setattr(gpu.backend, "numba_cuda", missing)
    with pytest.raises(ValueError, match=r"\(RuntimeError: something new\)\. See what") as raised:
        gpu.choose_device("cuda")
    assert "\n" not in str(raised.value)
