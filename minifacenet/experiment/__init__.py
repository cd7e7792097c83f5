"""A run goes through both protocols, closed set and open set, with their scores and figures.

`seeds` repeats it with several seeds. `commands` and `console` import this package. It calls the
three stages, `training` and `report`; it must not know who is listening: it tells an `Observer`.
"""
