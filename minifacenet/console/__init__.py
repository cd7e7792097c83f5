"""What the commands print: lines, tables, progress bars; no name from outside controls a terminal.

`commands` and `speed` import it; it reads the results of the rooms below. It must not know how a
result was computed, and it never decides anything.
"""
