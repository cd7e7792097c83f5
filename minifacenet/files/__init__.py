"""Values and files are written atomically, read without belief, shown without obedience.

Every room above may import it. It must not know what a face is, nor what its callers' files mean.
"""
