"""Networks of resistors, diodes and amplifiers that settle by physics and learn from it; open `network.py` first."""
