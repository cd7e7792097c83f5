"""Stage 2: square faces become 128-D unit vectors, by a network trained with the triplet loss."""
