"""Writes: targets, pulses, closed loops; `pairs.py` holds the conductances."""
