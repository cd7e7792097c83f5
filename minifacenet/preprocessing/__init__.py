"""Stage 1: from the photos of a folder to square faces of one size."""
