import numpy as np
import pytest

from minifacenet.nn.device.backend import device_of, to_device
from minifacenet.nn.layer import Parameter
from minifacenet.nn.optim import OPTIMIZERS

SHAPE = (11, 27)  # two blocks
every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def steps(name, device, dtype, count=3, **options):
    """Weights and state after some steps with random gradients; on the CPU."""
    rng = np.random.default_rng(0)
    parameter = Parameter(rng.standard_normal(SHAPE).astype(dtype))
    parameter.to(device)
    optimizer = OPTIMIZERS[name]({"weight": parameter}, **options)
    for _ in range(count):
        gradient = rng.standard_normal(SHAPE).astype(dtype)
        parameter.zero_grad()
        parameter.grad[:] = to_device(gradient, device)
        optimizer.step()
    return parameter, optimizer


@every_optimizer
@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_three_steps_equal_those_of_the_cpu(name, dtype, bound, decay):
    (cpu, on_cpu), (cuda, on_cuda) = (
        steps(name, device, dtype, weight_decay=decay) for device in ("cpu", "cuda")
    )
    assert device_of(cuda.data) == "cuda"
    results = on_cuda.state() | {"data": to_device(cuda.data, "cpu")}
    for what, expected in (on_cpu.state() | {"data": cpu.data}).items():
        assert results[what].dtype == dtype
        assert np.abs(results[what] - expected).max() <= bound * np.abs(expected).max(), what


@every_optimizer
def test_a_state_from_the_gpu_goes_on_there_and_on_the_cpu(name):
    parameter, optimizer = steps(name, "cuda", np.float64, count=1)
    state = optimizer.state()
    assert {device_of(array) for array in state.values()} == {"cpu"}  # a checkpoint can be written
    results = []
    for device in ("cuda", "cpu"):
        twin = Parameter(to_device(parameter.data, "cpu").copy())
        twin.to(device)
        other = OPTIMIZERS[name]({"weight": twin})
        other.restore(state, optimizer.steps)
        twin.grad[:] = to_device(np.ones(SHAPE), device)
        other.step()
        results.append(to_device(twin.data, "cpu"))
    np.testing.assert_allclose(*results, rtol=0, atol=1e-14)
    assert np.abs(results[0] - to_device(parameter.data, "cpu")).max() > 1e-4
