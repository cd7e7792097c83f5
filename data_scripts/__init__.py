"""Getting data and weights: run as scripts in a clone, by `minifacenet get` anywhere."""
