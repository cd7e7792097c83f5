"""The commands of the command line: each parses its arguments, calls, and lets `console` print.

Only `cli.py` imports this room, which may import every other. It must not know how anything is
computed or drawn: code that a Python user can call only through it is in the wrong room.
"""
