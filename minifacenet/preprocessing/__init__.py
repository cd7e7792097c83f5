"""Stage 1: from the photos of a folder to square faces of one size.

`embedding` and the rooms above import it. It must not know any network except the detector's own,
and knows a person only by the name of a folder.
"""
