"""Lowers a network to the flat arrays that kernels read. Open `program.py` first."""
