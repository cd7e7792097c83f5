"""Which vector instructions Numba's compiler, LLVM, uses on this processor.

A vector register holds several floats, and one instruction works on all of them: 16 floats with
AVX-512 (register names begin with zmm), 8 with AVX2 (ymm). We keep no list of processors. We ask
LLVM: compile a multiply-add of 16 floats, and read in the assembly what it became.

`NUMBA_CPU_NAME` and `NUMBA_CPU_FEATURES` choose another processor, for tests: haswell has AVX2 and
no AVX-512, generic has neither. Numba's cache on disk keeps what is compiled for each apart.
"""

from __future__ import annotations

import numba
from llvmlite import binding
from numba.core.registry import cpu_target

INSTRUCTION_SETS = ("plain", "AVX2", "AVX-512")  # from the shortest vectors to the longest

_QUESTION = """
declare <16 x float> @llvm.fmuladd.v16f32(<16 x float>, <16 x float>, <16 x float>)
define <16 x float> @f(<16 x float> %a, <16 x float> %b, <16 x float> %c) {
  %d = call <16 x float> @llvm.fmuladd.v16f32(<16 x float> %a, <16 x float> %b, <16 x float> %c)
  ret <16 x float> %d
}"""


def _of_the_target() -> str:
    """Return the instruction set of the processor that Numba compiles for."""
    _, processor, features = cpu_target.target_context.codegen().magic_tuple()
    answers = [_ask_llvm(processor, features)]
    if numba.config.CPU_NAME is not None and numba.config.CPU_FEATURES is None:
        # Numba adds the features of this machine to the processor that the user named.
        answers.append(_ask_llvm(processor, ""))
    return min(answers, key=INSTRUCTION_SETS.index)


def _ask_llvm(processor: str, features: str) -> str:
    target = binding.Target.from_default_triple()
    machine = target.create_target_machine(cpu=processor, features=features)
    assembly = machine.emit_assembly(binding.parse_assembly(_QUESTION))
    if "vfmadd" not in assembly:
        return "plain"
    return "AVX-512" if "zmm" in assembly else "AVX2"


INSTRUCTIONS = _of_the_target()
