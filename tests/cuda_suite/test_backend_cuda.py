import numpy as np
import pytest

from minifacenet.nn.backend import device_of, empty, to_device, zeros
from minifacenet.nn.layer import Parameter
from minifacenet.nn.maxout import Maxout


def test_arrays_move_and_memory_is_taken_beside_them():
    x = np.arange(6.0).reshape(2, 3)
    there = to_device(x, "cuda")
    assert device_of(there) == "cuda"
    assert device_of(empty((2,), like=there)) == "cuda"
    np.testing.assert_array_equal(to_device(zeros((2, 2), like=there), "cpu"), np.zeros((2, 2)))
    np.testing.assert_array_equal(to_device(there, "cpu"), x)


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


def test_a_layer_without_a_cuda_side_says_so():
    with pytest.raises(RuntimeError, match=r"maxout\._forward_cpu has no CUDA twin yet"):
        Maxout(2).forward(to_device(np.ones((1, 4)), "cuda"))
