import numpy as np
import pytest

from minifacenet.nn import relu
from minifacenet.nn.device import backend
from minifacenet.nn.device.backend import Kernel, device_of, empty, fill, to_device, zeros
from minifacenet.nn.layer import Parameter


def test_arrays_move_and_memory_is_taken_beside_them():
    x = np.arange(6.0).reshape(2, 3)
    there = to_device(x, "cuda")
    assert device_of(there) == "cuda"
    assert device_of(empty((2,), like=there)) == "cuda"
    np.testing.assert_array_equal(to_device(zeros((2, 2), like=there), "cpu"), np.zeros((2, 2)))
    np.testing.assert_array_equal(to_device(there, "cpu"), x)


def test_an_array_of_any_order_is_c_ordered_there():
    x = np.arange(24.0).reshape(2, 3, 4)
    for view in (x.T, x[:, ::2], x[::-1], np.broadcast_to(x[:1], x.shape)):
        there = to_device(view, "cuda")
        assert there.strides == view.copy().strides
        np.testing.assert_array_equal(to_device(there.reshape(view.size), "cpu"), view.ravel())


def test_a_parameter_moves_with_its_gradient_and_back():
    parameter = Parameter(np.ones((2, 2)))
    parameter.grad[:] = 3
    parameter.to("cuda")
    assert device_of(parameter.data) == device_of(parameter.grad) == "cuda"
    parameter.zero_grad()
    parameter.to("cpu")
    assert not parameter.grad.any()
    with pytest.raises(ValueError, match="read-only"):
        parameter.data[0, 0] = 2


@pytest.mark.parametrize("shape", [(3,), (7, 4, 11), (0, 2)])
def test_fill(shape):
    there = to_device(np.ones(shape, np.float32), "cuda")
    fill(there, -2.5)
    np.testing.assert_array_equal(to_device(there, "cpu"), np.full(shape, -2.5, np.float32))


def test_a_kernel_without_a_cuda_side_says_so():
    kernel = Kernel(relu._forward_cpu)
    with pytest.raises(RuntimeError, match=r"relu\._forward_cpu has no CUDA twin yet"):
        kernel(to_device(np.ones(4), "cuda"), None)


def test_a_full_gpu_is_a_memory_error(monkeypatch):
    class Full:
        def device_array(self, shape, dtype):
            raise RuntimeError("[CUresult.CUDA_ERROR_OUT_OF_MEMORY] Call to cuMemAlloc results in")

    here = to_device(np.ones(2), "cuda")
    monkeypatch.setattr(backend, "numba_cuda", Full)
    with pytest.raises(MemoryError, match=r"the GPU has no 8\.0 MiB left"):
        empty((1024, 1024), like=here)
