"""The commands of the command line: each parses its arguments, calls, and lets `console` print.

Only `cli.py` imports this room, which may import every other. It must not know how anything is
computed or drawn: what a Python user cannot call without it stands in the wrong room.
"""
