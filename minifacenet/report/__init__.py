"""The page of a run, `report.html`: it shows what came out, in one file that needs nothing else.

`experiment` imports this package. The package draws what it is given, and must not know how a
training or a protocol works: it reads their results and logs.
"""

from .page import write_report
from .parts import Naming, ReportParts, StrangersParts

__all__ = ["Naming", "ReportParts", "StrangersParts", "write_report"]
