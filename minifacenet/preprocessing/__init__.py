"""Stage 1: from the photos of a folder to square faces of one size.

`embedding` and the rooms above import it. It must not know any network but the detector's own, and
no person but by the name of a folder.
"""
