import numpy as np
import pytest

from minifacenet.nn.batchnorm import BatchNorm
from minifacenet.nn.device.backend import device_of, to_device
from minifacenet.nn.layer import Sequential
from minifacenet.nn.linear import Linear
from minifacenet.training.average import WeightAverage


def averaged(device, dtype):
    """An average after three steps, once put away and gone on with."""
    rng = np.random.default_rng(0)
    network = Sequential(
        ("fc", Linear(20, 15, rng, dtype=dtype)), ("fc.bn", BatchNorm(15, dtype=dtype))
    )  # `fc` takes two blocks
    network.to(device)
    average = WeightAverage(network, 0.7)
    for step in range(3):
        for parameter in network.parameters().values():
            values = rng.standard_normal(parameter.data.shape).astype(dtype)
            with parameter.edit() as w:
                w[:] = to_device(values, device)
        average.update()
        if step == 1:
            state = average.state()
            average = WeightAverage(network, 0.7)
            average.restore(state)
    return average.state()


@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-14), (np.float32, 1e-6)])
def test_it_equals_that_of_the_cpu(dtype, bound):
    cpu, cuda = (averaged(device, dtype) for device in ("cpu", "cuda"))
    assert {device_of(array) for array in cuda.values()} == {"cpu"}  # a checkpoint can be written
    assert cpu.keys() == cuda.keys()
    for name, expected in cpu.items():
        assert cuda[name].dtype == dtype
        np.testing.assert_allclose(cuda[name], expected, rtol=0, atol=bound, err_msg=name)
