"""From a network to the flat arrays that kernels read; `program.py` comes first."""
