import itertools

import numpy as np
import pytest

from minifacenet.nn.backend import to_device
from minifacenet.nn.matmul import matmul, matmul_reference


@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=3)))
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 18, 3), (17, 4, 2)])
def test_all_forms(shape, flags):
    (m, k, n), (transpose_a, transpose_b, accumulate) = shape, flags
    rng = np.random.default_rng(0)
    a = rng.standard_normal((k, m) if transpose_a else (m, k))
    b = rng.standard_normal((n, k) if transpose_b else (k, n))
    out = rng.standard_normal((m, n))
    expected = matmul_reference(a, b, transpose_a, transpose_b) + (out if accumulate else 0)
    on_device = to_device(out, "cuda")
    matmul(
        to_device(a, "cuda"), to_device(b, "cuda"), on_device, transpose_a, transpose_b, accumulate
    )
    np.testing.assert_allclose(to_device(on_device, "cpu"), expected, rtol=0, atol=1e-13)
