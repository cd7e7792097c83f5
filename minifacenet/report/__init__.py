"""The page of a run, `report.html`: what came out, in one file that needs nothing else."""

from .page import write_report
from .parts import Naming, ReportParts

__all__ = ["Naming", "ReportParts", "write_report"]
