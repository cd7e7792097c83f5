"""The page of a library of photos, `album.html`: whom its faces show, and who is still unnamed.

`commands` imports this package. It shows the rows that `classification.recognition` gives, and must
not know how a face was found or named.
"""

from .drawn import write_drawn
from .page import write_album

__all__ = ["write_album", "write_drawn"]
