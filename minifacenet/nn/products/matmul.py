"""out = A B, out += A B, with either factor transposed: the workhorse under Linear and im2col.

On the CPU this is BLAS. BLAS thinks in columns: the memory of a C-ordered A is, for BLAS, A^T.
So we ask it for (A B)^T = B^T A^T, hand it the transposed views, and copy nothing.

With few rows in A, such as a small batch before a fully connected layer, every number of a large B
is used a few times only, and the way B is read decides: `few_rows.py`. (For one row BLAS has a
function of its own, matrix times vector, which memory alone limits: 6 times as fast as its matrix
product.)

On CUDA it is our own kernel: `matmul_cuda.py` comes to it in three steps, each with its count of
memory reads.

Shapes: A (m, k), or (k, m) with `transpose_a`; B (k, n), or (n, k) with `transpose_b`; out (m, n),
all C-ordered and of one dtype. The sum over k runs in a fixed order.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import dgemm, dgemv, sgemm, sgemv

from ..device.backend import Array, Kernel, blas_threads
from ..device.cpu_target import thread_count
from .few_rows import few_rows
from .matmul_cuda import matmul_blocked
from .microkernel import FASTER_THAN_BLAS

# Below this many multiply-adds one BLAS thread is as fast, and Numba's next parallel kernel need
# not wait for BLAS threads that still spin, looking for work.
SMALL = 1 << 28

# -- Reference -----------------------------------------------------------------------------------


def matmul_reference(
    a: np.ndarray, b: np.ndarray, transpose_a: bool = False, transpose_b: bool = False
) -> np.ndarray:
    a = a.T if transpose_a else a
    b = b.T if transpose_b else b
    return np.einsum("ik,kj->ij", a, b)


# -- Kernels -------------------------------------------------------------------------------------


def _matmul_cpu(a, b, transpose_a, transpose_b, accumulate, out):
    if not out.flags.c_contiguous:
        raise ValueError(f"matmul writes into C-ordered arrays only, got strides {out.strides}")
    if a.size == 0 or b.size == 0:  # BLAS takes no empty matrices
        if not accumulate:
            out[...] = 0
        return
    if FASTER_THAN_BLAS and few_rows(a, b, transpose_a, transpose_b, accumulate, out):
        return
    gemm, gemv = (sgemm, sgemv) if out.dtype == np.float32 else (dgemm, dgemv)
    small = a.size * out.shape[1] < SMALL
    beta = 1 if accumulate else 0
    with blas_threads(1 if small else thread_count()):
        if len(out) == 1:
            gemv(1, b.T, a.ravel(), beta, out[0], trans=transpose_b, overwrite_y=True)
        else:
            gemm(
                1, b.T, a.T, beta, out.T, trans_a=transpose_b, trans_b=transpose_a, overwrite_c=True
            )  # fmt: skip


_matmul = Kernel(_matmul_cpu, matmul_blocked)


def matmul(
    a: Array,
    b: Array,
    out: Array,
    transpose_a: bool = False,
    transpose_b: bool = False,
    accumulate: bool = False,
) -> None:
    """Compute out = A B, or out += A B; see the top of the file.

    Raises
    ------
    ValueError
        Shapes do not fit, dtypes differ or are not float32 or float64, or `out` is not C-ordered.
    """
    if not a.dtype == b.dtype == out.dtype or out.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"matmul needs one dtype, float32 or float64, got {a.dtype}, {b.dtype}, {out.dtype}"
        )
    m, k = a.shape[::-1] if transpose_a else a.shape
    k_b, n = b.shape[::-1] if transpose_b else b.shape
    if k != k_b or out.shape != (m, n):
        raise ValueError(f"cannot multiply {(m, k)} by {(k_b, n)} into {out.shape}")
    _matmul(a, b, transpose_a, transpose_b, accumulate, out)
