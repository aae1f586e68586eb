"""Learning rules, clamps and the associative memory; open `memory.py` first to see them work together."""
