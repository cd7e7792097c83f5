"""Compile every CUDA kernel to PTX and assemble it for sm_80 and sm_90: no GPU, no driver needed.

Prints registers, shared memory and spills and, of the matrix products, which share of their
instructions multiplies. Fails when a kernel does not compile, when a float32 kernel computes in
float64, when one spills registers, and when too small a share multiplies.
"""

import os
import re
import sys

from numba import boolean, float32, float64, int64, types, uint8

from minifacenet.embedding import distances, triplet
from minifacenet.nn import (
    batchnorm,
    concat,
    l2norm,
    l2pool,
    lrn,
    maxout,
    optim,
    prelu,
    relu,
)
from minifacenet.nn import maxpool as pool
from minifacenet.nn.convolution import im2col_cuda, implicit_gemm
from minifacenet.nn.device import backend, cuda_target
from minifacenet.nn.products import bias, matmul_cuda
from tests.machine_code import disassembler, product_share

ARCHITECTURES = ((8, 0), (9, 0))

# Registers a thread may take. With 64 a multiprocessor (65,536 of them) holds 1,024 threads. The
# register-blocked kernels keep 64 sums a thread on purpose, and have that many multiply-adds in
# flight instead of threads: 5 blocks of 64 threads at 184, 4 at 255.
MOST_REGISTERS = 64
BLOCKED = {"matmul blocked", "implicit forward", "implicit dw"}
MOST_REGISTERS_BLOCKED = {float32: 184, float64: 255}
SLICE_PRODUCTS = matmul_cuda.SLICE * matmul_cuda.MICRO**2  # of a thread, from barrier to barrier
LEAST_SHARE = {float32: 0.54, float64: 0.5}  # of the instructions between barriers that multiply


def vector(dtype):
    return dtype[::1]


def matrix(dtype):
    return dtype[:, ::1]


def images(dtype):
    return dtype[:, :, :, ::1]


def kernels(t):
    """(name, kernel, argument types) of every kernel, for arrays of dtype `t`."""
    v, m, x = vector(t), matrix(t), images(t)
    cube = t[:, :, ::1]
    pair = types.UniTuple(int64, 2)
    yield "fill", backend._fill_grid, (v, t)
    yield "relu forward", relu._forward_grid, (v, v)
    yield "relu backward", relu._backward_grid, (v, v, v)
    yield "prelu forward", prelu._forward_grid, (m, v, m)
    yield "prelu backward", prelu._backward_grid, (m, m, v, m)
    yield "prelu slope gradient", prelu._slope_gradient_grid, (m, m, v)
    flags = (boolean, boolean, boolean)
    yield "matmul naive", matmul_cuda._naive_grid, (m, m, *flags, m)
    yield "matmul tiled", matmul_cuda._tiled_grid, (m, m, *flags, m)
    yield "matmul blocked", matmul_cuda._blocked_grid, (v, v, int64, *flags, int64, cube)
    yield "linear bias", bias._add_bias_grid, (v, m)
    yield "linear bias gradient", bias._bias_gradient_grid, (m, v)
    triple, winner = types.UniTuple(int64, 3), vector(uint8)
    walk = (pair, pair, pair, triple, pair)  # kernel, stride, corner, size, grid
    yield "pool forward", pool._forward_grid, (v, *walk, v, winner)
    yield "pool backward", pool._backward_grid, (v, winner, *walk, v)
    yield "l2pool forward", l2pool._forward_grid, (v, *walk, v)
    yield "l2pool backward", l2pool._backward_grid, (v, v, v, *walk, v)
    yield "batchnorm sums", batchnorm._sums_grid, (m, v, m, v, int64, m, m)
    yield "batchnorm mean", batchnorm._mean_grid, (m, t, v)
    yield "batchnorm keep", batchnorm._keep_grid, (v, t, t, v)
    yield "batchnorm scale", batchnorm._scale_grid, (v, v, t, v)
    yield "batchnorm forward", batchnorm._forward_grid, (m, v, v, v, m)
    yield "batchnorm parameters", batchnorm._parameter_gradients_grid, (v, v, t, v, t, v, v, v)
    yield "batchnorm backward", batchnorm._backward_grid, (m, m, v, v, v, v, m)
    yield "lrn forward", lrn._forward_grid, (m, int64, t, t, t, m)
    yield "lrn backward", lrn._backward_grid, (m, m, int64, t, t, t, m)
    yield "maxout forward", maxout._forward_grid, (m, int64, m, matrix(uint8))
    yield "maxout backward", maxout._backward_grid, (m, matrix(uint8), int64, m)
    yield "l2norm forward", l2norm._forward_grid, (m, t, m, v)
    yield "l2norm backward", l2norm._backward_grid, (m, m, v, t, m)
    yield "concat insert", concat._insert_grid, (m, int64, m)
    yield "concat extract", concat._extract_grid, (m, int64, m)
    yield "concat accumulate", concat._accumulate_grid, (v, v)
    yield "sgd", optim._sgd_grid, (v, t, t, v, v)
    yield "adagrad", optim._adagrad_grid, (v, t, t, v, v)
    yield "adam", optim._adam_grid, (v, t, t, t, t, t, t, v, v, v)
    yield "squared distances", distances._distances_grid, (m, m)
    yield "embedding gradient", triplet._gradient_grid, (m, m, m)
    yield from convolutions(v, m, cube, x)


def convolutions(v, m, cube, images):
    """The same of the kernels behind Conv2D."""
    pair, triple = types.UniTuple(int64, 2), types.UniTuple(int64, 3)
    geometry = (pair, pair, pair)  # kernel, stride, corner
    yield "im2col", im2col_cuda._im2col_grid, (images, *geometry, pair, int64, m)
    yield "col2im", im2col_cuda._col2im_grid, (m, *geometry, pair, int64, images)
    yield "conv bias gradient", im2col_cuda._sum_pixels_grid, (cube, m)
    yield "add in order", matmul_cuda._add_in_order_grid, (m, boolean, v)
    sizes = (*geometry, triple, triple)
    yield "implicit forward", implicit_gemm._forward_grid, (v, v, v, *sizes, m)
    yield "implicit dw", implicit_gemm._weight_grid, (v, v, *sizes, int64, int64, cube, m)
    yield "turn weights", implicit_gemm._turn_grid, (images, images)
    yield "spread", implicit_gemm._spread_grid, (images, pair, images)


def assemble(name, ptx, capability) -> tuple[bytes, str]:
    """The machine code, and the assembler's own account: registers, shared memory, spills."""
    from cuda.bindings import nvjitlink

    options = [f"-arch=sm_{capability[0]}{capability[1]}", "-O3", "-verbose"]
    handle = nvjitlink.create(len(options), options)
    data = ptx.encode()
    nvjitlink.add_data(handle, nvjitlink.InputType.PTX, data, len(data), name)
    nvjitlink.complete(handle)
    log = bytearray(nvjitlink.get_info_log_size(handle))
    nvjitlink.get_info_log(handle, log)
    cubin = bytearray(nvjitlink.get_linked_cubin_size(handle))
    nvjitlink.get_linked_cubin(handle, cubin)
    nvjitlink.destroy(handle)
    return bytes(cubin), log.decode()


def number(pattern, text):
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def main() -> int:
    from numba import cuda

    faults = []
    readable = disassembler() is not None
    if not readable and os.environ.get("MINIFACENET_REQUIRE_EXTRAS") == "1":
        faults.append("no nvdisasm here (it comes with the extra `cuda`)")
    print(f"{'kernel':22} {'dtype':8} {'for':6} registers  shared  spills  multiply")
    for dtype in (float32, float64):
        for name, kernel, arguments in kernels(dtype):
            function = cuda_target._compile(kernel).py_func
            for capability in ARCHITECTURES:
                ptx, _ = cuda.compile(
                    function,
                    types.void(*arguments),
                    cc=capability,
                    device=False,
                    abi="numba",
                    output="ptx",
                )
                cubin, log = assemble(name, ptx, capability)
                registers = number(r"Used (\d+) registers", log)
                shared = number(r"(\d+) bytes smem", log)
                spills = number(r"(\d+) bytes spill stores", log)
                sm = f"sm_{capability[0]}{capability[1]}"
                line = f"{name:22} {dtype!s:8} {sm:6} {registers:9} {shared:7} {spills:7}"
                blocked = name in BLOCKED
                if blocked and readable:
                    share = product_share(cubin, SLICE_PRODUCTS)
                    line += f" {share:9.0%}"
                    if share < LEAST_SHARE[dtype]:
                        faults.append(f"{name} {dtype} {sm}: only {share:.0%} multiply")
                print(line)
                if dtype is float32 and re.search(r"\.f64\s", ptx):
                    faults.append(f"{name}: float64 arithmetic in the float32 kernel")
                most = MOST_REGISTERS_BLOCKED[dtype] if blocked else MOST_REGISTERS
                if spills or not 0 < registers <= most:
                    faults.append(f"{name} {sm}: {registers} registers, {spills} bytes spilled")
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
