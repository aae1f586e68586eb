"""Reads of an array: settings, products, noise, converters and energy. Open `reader.py` first."""
