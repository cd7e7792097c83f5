"""This computer: its GPU, its free memory, its processes (others, too: ranks), where its data lie.

Every room above may import it. It must not know what a face is.
"""
