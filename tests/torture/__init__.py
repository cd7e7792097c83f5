"""What was tried against the project, and what it survived: `make torture`, or one attack of it.

    python -m tests.torture --list
    python -m tests.torture kill-train --cases 5 --seed 1

One module per kind of attack; `attack.py` says what an attack is. The last whole run of each is a
row of results.csv, from which the tables of README.md and of the guide's page are made.
"""
