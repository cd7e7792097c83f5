"""A training that watches itself: the loop, its settings, who judges it, what it leaves on disk.

`experiment`, `report` and the rooms above import it. It uses the three stages' functions, and must
not know any protocol of a run, nor who is watching: it tells an `Observer`.
"""
