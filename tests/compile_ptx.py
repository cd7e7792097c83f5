"""Compile every CUDA kernel to PTX and assemble it for sm_80 and sm_90: no GPU, no driver needed.

Prints registers, shared memory and spills and, of the matrix products, which share of their
instructions multiplies. Fails when a kernel does not compile, when a float32 kernel computes in
float64, when one spills registers, and when too small a share multiplies. Words choose kernels:
`python -m tests.compile_ptx pool` compiles those that have it in their names.

Which kernels there are, and for which arguments they are compiled, is found by `cuda_launches.py`.
"""

import os
import re
import sys
from itertools import product

import numpy as np
from numba import types

from minifacenet.nn.convolution import implicit_gemm
from minifacenet.nn.device import cuda_target
from minifacenet.nn.products import matmul_cuda
from tests.cuda_launches import DTYPES, launches
from tests.machine_code import disassembler, product_share
from tests.modules import cuda_kernels

ARCHITECTURES = ((8, 0), (9, 0))

# Registers a thread may take. With 64 a multiprocessor (65,536 of them) holds 1,024 threads. The
# register-blocked kernels keep 64 sums a thread on purpose, and have that many multiply-adds in
# flight instead of threads: 5 blocks of 64 threads at 184, 4 at 255.
MOST_REGISTERS = 64
BLOCKED = {
    matmul_cuda._blocked_grid,
    implicit_gemm._forward_grid,
    implicit_gemm._weight_grid,
}
MOST_REGISTERS_BLOCKED = {np.float32: 184, np.float64: 255}
SLICE_PRODUCTS = matmul_cuda.SLICE * matmul_cuda.MICRO**2  # of a thread, from barrier to barrier
# Of the instructions between barriers, this share multiplies at least.
LEAST_SHARE = {np.float32: 0.54, np.float64: 0.5}


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


def kernels(words):
    """(dtype, name, kernel, argument types) of those whose name holds one of the words, or of all.

    KeyError where a kernel is launched by nothing that `cuda_launches.py` runs.
    """
    for dtype, name in product(DTYPES, cuda_kernels()):
        if not words or any(word in name for word in words):
            for arguments in launches()[dtype][name]:
                yield dtype, name, cuda_kernels()[name], arguments


def main(words=()) -> int:
    from numba import cuda

    faults = []
    readable = disassembler() is not None
    if not readable and os.environ.get("MINIFACENET_REQUIRE_EXTRAS") == "1":
        faults.append("no nvdisasm here (it comes with the extra `cuda`)")
    print(f"{'kernel':48} {'dtype':8} {'for':6} registers  shared  spills  multiply")
    for dtype, name, kernel, arguments in kernels(words):
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
            short = name.removeprefix("minifacenet.")
            line = f"{short:48} {dtype.__name__:8} {sm:6} {registers:9} {shared:7} {spills:7}"
            blocked = kernel in BLOCKED
            if blocked and readable:
                share = product_share(cubin, SLICE_PRODUCTS)
                line += f" {share:9.0%}"
                if share < LEAST_SHARE[dtype]:
                    faults.append(f"{name} {dtype.__name__} {sm}: only {share:.0%} multiply")
            print(line)
            if dtype is np.float32 and re.search(r"\.f64\s", ptx):
                faults.append(f"{name}: float64 arithmetic in the float32 kernel")
            most = MOST_REGISTERS_BLOCKED[dtype] if blocked else MOST_REGISTERS
            if spills or not 0 < registers <= most:
                faults.append(f"{name} {sm}: {registers} registers, {spills} bytes spilled")
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
