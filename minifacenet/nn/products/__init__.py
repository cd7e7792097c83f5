"""Matrix products and the bias that follows them: BLAS, a micro-kernel in registers, CUDA.

Layers and `convolution` import them. They know arrays, and nothing of layers or windows.
"""
