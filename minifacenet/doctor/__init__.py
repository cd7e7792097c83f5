"""This machine, examined: what works, what to do about what does not, and all kernels compiled.

`commands` imports it. It tries a piece of every room below, so it stands above them all; it must
not know how its findings are printed.
"""
