"""Asks the operating system for processes, and for a place to keep compiled kernels.

Open `workers.py` first, then `executors.py`.
"""
