"""Where a kernel runs: CPU or CUDA, how it is compiled and cached, and the memory of a GPU.

Everything in `nn` rests on it, and it knows nothing above itself.
"""
