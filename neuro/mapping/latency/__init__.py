"""Placements that take little time: the busiest core of each step. Open `shorten.py` first."""
