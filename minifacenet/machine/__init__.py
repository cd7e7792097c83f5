"""This computer: its GPU, its free memory, its processes, its signals, where data lie on it.

Every room above may import it. It must not know what a face is.
"""
