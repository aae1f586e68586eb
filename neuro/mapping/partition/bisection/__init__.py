"""Cuts into two sides, again and again. Open `bisect.py` first; `two_sides.py` grows and improves one cut."""
