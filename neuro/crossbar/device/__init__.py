"""Memristive devices: windows, laws of pulses, noise, faults, presets and fits. Open `device.py` first."""
