"""Neurons by their own linear equations, taken apart into exponentials. Open `modes.py` first."""
