"""A run: both protocols, closed set and open set, with their scores and figures; several seeds.

`commands` and `console` import it. It calls the three stages, `training` and `report`; it must not
know who is listening: it tells an `Observer`.
"""
