"""Reports of experiments: their record (open `record.py` first), tables on the terminal, and figures."""

from neuro.report.provenance import provenance
from neuro.report.record import Report, Table, staged, write

__all__ = ["Report", "Table", "provenance", "staged", "write"]
