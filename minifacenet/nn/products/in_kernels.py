"""Matrix products inside a kernel, on one thread: by the micro-kernel or by BLAS.

A kernel that multiplies small matrices says

    pack(b, panels)                                  once for each b
    multiply(a, b, panels, c, accumulate)            c = a b, or c += a b

and these call the micro-kernel where that is the faster one: in float32, on a processor for which
it was measured, and for a b that fills its panels. Everywhere else BLAS reads b itself, and the
panels, which `empty_panels` makes, are empty. BLAS has to be held to one thread.

The functions below are compiled where BLAS multiplies, and run as they are if Numba is switched off
(`NUMBA_DISABLE_JIT=1`), to step through a kernel in a debugger.
"""

from __future__ import annotations

import numpy as np
from numba.core import types
from numba.extending import overload
from numpy.typing import DTypeLike

from .microkernel import FASTER_THAN_BLAS, gemm_panels, pack_panels, panels_shape

WORTHWHILE = 0.7  # share of its panels that a matrix has to fill; the rest is computed in vain


def empty_panels(
    leading: tuple[int, ...], k: int, n: int, dtype: DTypeLike, least: float = WORTHWHILE
) -> np.ndarray:
    """Return room for the panels of matrices (k, n), after `leading` axes of matrices.

    `least` is the share of its panels that a matrix has to fill to get any; with 0 all get them.
    """
    shape = panels_shape(k, n)
    fills = n >= least * shape[0] * shape[2]
    wanted = FASTER_THAN_BLAS and dtype == np.float32 and fills
    return np.empty((*leading, *(shape if wanted else (0, 0, 0))), dtype)


def pack(b, panels):
    """Pack b (k, n) of any strides into its panels; here, where BLAS multiplies, they are empty."""


def multiply(a, b, panels, c, accumulate):
    """Compute c = a b, or c += a b; `panels` are those of b, packed.

    A kernel has to write `accumulate` as True or False, since each is a function of its own.
    a (m, k) and b (k, n) are C-ordered or transposes of such arrays; c (m, n) is C-ordered.
    """
    if accumulate:
        c += np.dot(a, b)
    else:
        np.dot(a, b, c)


def _by_microkernel(array) -> bool:
    return FASTER_THAN_BLAS and array.dtype == types.float32


@overload(pack)
def _compile_pack(b, panels):
    if _by_microkernel(b):
        return lambda b, panels: pack_panels(b, panels)  # nothing to do for empty ones
    return pack


@overload(multiply, prefer_literal=True)
def _compile_multiply(a, b, panels, c, accumulate):
    # LLVM gets a constant: a product that starts from zero need not look at C. 3 % of a layer. And
    # a kernel that only sets does not wait until the other product is compiled.
    def sets(a, b, panels, c, accumulate):
        if panels.size:
            gemm_panels(a, panels, c, False)
        else:
            np.dot(a, b, c)

    def adds(a, b, panels, c, accumulate):
        if panels.size:
            gemm_panels(a, panels, c, True)
        else:
            c += np.dot(a, b)

    if not _by_microkernel(a):
        return multiply
    return adds if accumulate.literal_value else sets
