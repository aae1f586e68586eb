"""Plasticity: synapses that learn while a network runs. Open `loop.py` first."""
