"""Which neurons share a core; `choose.py` picks the method."""
