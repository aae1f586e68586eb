"""Drives the exact engine: inputs, states, and calls of the kernels chunk by chunk. Open `advance.py` first."""
