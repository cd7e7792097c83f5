"""Stage 3 of the paper: what unit vectors are good for. It verifies, names and groups faces.

`training` and the rooms above import it. It takes vectors, and must not know how a network was
trained.
"""
