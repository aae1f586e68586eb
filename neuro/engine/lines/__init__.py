"""Neurons whose v is a straight line between inputs, eight at a time. Open `eight_lines.py` first."""
