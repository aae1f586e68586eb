"""Cuts into two sides, again and again. Open `bisect.py` first; `two_sides.py` grows a cut, `spectral.py` orders."""
