"""Moves of single neurons between cores; `refine.py` comes first."""
