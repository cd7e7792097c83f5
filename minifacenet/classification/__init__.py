"""Stage 3 of the paper: what unit vectors are good for — verify, name and group faces."""
