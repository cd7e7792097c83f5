"""Stage 2: square faces become 128-D unit vectors, by a network trained with the triplet loss.

`classification` and the rooms above import it. It takes uint8 images and labels, and must not know
where these faces come from, nor what their vectors are good for.
"""
