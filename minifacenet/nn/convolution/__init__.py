"""How a convolution is computed: im2col, Winograd's transforms, the implicit product on a GPU.

`nn.conv` chooses among them. They know windows and products, and nothing of the layers.
"""
