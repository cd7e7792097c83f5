"""This computer: its GPU, its free memory, its processes (others, too: ranks), where its data lie.

The workers of a cluster, on other machines, take the place of its processes. Every room above may
import it. It must not know what a face is.
"""
