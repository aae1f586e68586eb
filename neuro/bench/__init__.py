"""Benchmarks that a user can run (`neuro bench`): the engine beside other simulators, and mapping studies.

Open `engine.py` first.
"""
