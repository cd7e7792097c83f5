"""This computer: its GPU, its free memory, its processes, its signals, where its data lie.

Every room above may import it. It must not know what a face is.
"""
