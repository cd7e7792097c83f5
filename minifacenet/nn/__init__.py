"""The ground floor: layers with a forward and a backward written by hand.

Everybody may import it; it imports numpy, numba, scipy and threadpoolctl alone. It knows nothing of
faces. The layers stand here, one per file; what they share stands in three wings: `convolution`,
`products` and `device`.
"""
