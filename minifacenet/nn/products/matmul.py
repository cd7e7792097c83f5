"""out = A B, out += A B, with either factor transposed: the workhorse under Linear and im2col.

On the CPU this is BLAS. BLAS thinks in columns: the memory of a C-ordered A is, for BLAS, A^T.
So we ask it for (A B)^T = B^T A^T, hand it the transposed views, and copy nothing.

With few rows in A, such as a small batch before a fully connected layer, every number of a large B
is used a few times only, and the way B is read decides. BLAS copies it first. The micro-kernel
takes it in place, a slice of 16 rows at a time: in one slice it walks along whole rows, as memory
likes it, and comes back to the sums of `out`, which lie in the cache, for the next. (Measured: 1.7
to 2 times as fast as BLAS with 2 to 8 rows, no faster above 16. For one row BLAS has a function
of its own, matrix times vector, which memory alone limits: 6 times as fast as its matrix product.)

On CUDA it is our own kernel: `matmul_cuda.py` comes to it in three steps, each with its count of
memory reads.

Shapes: A (m, k), or (k, m) with `transpose_a`; B (k, n), or (n, k) with `transpose_b`; out (m, n),
all C-ordered and of one dtype. The sum over k runs in a fixed order.
"""

from __future__ import annotations

import numpy as np
from numba import prange
from scipy.linalg.blas import dgemm, dgemv, sgemm, sgemv

from ..device.backend import Array, Kernel, blas_threads
from ..device.cpu_target import cpu_kernel, thread_count
from .matmul_cuda import matmul_blocked
from .microkernel import FASTER_THAN_BLAS, PANEL, gemm_panels

# Below this many multiply-adds one BLAS thread is as fast, and Numba's next parallel kernel need
# not wait for BLAS threads that still spin, looking for work.
SMALL = 1 << 28

FEW_ROWS = range(2, 17)  # of A, for which the micro-kernel reads B in place
SLICE, SPAN = 16, 1024  # rows of B at a time; columns of a task
PART = 1024  # products of one partial sum: a long sum, number by number, loses digits

# -- Reference -----------------------------------------------------------------------------------


def matmul_reference(
    a: np.ndarray, b: np.ndarray, transpose_a: bool = False, transpose_b: bool = False
) -> np.ndarray:
    a = a.T if transpose_a else a
    b = b.T if transpose_b else b
    return np.einsum("ik,kj->ij", a, b)


# -- Kernels -------------------------------------------------------------------------------------


@cpu_kernel
def _few_rows(a, b, accumulate, out):
    """Compute `SPAN` columns per task, slice by slice of B; n is a multiple of PANEL."""
    k, n = b.shape
    for task in prange(-(-n // SPAN)):
        first, last = task * SPAN, min((task + 1) * SPAN, n)
        total, part = out[:, first:last], np.empty((len(a), last - first), a.dtype)
        if not accumulate:
            total[:] = a.dtype.type(0)
        for start in range(0, k, SLICE):
            rows = b[start : start + SLICE]
            panels = rows.reshape(len(rows), -1, PANEL).transpose(1, 0, 2)
            panels = panels[first // PANEL : last // PANEL]
            gemm_panels(a[:, start : start + SLICE], panels, part, start % PART > 0)
            if start % PART == PART - SLICE or start + SLICE >= k:
                total += part


def _matmul_cpu(a, b, transpose_a, transpose_b, accumulate, out):
    if not out.flags.c_contiguous:
        raise ValueError(f"matmul writes into C-ordered arrays only, got strides {out.strides}")
    if a.size == 0 or b.size == 0:  # BLAS takes no empty matrices
        if not accumulate:
            out[...] = 0
        return
    few = FASTER_THAN_BLAS and len(out) in FEW_ROWS and out.shape[1] % PANEL == 0
    if few and out.dtype == np.float32 and not (transpose_a or transpose_b):
        _few_rows(a, b, accumulate, out)
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
