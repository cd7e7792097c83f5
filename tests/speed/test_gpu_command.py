"""`bench` where a GPU is asked for and there is none, or no PyTorch for it."""

import sys

import pytest

from minifacenet.commands import speed as timing
from minifacenet.machine import gpu
from minifacenet.nn.device import backend
from minifacenet.nn.device.device_memory import GpuMemory
from minifacenet.speed.yardsticks import yardstick


class CudaSupportError(RuntimeError):
    """Named as numba.cuda's own."""


@pytest.fixture
def no_gpu(monkeypatch):
    def missing():
        raise CudaSupportError("Error at driver init: \n\nCUDA driver library cannot be found")

    monkeypatch.setattr(gpu.cuda_target, "numba_cuda", missing)


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        ("--device cuda", "leave out --device to compute on the CPU"),
        ("step --device cuda", "leave out --device to compute on the CPU"),
        ("kernels", "time the CPU: minifacenet bench"),
    ],
)
def test_without_a_gpu_the_error_is_one_line(run, no_gpu, words, instead):
    status, printed, error = run("bench", *words.split())
    assert (status, printed) == (1, "")
    assert error == (f"error: --device cuda: no NVIDIA driver here. Install it, or {instead}\n")


def test_memory_is_counted_on_the_cpu_alone(run):
    status, _, error = run("bench", "--scaling", "--device", "cuda")
    assert status == 1
    assert error == "error: --scaling counts memory on the CPU alone: leave out --device cuda\n"


def test_another_device_is_refused(run):
    assert "device must be one of auto, cpu, cuda, got 'tpu'" in run("bench", "--device", "tpu")[2]


@pytest.mark.parametrize(
    ("device", "command"),
    [
        ("cpu", "for CPUs: python -m pip install torch --index-url https://download"),
        ("cuda", "for GPUs: python -m pip install torch$"),
    ],
)
def test_without_pytorch_the_error_names_the_build(monkeypatch, device, command):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("against_torch", "torch_device"):
        monkeypatch.delitem(sys.modules, f"minifacenet.speed.{name}", raising=False)
    with pytest.raises(ValueError, match=command):
        yardstick("torch", device)


@pytest.mark.parametrize(("device", "told"), [("cuda", "up to 3.0 GiB at a time"), ("cpu", "")])
def test_memory_is_told_where_it_is_known(monkeypatch, capsys, device, told):
    monkeypatch.setattr(backend, "gpu_memory", lambda: GpuMemory(0, 3 << 30, 0, 0, 0))
    timing._tell_memory(device)
    assert told in capsys.readouterr().out
    monkeypatch.setattr(backend, "gpu_memory", lambda: None)
    timing._tell_memory(device)
    assert not capsys.readouterr().out
