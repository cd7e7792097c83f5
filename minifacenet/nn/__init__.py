"""The ground floor: layers with a forward and a backward written by hand.

Everybody may import it; it imports only numpy, numba, scipy and threadpoolctl. It knows nothing of
faces. The layers are here, one per file; what they share is in three wings: `convolution`,
`products` and `device`.
"""
