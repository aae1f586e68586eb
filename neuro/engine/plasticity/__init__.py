"""Learning while a network runs; `loop.py` goes from window to window."""
