"""Chips, and placements of networks on them; every figure of a chip has a source.

Open `model.py` first: `Chip` and the kinds of events that cost something (`KINDS`).
"""
