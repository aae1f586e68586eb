"""Writes of an array: settings, targets, pulses and closed loops. Open `writer.py` first."""
