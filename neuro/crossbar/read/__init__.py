"""Reads: settings, noise, converters and their energy; `reader.py` comes first."""
