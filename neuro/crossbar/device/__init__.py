"""Memristive devices: what they hold, how pulses move them, how they fail; `device.py` comes first."""
