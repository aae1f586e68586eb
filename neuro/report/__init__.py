"""What an experiment found: a record of it, its tables and figures, and how they are written down."""

from neuro.report.progress import Progress, bar, silent
from neuro.report.record import Report, Table, provenance, staged, write

__all__ = ["Progress", "Report", "Table", "bar", "provenance", "silent", "staged", "write"]
