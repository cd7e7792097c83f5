from minifacenet.embedding.architectures import Architecture
from minifacenet.speed import time_scaling
from minifacenet.speed.charts import cost_curves

SMALL = Architecture("nn1_mini", 32, channels=1)


def test_each_is_varied_alone_and_memory_grows():
    told = []
    costs = time_scaling(
        SMALL, 2, 1, (1, 8), (0.5, 1.0), (32, 96), lambda *counts: told.append(counts)
    )
    assert [(cost.varied, cost.value) for cost in costs] == [
        ("batch", 1), ("batch", 8), ("width", 0.5), ("width", 1), ("size", 32), ("size", 96),
    ]  # fmt: skip
    assert told == [(done, 6) for done in range(6)]
    for first, second in zip(costs[::2], costs[1::2], strict=True):
        assert first.forward_memory < second.forward_memory
        assert first.step_memory < second.step_memory
    for cost in costs:
        weights = 4 * cost.parameters
        assert weights < cost.forward_memory < 2 * weights + 2**22
        assert cost.step_memory > 4 * weights
    one, eight, half, whole, *_ = costs
    assert one.parameters == eight.parameters == whole.parameters
    assert 3 < whole.parameters / half.parameters < 4
    axes = cost_curves(costs, "nn1_mini")
    assert axes.shape == (2, 3)
    assert axes[0, 2].get_xlabel() == "side of a photo"
    assert len(axes[1, 0].lines[0].get_xdata()) == 2
